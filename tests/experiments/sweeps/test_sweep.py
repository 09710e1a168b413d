"""One sweep for all tests: a process is killed in its second run, and this one goes on."""

import json
import signal
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from foveate.api.cross_validation import cross_validation, pooled_scores
from foveate.api.settings import parse_settings
from foveate.api.sweep import open_sweep, read_sweep
from foveate.errors import UserError
from foveate.experiments.engines.engine import KilledForMemory
from foveate.experiments.engines.here import Here
from foveate.experiments.sweeps.gather import rows_of_sweep
from foveate.experiments.sweeps.marker import read_mark
from foveate.experiments.sweeps.sweep import run_sweep

TREE = {
    "data": "synthetic:8:32x48",
    "size": [32, 48],
    "batch": 4,
    "epochs": 2,
    "precision": "32",
    "arch": "unet",
    "encoder": "tu-test_resnet",
    "encoder_weights": "none",
    "options": {"encoder_depth": 2, "decoder_channels": [16, 8]},
    "arms": ["none", "se@decoder"],
    "grid": {"lr": [0.01, 1e30]},
}

CHILD = """
import os, signal
from contextlib import nullcontext
from foveate.api.sweep import open_sweep, read_sweep
from foveate.experiments.engines.here import Here
from foveate.experiments.sweeps.sweep import run_sweep
from foveate.training.callbacks import Progress

class Dying(Here):
    def begin(self, job, report):
        def kill(event):
            if job.asked.model.arm == "se@decoder" and event.epoch == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        super().begin(job, kill)

run_sweep(open_sweep(read_sweep(tree)), out, lambda jobs, out: nullcontext(Dying()), 1)
"""


class Recording(Here):
    """Trains in this process, and notes where each run begins."""

    def __init__(self):
        super().__init__()
        self.begun, self.attempts = [], []

    def begin(self, job, report):
        self.attempts.append(job.folder.name)

        def note(event):
            if not self.begun or self.begun[-1][0] != job.folder.name:
                self.begun.append((job.folder.name, event.resumed_at))

        super().begin(job, note)


def go_on(plan, out):
    engine = Recording()
    return run_sweep(plan, out, lambda jobs, out: nullcontext(engine), 1), engine


@pytest.fixture(scope="module")
def story(begin, tmp_path_factory) -> SimpleNamespace:
    out = tmp_path_factory.mktemp("sweep") / "s"
    child = begin(CHILD, tree=TREE, out=out)
    child.join()
    plan = open_sweep(read_sweep(TREE))
    left = [row["status"] for row in rows_of_sweep(out)]
    board, engine = go_on(plan, out)
    return SimpleNamespace(
        out=out,
        plan=plan,
        exitcode=child.exitcode,
        left=left,
        board=board,
        begun=engine.begun,
        attempts=engine.attempts,
    )


def test_a_killed_sweep_goes_on_from_the_end_of_the_last_epoch(story):
    assert story.exitcode == -signal.SIGKILL
    assert story.left == ["done", "under way", "waiting", "waiting"]
    runs = [run.digest for run in story.plan.runs]
    assert story.begun[0] == (runs[1], 2)
    assert runs[0] not in [name for name, _ in story.begun]
    assert sorted(path.name for path in (story.out / "runs").iterdir()) == sorted(runs)


def test_a_run_that_fails_is_tried_twice_and_the_others_go_on(story):
    assert story.board.done == 2
    failing = [run for run in story.plan.runs if run.spec.training.lr == 1e30]
    assert {path.name for path in story.board.failed} == {run.digest for run in failing}
    told = (story.out / "failures" / f"{failing[0].digest}.txt").read_text()
    assert "the loss became nan" in told
    assert story.attempts.count(failing[0].digest) == 2
    assert [row["status"] for row in rows_of_sweep(story.out)] == ["done", "done", "failed", "failed"]


def test_results_are_rows_with_what_was_swept(story):
    first, *_, last = rows_of_sweep(story.out)
    assert (first["arm"], first["lr"], first["seed"]) == ("none", 0.01, 0)
    assert 0 < first["miou"] < 1
    assert last["miou"] is None
    assert (story.out / "results.csv").read_text().count("\n") == 5


def test_runs_may_be_added_and_finished_ones_are_kept(story):
    plan = open_sweep(read_sweep({**TREE, "grid": {"lr": [0.01, 0.003]}, "arms": ["none"]}))
    board, engine = go_on(plan, story.out)
    assert (board.done, board.failed) == (2, {})
    assert [name for name, _ in engine.begun] == [plan.runs[1].digest]


