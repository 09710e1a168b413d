import csv
import hashlib
import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from foveate.errors import UserError
from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.evaluate import read_per_image, read_scores
from foveate.experiments.clock import Clock
from foveate.experiments.compare import compare
from foveate.experiments.gallery import load_gallery
from foveate.experiments.plan import forecast, make_plan
from foveate.experiments.result import load_comparison
from foveate.experiments.sweeps.collect import collect
from foveate.experiments.verdict_on import verdict_on
from foveate.loading.module import DataModule
from foveate.models.create import resolve_encoder
from foveate.report.page import write_report
from foveate.training.callbacks import ProgressEvent
from foveate.training.run import Interrupted
from foveate.training.run_directory import Run

PLACEBO = "placebo@decoder(parameters=116)"
FOLDERS = ("none", "cbam@decoder", "placebo@decoder-parameters=116")


def test_a_killed_process_leaves_what_it_had_finished(continued):
    assert continued.exitcode == -signal.SIGKILL
    left = continued.left_by_child
    assert "comparison.yaml" in left
    assert "runs/none/seed0/result.json" in left
    assert "comparison.json" not in left
    assert not any(path.startswith("runs/") and "none/seed0" not in path and "best" in path for path in left)


def test_the_same_comparison_goes_on_after_the_runs_that_are_complete(continued):
    trained = {(event.arm, event.seed) for event in continued.events if event.stage == "train"}
    everything = {(arm, seed) for arm in ("none", "cbam@decoder", PLACEBO) for seed in (0, 1)}
    assert trained == everything - {("none", 0)}
    weights = continued.out / "runs/none/seed0/best.safetensors"
    assert _sha(weights) == continued.left_by_child["runs/none/seed0/best.safetensors"]


def test_runs_go_seed_by_seed_with_the_host_first(continued):
    order = list(dict.fromkeys((e.run, e.arm, e.seed) for e in continued.events if e.stage == "train"))
    assert order == [
        (2, "cbam@decoder", 0),
        (3, PLACEBO, 0),
        (4, "none", 1),
        (5, "cbam@decoder", 1),
        (6, PLACEBO, 1),
    ]
    stages = list(dict.fromkeys(event.stage for event in continued.events))
    assert stages == ["train", "score", "cost", "gallery"]
    scored = [(event.run, event.runs) for event in continued.events if event.stage == "score"]
    assert scored == [(number, 6) for number in range(1, 7)]
    assert [(e.run, e.runs) for e in continued.events if e.stage == "cost"] == [(1, 3), (2, 3), (3, 3)]


def test_every_run_is_a_run_directory_of_the_same_spec_but_for_arm_and_seed(continued):
    arms = ("none", "cbam@decoder", PLACEBO)
    for arm, folder in zip(arms, FOLDERS, strict=True):
        for seed in (0, 1):
            run = Run(continued.out / "runs" / folder / f"seed{seed}")
            assert run.is_complete
            spec = continued.spec.run(arm, seed)
            assert run.spec == replace(spec, model=resolve_encoder(spec.model))
            assert not run.last_checkpoint.exists()
    splits = [path.read_text() for path in continued.out.glob("runs/*/*/splits.json")]
    assert len(splits) == 6
    assert len(set(splits)) == 1


def test_comparison_json_holds_the_scores_of_the_runs(continued):
    plain = json.loads((continued.out / "comparison.json").read_text())
    assert [(item["arm"], item["role"]) for item in plain["contenders"]] == [
        ("none", "host"),
        ("cbam@decoder", "arm"),
        (PLACEBO, "placebo"),
    ]
    assert plain["command"] == "foveate compare synthetic"
    assert plain["seeds"] == [0, 1]
    for item in plain["contenders"]:
        for seed, value in enumerate(item["scores"]["miou"]):
            run = continued.out / "runs" / item["folder"] / f"seed{seed}"
            assert value == read_scores(run).miou
    read = load_comparison(continued.out)
    assert read.result("cbam@decoder").placebo == PLACEBO
    difference = read.result("cbam@decoder").difference.mean
    ours, hosts = (read.contenders[number].scores["miou"] for number in (1, 0))
    assert difference == pytest.approx(np.mean(ours) - np.mean(hosts), abs=0.02)


