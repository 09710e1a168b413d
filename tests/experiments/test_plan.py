import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.data.pixels.masks import MaskCodec
from foveate.errors import DataError, UserError
from foveate.experiments import plan as planning
from foveate.experiments.briefing import one_group_note
from foveate.experiments.compare import compare
from foveate.experiments.looking import score_runs
from foveate.experiments.overheads import Overheads, measure_overheads
from foveate.experiments.plan import forecast, make_plan
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.training.run import Interrupted, fit
from foveate.training.run_directory import Run


@pytest.fixture
def photos(tmp_path, small_spec) -> ComparisonSpec:
    """A comparison on twelve images in a folder that gives no split."""
    for number in range(12):
        add_photo(tmp_path / "data", number)
    data = DataSpec(str(tmp_path / "data"), size=(32, 48), batch=4, workers=0)
    return replace(small_spec, data=data, arms=("se@decoder(reduction=4)",), placebo=False)


def add_photo(root: Path, number: int, images: str = "images", masks: str = "masks") -> None:
    rng = np.random.default_rng(number)
    for folder, pixels in (
        (images, rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)),
        (masks, 255 * rng.integers(0, 2, (32, 48), dtype=np.uint8)),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / folder / f"{number}.png")


def stop(event):
    raise KeyboardInterrupt


def test_a_damaged_test_image_raises_before_anything_is_written(photos, tmp_path):
    image = make_plan(photos).data.dataset.index("test")[0].image
    image.write_bytes(image.read_bytes()[:-400])
    with pytest.raises(DataError, match=f"{image.name}: the image is damaged or truncated"):
        compare(photos, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_test_images_of_one_group_are_warned_of(tmp_path, small_spec):
    for number in range(10, 30):
        add_photo(tmp_path / "data" / ("test" if number < 16 else "train"), number)
    data = DataSpec(str(tmp_path / "data"), size=(32, 48), batch=4, workers=0, group="^.")
    spec = replace(small_spec, data=data, arms=("se@decoder(reduction=4)",), placebo=False)
    assert "all 6 test images are of one group ('1')" in one_group_note(make_plan(spec))
    single = replace(spec, data=replace(data, group="^.."))
    assert one_group_note(make_plan(single)) == ""


def test_images_added_later_do_not_change_the_splits(photos, tmp_path):
    out = tmp_path / "c"
    with pytest.raises(Interrupted):
        compare(photos, out, stop)
    recorded = json.loads((out / "splits.json").read_text())
    assert Run(out / "runs/none/seed0").splits == recorded
    for number in range(12, 24):
        add_photo(tmp_path / "data", number)
    assert make_plan(photos).data.dataset.split_table() != recorded

    (out / ".comparison.yaml.x1y2.part").write_text("half")
    with pytest.raises(Interrupted):
        compare(replace(photos, seeds=3), out, lambda event: stop(event) if event.run == 2 else None)
    assert json.loads((out / "splits.json").read_text()) == recorded
    assert Run(out / "runs/se@decoder-reduction=4/seed0").splits == recorded
    assert not list(out.glob(".*"))

    (tmp_path / "data/images" / f"{recorded['test'][0]}.png").unlink()
    (tmp_path / "data/masks" / f"{recorded['test'][0]}.png").unlink()
    with pytest.raises(DataError, match=r"1 images of the recorded split are missing, .*put them back"):
        compare(replace(photos, seeds=3), out)


def test_masks_are_decoded_once_to_count_their_classes_and_once_to_train(small_spec, tmp_path, monkeypatch):
    for number in range(12):
        add_photo(tmp_path / "data", number, "Image/Fire", "Segmentation_Mask/Fire")
    decoded, decode = Counter(), MaskCodec.decode

    def counting(codec, raw, path):
        decoded[path] += 1
        return decode(codec, raw, path)

    monkeypatch.setattr(MaskCodec, "decode", counting)
    spec = replace(
        small_spec,
        data=DataSpec(str(tmp_path / "data"), size=(32, 48), batch=4, workers=0),
        training=replace(small_spec.training, class_weights="enet"),
        arms=("se@decoder(reduction=4)", "simam@decoder"),
    )
    plan = make_plan(spec)
    train = {entry.mask for entry in plan.data.dataset.index("train")}
    assert len(plan.arms) > 3
    masks = (tmp_path / "data/Segmentation_Mask/Fire").iterdir()
    assert decoded == {mask: 2 if mask in train else 1 for mask in masks}
    before = decoded.copy()
    forecast(plan, steps=1)
    runs = [(arm, 1) for arm in plan.arms if arm.arm in ("none", "simam@decoder")]
    for arm, seed in runs:
        fit(spec.run(arm.arm, seed), plan.folder(tmp_path, arm, seed), data=plan.data)
    score_runs(plan, tmp_path, runs, lambda *stage: None)
    assert decoded == before, "nor again to forecast, to fit, and to score"


def test_several_devices_are_refused(small_spec, tmp_path):
    with pytest.raises(UserError, match=r"devices is 2: a comparison trains each of its runs on one device"):
        compare(small_spec, tmp_path / "c", trainer_flags={"devices": 2})
    assert not (tmp_path / "c").exists()
    assert make_plan(small_spec, trainer_flags={"devices": [1]}).trainer_flags == {"devices": [1]}


def test_every_crop_counts_for_its_share_of_the_epochs(small_spec, monkeypatch):
    monkeypatch.setattr(planning, "measure_overheads", lambda plan, step: Overheads(0.0, 0.0, 0.0, 0.0))

    def seconds(schedule):
        data = replace(small_spec.data, size=(256, 256), crop=(32, 32), crop_schedule=schedule, workers=0)
        training = replace(small_spec.training, epochs=2)
        spec = replace(small_spec, data=data, training=training, placebo=False)
        return forecast(make_plan(spec), steps=1).in_steps

    assert seconds(((0.5, (256, 256)),)) > 2 * seconds(())


def test_steps_are_timed_on_the_given_accelerator(small_spec):
    # PyTorch's device without values is on every machine, and says so when a step's loss is read.
    plan = make_plan(small_spec, trainer_flags={"accelerator": "meta"})
    with pytest.raises(RuntimeError, match=r"unsupported scalarType|meta"):
        forecast(plan, steps=1)


def test_the_forecast_counts_the_time_outside_training_steps(small_spec):
    plan = make_plan(small_spec)
    step = 0.01
    overheads = measure_overheads(plan, step)
    assert min(overheads.start, overheads.score, overheads.conclude) > 0
    expected = forecast(plan, steps=1)
    runs, arms = len(plan.runs), len(plan.arms)
    least = 0.3 * (runs * (overheads.start + overheads.score) + arms * overheads.conclude)
    assert expected.seconds - expected.in_steps > least


def test_a_comparison_that_validates_rarely_is_forecast(small_spec):
    rarely = replace(small_spec.training, epochs=4, validate_every=4)
    assert forecast(make_plan(replace(small_spec, training=rarely)), steps=1).seconds > 0


def test_a_comparison_keeps_the_weights_it_began_with_when_downloads_work_again(
    small_spec, tmp_path, monkeypatch
):
    assert small_spec.model.encoder_weights == "auto"
    make_plan(small_spec).spec.save(tmp_path / "comparison.yaml")
    monkeypatch.setattr("foveate.models.create.imagenet_at_hand", lambda *_: True)
    assert make_plan(small_spec, tmp_path).spec.model.encoder_weights == "none"