def test_an_edited_run_is_told_and_neither_trusted_nor_trained_over(story, tmp_path):
    plan = open_sweep(read_sweep({**TREE, "grid": {"lr": [0.01]}}))
    folder = plan.runs[0].folder(story.out)
    scores = (folder / "scores.json").read_text()
    (folder / "scores.json").write_text(scores.replace("0.", "1.", 1))
    try:
        board, engine = go_on(plan, story.out)
        assert (board.done, engine.begun) == (1, [])
        (error,) = board.failed.values()
        assert "scores.json was changed or removed after the run was finished" in str(error)
        assert [row["status"] for row in rows_of_sweep(story.out)] == ["changed", "done"]
    finally:
        (folder / "scores.json").write_text(scores)
    assert go_on(plan, story.out)[0].failed == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99, "foveate": "7.0"}, "was written by foveate 7.0, which this version cannot read"),
        ({"asked": {"seed": 5}}, "holds a run of another spec (seed was 5 and is now 0)"),
        ({"files": None}, "cannot be read"),
    ],
)
def test_a_mark_of_another_version_or_run_is_an_error(story, change, words):
    run = story.plan.runs[1]
    path = run.folder(story.out) / "done.json"
    kept = path.read_text()
    path.write_text(json.dumps(json.loads(kept) | change))
    try:
        with pytest.raises(UserError) as error:
            read_mark(path.parent, run.spec)
        assert words in str(error.value)
    finally:
        path.write_text(kept)


def test_two_cells_that_are_one_run_are_named(story):
    with pytest.raises(
        UserError, match=r"two runs of the sweep are the same: \(.*lr 0.01.*\) and \(.*lr 0.01"
    ):
        open_sweep(read_sweep({**TREE, "grid": {"lr": [0.01, 1e-2]}}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": ["cbma@decoder"]}, "did you mean 'cbam'"),
        ({"arms": ["se@decodr"]}, "decodr"),
        ({"data": ["synthetic:8:32x48", "nowhere"]}, "nowhere"),
        ({"grid": {"lr": [0.01, -1]}}, "lr is -1"),
        ({"grid": {"arch": ["unet", "unett"]}, "arch": None}, "unett"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_is(change, words):
    tree = {name: value for name, value in (TREE | change).items() if value is not None}
    with pytest.raises(UserError, match=words):
        open_sweep(read_sweep(tree))


def test_a_folder_that_holds_something_else_is_refused(story, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        go_on(story.plan, tmp_path)


def test_a_run_that_memory_ended_gets_half_the_batch_only_if_told(story, tmp_path):
    for allowed, batch in ((False, 4), (True, 2)):
        plan = open_sweep(read_sweep({**TREE, "smaller_batches": allowed}))
        job = next(plan.jobs(tmp_path, {}))
        assert job.again(KilledForMemory("killed")).spec.data.batch == batch
        assert job.again(UserError("bad")).spec.data.batch == 4
        assert job.again(KilledForMemory("killed")).folder == job.folder


def test_a_cross_validation_pools_the_images_that_each_run_has_not_seen(make, tmp_path):
    for number in range(12):
        make.save(f"d/images/{number:02d}.png", make.photo(number, (32, 48)))
        make.save(f"d/masks/{number:02d}.png", make.mask(number, [0, 255], (32, 48)))
    flags = {name: TREE[name] for name in ("size", "batch", "precision", "arch", "encoder", "options")}
    settings = parse_settings(make.root / "d", {**flags, "encoder_weights": "none"})
    spec = cross_validation(settings, "none", 1, 0, 3)
    board, _ = go_on(open_sweep(spec), tmp_path / "out")
    assert board.done == 3
    pooled, task = pooled_scores(tmp_path / "out")
    assert (pooled.images, task) == (12, "segmentation")
    tested = [json.loads((path / "splits.json").read_text())["test"] for path in board.runs]
    assert len({stem for stems in tested for stem in stems}) == 12
    rows = list(rows_of_sweep(tmp_path / "out"))
    assert pooled.accuracy == pytest.approx(sum(row["accuracy"] for row in rows) / 3)


def test_folds_and_one_fold_do_not_go_together():
    with pytest.raises(UserError, match="give one of --fold and --folds"):
        cross_validation(parse_settings("photos", {"fold": "1/5"}), "none", 1, 0, 5)
