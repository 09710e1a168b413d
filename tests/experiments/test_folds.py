"""A comparison whose seeds test different folds of the images."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from foveate.api.compare import open_comparison
from foveate.api.settings import parse_settings
from foveate.data.open import open_unsplit
from foveate.errors import DataError, UserError
from foveate.evaluation.evaluate import read_per_image
from foveate.experiments.briefing import folds_note
from foveate.experiments.compare import compare
from foveate.experiments.defaults import default_folds
from foveate.experiments.pick import pick_exhibits
from foveate.experiments.plan import make_plan
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.training.run import Interrupted
from foveate.training.run_directory import Run

ARM = "se@decoder(reduction=4)"


def add_photo(root, name, number):
    rng = np.random.default_rng(number)
    for folder, pixels in (
        ("images", rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)),
        ("masks", np.repeat(np.uint8([[0] * 24 + [255] * 24]), 32, axis=0)),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / folder / f"{name}.png")


@pytest.fixture
def photos(tmp_path):
    """Twenty images of ten patients."""
    for number in range(20):
        add_photo(tmp_path / "data", f"p{number // 2}_{number % 2}", number)
    return tmp_path / "data"


@pytest.fixture
def spec(photos, small_spec):
    data = DataSpec(str(photos), size=(32, 48), batch=4, workers=0, group="^[^_]+")
    return replace(small_spec, data=data, arms=(ARM,), placebo=False, folds=5)


def test_the_seeds_test_each_image_once(spec):
    plan = make_plan(replace(spec, seeds=7, first_seed=3))
    tested = [plan.module(seed).dataset.index("test") for seed in range(3, 8)]
    assert len({entry.stem for entries in tested for entry in entries}) == sum(map(len, tested)) == 20
    assert plan.module(8) is plan.module(3) is plan.data
    assert plan.data.spec.fold == "4/5"
    assert plan.spec.run(ARM, 8).data.fold == "4/5"
    for seed in plan.spec.seed_numbers:
        held = [set(plan.module(seed).dataset.groups(split)) for split in ("train", "val", "test")]
        assert sum(map(len, held)) == 10
    assert folds_note(plan) == "Each seed tests another of 5 folds; together they test all 20 images."
    assert len(plan.test_stems) == len(plan.groups) == 20


def test_a_comparison_with_folds_continues_after_files_were_added(spec, photos, tmp_path):
    out = tmp_path / "c"
    with pytest.raises(Interrupted):
        compare(spec, out, lambda event: stop(event, 2))
    recorded = json.loads((out / "splits.json").read_text())
    assert list(recorded) == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    for number in range(20, 24):
        add_photo(photos, f"p{number // 2}_{number % 2}", number)
    with pytest.raises(Interrupted):
        compare(spec, out, lambda event: stop(event, 4) if event.stage == "score" else None)
    confusions = {}
    for arm, folder in (("none", "none"), (ARM, "se@decoder-reduction=4")):
        for seed in (0, 1):
            run = out / f"runs/{folder}/seed{seed}"
            assert Run(run).splits == recorded[f"{seed + 1}/5"]
            stems, confusions.setdefault(arm, {})[seed], _ = read_per_image(run)
            assert sorted(stems) == recorded[f"{seed + 1}/5"]["test"]
    assert json.loads((out / "splits.json").read_text()) == recorded
    plan = make_plan(spec, out)
    exhibits = pick_exhibits(plan, out, confusions)
    assert {exhibit.stem for exhibit in exhibits} == set(recorded["1/5"]["test"])
    assert folds_note(plan) == "Each seed tests another of 5 folds; together they test 8 of 20 images."


def stop(event, run):
    if event.run == run:
        raise KeyboardInterrupt


def test_folds_of_a_comparison_that_began_are_kept(spec, photos, tmp_path):
    out = tmp_path / "c"
    with pytest.raises(Interrupted):
        compare(spec, out, lambda event: stop(event, 1))
    settings = parse_settings(photos, {"size": (32, 48), "batch": 4, "workers": 0, "group": "^[^_]+"})
    opened = open_comparison(settings, [ARM], seeds=2, epochs=1, out=out, folds="auto")
    assert opened.spec.folds == 5
    assert opened.dataset.split_table() == json.loads((out / "splits.json").read_text())["1/5"]
    with pytest.raises(UserError, match="folds: 5, now 0"):
        make_plan(replace(spec, folds=0), out)


@pytest.mark.parametrize(
    ("keywords", "folds"),
    [({}, 5), ({"group": "^[^_]+"}, 5), ({"split": "80/10/10"}, 0), ({"fold": "1/4"}, 0)],
)
def test_automatic_folds(photos, keywords, folds, tmp_path):
    settings = parse_settings(photos, keywords)
    assert open_comparison(settings, out=tmp_path / "c", folds="auto").spec.folds == folds


@pytest.mark.parametrize(("patients", "folds"), [(7, 0), (8, 4), (10, 5), (12, 5)])
def test_automatic_folds_hold_two_groups_or_more_each(patients, folds, tmp_path):
    for number in range(3 * patients):
        add_photo(tmp_path / "few", f"p{number // 3}_{number % 3}", number)
    unsplit = open_unsplit(tmp_path / "few", group="^[^_]+")
    assert default_folds(unsplit, DataSpec(str(tmp_path / "few"))) == folds


def test_data_with_a_part_to_test_on_have_no_automatic_folds(tmp_path):
    settings = parse_settings("synthetic:8", {})
    assert open_comparison(settings, out=tmp_path / "c", folds="auto").spec.folds == 0


def test_folds_that_cannot_be():
    with pytest.raises(UserError, match="the data have the fold 1/5 and the comparison 3 folds"):
        ComparisonSpec(DataSpec("photos", fold="1/5"), folds=3)
    with pytest.raises(UserError, match="folds is 1; give 2 or more, or 0"):
        ComparisonSpec(DataSpec("photos"), folds=1)


def test_more_folds_than_groups_are_refused_before_anything_is_written(spec, tmp_path):
    with pytest.raises(DataError, match="12 folds need 12 groups, and the data have 10; choose 10 folds or"):
        compare(replace(spec, folds=12), tmp_path / "c")
    assert not (tmp_path / "c").exists()