def test_a_run_knows_the_verdict_on_its_arm(continued, tmp_path):
    by_arm = {
        item.arm: continued.out / "runs" / item.folder / "seed0" for item in continued.comparison.contenders
    }
    verdict = continued.comparison.result("cbam@decoder").verdict
    said = verdict_on(by_arm["cbam@decoder"])
    assert said.startswith("cbam@decoder against none on unet with tu-test_resnet ")
    assert f": {verdict}, " in said
    assert verdict_on(by_arm["none"]) == ""
    assert verdict_on(tmp_path / "a" / "b" / "c") == ""


def test_the_csv_has_one_row_for_each_number(continued):
    with (continued.out / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    mious = [row for row in rows if row["quantity"] == "miou"]
    assert [(row["arm"], row["role"], row["seed"]) for row in mious] == [
        (arm, role, seed)
        for arm, role in (("none", "host"), ("cbam@decoder", "arm"), (PLACEBO, "placebo"))
        for seed in "01"
    ]
    classes = {row["class"] for row in rows if row["quantity"] == "iou"}
    assert classes == set(continued.comparison.classes)
    for measure in ("iou", "dice", "precision", "recall"):
        means = [row for row in rows if (row["quantity"], row["seed"]) == (measure, "")]
        assert len(means) == 3 * len(classes)
    parameters = {row["arm"]: float(row["value"]) for row in rows if row["quantity"] == "parameters"}
    assert parameters["cbam@decoder"] == parameters[PLACEBO] == parameters["none"] + 116
    assert {"flops", "latency_ms", "memory_bytes", "p_holm"} <= {row["quantity"] for row in rows}


def test_curves_hold_every_epoch_of_every_run(continued):
    points = load_comparison(continued.out).curves
    assert len(points) == 6
    run = Run(continued.out / "runs/cbam@decoder/seed1")
    point = next(p for p in points if (p.arm, p.seed) == ("cbam@decoder", 1))
    row = run.metrics()[0]
    assert (point.train_loss, point.val_score) == (row["train_loss"], row["val_miou"])


def test_the_gallery_shows_the_largest_differences_with_the_first_seed(continued):
    exhibits = load_gallery(continued.out)
    assert 1 <= len(exhibits) <= 6
    changes = [abs(exhibit.change) for exhibit in exhibits]
    assert changes == sorted(changes, reverse=True)
    stems, confusions, _ = read_per_image(continued.out / "runs/cbam@decoder/seed0")
    data = DataModule(continued.spec.data, 0)
    for exhibit in exhibits:
        host, arm = exhibit.panels
        assert (host.arm, arm.arm) == ("none", "cbam@decoder")
        assert host.attention is None
        assert arm.attention.shape == (32, 48)
        assert arm.attends.startswith("factor of each position")
        assert exhibit.image.shape == (32, 48, 3)
        theirs = confusions[stems.index(exhibit.stem)]
        ours = confusion_matrices(
            torch.from_numpy(arm.prediction.astype(np.int64))[None],
            torch.from_numpy(exhibit.truth.astype(np.int64))[None],
            len(data.classes),
        )[0].numpy()
        assert np.abs(ours - theirs).sum() <= 4  # a pixel or two on the verge may differ between batch sizes


def test_the_report_is_drawn_from_the_files(continued):
    page = write_report(continued.out).read_text()
    assert "Does attention help on synthetic" in page
    assert page.count("data:image/png;base64,") == len(load_gallery(continued.out)) * (2 + 2 + 2 + 1)
    assert len(page) < 5_000_000


def test_running_again_trains_nothing_and_returns_the_same(continued):
    events = []
    again = compare(continued.spec, continued.out, events.append, command="foveate compare synthetic")
    assert not [event for event in events if event.stage == "train"]
    assert again.contenders == continued.comparison.contenders
    assert again.result("cbam@decoder").difference == continued.comparison.result("cbam@decoder").difference


def test_another_spec_in_the_same_folder_is_refused_with_what_differs(continued):
    changed = replace(continued.spec, training=replace(continued.spec.training, epochs=7))
    with pytest.raises(UserError, match=r"runs with epochs=1, not 7\..*choose another folder"):
        compare(changed, continued.out)
    with pytest.raises(UserError, match=r"arms: .*now \['se@decoder'\]"):
        compare(replace(continued.spec, arms=("se@decoder",)), continued.out)
    with pytest.raises(UserError, match="seeds: 2, now 3; first_seed: 0, now 1"):
        compare(replace(continued.spec, seeds=3, first_seed=1), continued.out)


def test_ctrl_c_keeps_the_training_so_far(small_spec, tmp_path):
    def stop(event):
        if event.stage == "train" and event.training.step == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(
        Interrupted, match=r"the training so far is kept in .*run the same command again to resume"
    ):
        compare(small_spec, tmp_path / "c", stop)
    assert (tmp_path / "c" / "comparison.yaml").is_file()
    assert Run(tmp_path / "c" / "runs" / "none" / "seed0").spec_file.is_file()


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (("cbma@decoder",), "did you mean 'cbam'"),
        (("cbam@decodr",), "did you mean 'decoder'"),
        (("cbam@decoder(ratio=3)",), "ratio"),
        (("cbam@decoder", "se@"), "expected a place"),
        (("placebo@decoder", "cbam@encoder2"), "no other arm sits at decoder"),
    ],
)
def test_wrong_arms_raise_before_anything_is_written(small_spec, tmp_path, arms, words):
    with pytest.raises(UserError, match=words):
        compare(replace(small_spec, arms=arms), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_left_alone(small_spec, tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(UserError, match="not empty"):
        compare(small_spec, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_complete_runs_are_not_in_the_forecast(continued):
    plan = make_plan(continued.spec)
    assert forecast(plan, continued.out, steps=1).seconds == 0
    fresh = forecast(plan, steps=1)
    assert fresh.seconds > 0
    assert (fresh.runs, fresh.runs_done, fresh.epochs) == (6, 0, 1)
    assert "6 runs of 1 epoch:" in fresh.describe()
    assert "fit in memory" in fresh.describe()


def test_remaining_time_uses_earlier_runs_of_each_arm(continued):
    plan = make_plan(replace(continued.spec, seeds=3))
    clock = Clock(plan, continued.out)
    clock.done = {key: {"none": 10.0, "cbam@decoder": 20.0, PLACEBO: 5.0}[key[0]] for key in clock.done}
    event = ProgressEvent(1, 1, 1, 2, 0.5, None, seconds_elapsed=4.0, seconds_left=6.0)
    assert clock.seconds_left("none", 2, event) == 6.0 + 20.0 + 5.0


def test_remaining_time_follows_the_pace_of_the_current_run(continued):
    clock = Clock(make_plan(replace(continued.spec, seeds=3)), continued.out)
    clock.done = {key: {"none": 10.0, "cbam@decoder": 20.0, PLACEBO: 5.0}[key[0]] for key in clock.done}
    half = ProgressEvent(1, 1, 1, 2, 0.5, None, seconds_elapsed=2.0, seconds_left=2.0)
    assert clock.seconds_left("none", 2, half) == pytest.approx(2.0 + 0.7 * (20.0 + 5.0))
    whole = ProgressEvent(1, 1, 2, 2, 0.5, None, seconds_elapsed=4.0, seconds_left=0.0)
    assert clock.seconds_left("none", 2, whole) == pytest.approx(0.4 * (20.0 + 5.0))
    resumed = ProgressEvent(1, 1, 8, 10, 0.5, None, seconds_elapsed=2.0, seconds_left=4.0, resumed_at=7)
    assert clock.seconds_left("none", 2, resumed) == pytest.approx(4.0 + 1.1 * (20.0 + 5.0))


def test_remaining_time_is_unknown_in_the_first_steps_of_an_arm(continued):
    clock = Clock(make_plan(replace(continued.spec, seeds=3)), continued.out)
    clock.done = {}
    early = ProgressEvent(1, 1, 1, 64, 0.5, None, seconds_elapsed=20.0, seconds_left=1260.0)
    assert clock.seconds_left("none", 0, early) is None
    known = ProgressEvent(1, 1, 4, 64, 0.5, None, seconds_elapsed=24.0, seconds_left=360.0)
    assert clock.seconds_left("none", 0, known) > 360


def test_results_of_a_folder_have_the_comparison_with_its_verdicts(continued):
    found = collect(continued.out)
    assert len(found.rows) == 6
    assert [entry.arm for entry in found.entries] == ["none", "cbam@decoder", PLACEBO]
    assert found.questions == 1
    cbam = continued.comparison.result("cbam@decoder")
    assert (found.entries[1].verdict, found.entries[1].p) == (cbam.verdict, cbam.p_holm)


def _sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
