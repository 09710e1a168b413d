"""Results of sweeps and comparisons as one table and one family, on small folders made by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from foveate.api.collected import results
from foveate.errors import UserError
from foveate.evaluation.scores import scores
from foveate.experiments.sweeps.marker import FILE, FORMAT, Mark, fingerprints
from foveate.experiments.sweeps.plan import PlannedRun, SweepPlan, take_look
from foveate.plain import to_json, to_plain
from foveate.report.swept import headline, table_lines
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.sweep import SweepSpec
from foveate.specs.training import TrainingSpec

IMAGES = 12


def planned(spec: SweepSpec) -> SweepPlan:
    """The plan of a sweep over `lr`, without opening data."""

    def run(cell):
        data = DataSpec(cell.source, size=(8, 8), batch=2, fold=cell.fold)
        model = ModelSpec("fcn", "none", "none", arm=cell.arm)
        return RunSpec(data, model, TrainingSpec(1, **dict(cell.values)), cell.seed)

    return SweepPlan(spec, tuple(PlannedRun(cell, run(cell)) for cell in spec.cells()))


def finish(run: PlannedRun, out: Path, right: float) -> None:
    """Write what a finished run leaves: `right` of 100 pixels of each image are right, more or less."""
    folder = run.folder(out)
    folder.mkdir(parents=True)
    random = np.random.default_rng([run.cell.seed, len(run.cell.arm)])
    hits = np.clip(np.round(random.normal(right, 2, (IMAGES, 2))), 0, 100).astype(int)
    confusions = np.zeros((IMAGES, 2, 2), dtype=np.int64)
    confusions[:, [0, 1], [0, 1]], confusions[:, [0, 1], [1, 0]] = hits, 100 - hits
    test = 0 if run.cell.fold is None else int(run.cell.fold[0])
    stems = np.array([f"{test}-{number:02d}" for number in range(IMAGES)])
    np.savez_compressed(folder / "per_image.npz", stems=stems, confusions=confusions)
    found = scores(confusions.sum(0), ("background", "polyp"), IMAGES)
    (folder / "scores.json").write_text(json.dumps(to_json(found)))
    result = {"epochs": 1, "best_epoch": 1, "best_score": 0.5, "score_name": "val_miou", "seconds": 2.0}
    (folder / "result.json").write_text(json.dumps(result))
    prints = fingerprints(folder)
    about = (2, 99, 2.0, "vm", "0", "segmentation", True, {})
    mark = Mark(run.digest, to_plain(run.spec), prints, *about)
    (folder / FILE).write_text(json.dumps({"format": FORMAT, **to_json(mark)}))


def right_of(run: PlannedRun) -> float:
    return 70 + 12 * (run.cell.arm != "none") + 100 * dict(run.cell.values).get("lr", 0.0)


@pytest.fixture
def sweep(tmp_path):
    """`sweep(name, **keys)` makes a folder with a sweep, all of whose runs that `done` names are finished."""

    def make(name="s", done=lambda run: True, right=right_of, **keys):
        out = tmp_path / name
        out.mkdir()
        keys = {"arms": ("none", "se@layer1"), "grid": {"lr": [0.01, 0.001]}, "seeds": 3} | keys
        plan = planned(SweepSpec(("photos",), **keys))
        plan.save(out)
        for run in plan.runs:
            if done(run):
                finish(run, out, right(run))
        return out

    return make


def test_every_combination_is_set_against_the_reference_beside_it(sweep, tmp_path):
    sweep()
    found = results(tmp_path)
    first, second, *_ = found.verdicts()
    assert (first["arm"], first["reference"], first["verdict"]) == ("none", None, None)
    assert (second["arm"], second["lr"], second["reference"], second["verdict"]) == (
        "se@layer1",
        0.01,
        "none",
        "helps",
    )
    assert 0.08 < second["difference"] < 0.2
    assert found.collection.questions == 2
    assert headline(found.collection) == (
        "12 runs: 12 done. 2 questions in one family, p-values by Holm: 2 helps."
    )
    assert len(table_lines(found.collection)) == 5


def test_p_values_are_adjusted_for_all_sweeps_of_the_folder_together(sweep, tmp_path):
    alone = results(sweep("a")).verdicts()[1]["p"]
    sweep("b", grid={"lr": [0.5, 0.4, 0.3, 0.2]})
    together = next(row for row in results(tmp_path).verdicts() if row["lr"] == 0.01 and row["p"])["p"]
    assert together == pytest.approx(alone * 6 / 2, rel=0.6)
    assert together > alone


def test_combinations_that_are_not_complete_have_no_verdict(sweep):
    out = sweep(done=lambda run: run.cell.seed < 2 or dict(run.cell.values)["lr"] == 0.01)
    found = results(out)
    assert [row["lr"] for row in found.verdicts()] == [0.01, 0.01]
    assert [row["status"] for row in found.rows()].count("waiting") == 2
    none = results(sweep("early", done=lambda run: run.cell.seed == 0))
    assert "No question is complete yet" in headline(none.collection)


def test_without_the_reference_there_are_scores_and_no_verdicts(sweep):
    found = results(sweep(arms=("se@layer1", "cbam@layer1")))
    assert len(found.verdicts()) == 4
    assert {row["verdict"] for row in found.verdicts()} == {None}
    assert "Nothing is set against a reference: verdicts need" in headline(found.collection)


def test_a_swept_field_can_be_set_against_a_reference(sweep):
    found = results(sweep(arms=("none",), versus="lr", reference=0.001))
    by_lr = {row["lr"]: row for row in found.verdicts()}
    assert by_lr[0.001]["difference"] is None
    assert by_lr[0.01]["reference"] == "0.001"
    assert by_lr[0.01]["difference"] is not None


def test_folds_are_pooled(sweep):
    out = sweep(folds=4, seeds=1)
    first, second, *_ = results(out).verdicts()
    assert first["trainings"] == 4
    assert second["verdict"] == "helps"
    rows = results(out).rows()
    pooled = np.mean([row["accuracy"] for row in rows if row["arm"] == "none" and row["lr"] == 0.01])
    assert first["score"] < pooled  # a mean IoU of the counts of all folds together


def test_seeds_that_are_added_are_paid_for(sweep):
    once = sweep("once")
    twice = sweep("twice")
    take_look(once, 3)
    for units in (2, 3):
        take_look(twice, units)
    widths = [results(out).verdicts()[1] for out in (once, twice)]
    assert widths[1]["p"] > widths[0]["p"]


def test_curves_and_heat_maps_over_what_was_swept(sweep, tmp_path):
    arms = ("none", "smooth@layer1(threshold=0.2)", "smooth@layer1(threshold=0.4)")
    found = results(sweep(arms=arms))
    page = found.save(tmp_path / "page.html").read_text()
    assert "over lr" in page
    assert "over smooth: threshold" in page
    assert 'class="heat"' in page
    assert "arm down, lr across" in page
    assert "<script src" not in page


def test_tables_are_written_in_the_format_of_their_ending(sweep, tmp_path):
    found = results(sweep())
    with found.save(tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert rows[0]["lr"] == "0.01"
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(found.save(tmp_path / "a.parquet"))
    assert table.num_rows == 12
    assert table.column("miou").to_pylist() == [row["miou"] for row in found.rows()]


@pytest.mark.parametrize(
    ("name", "words"), [("a.xlsx", "write one of .csv"), ("absent/a.csv", "no such folder")]
)
def test_a_file_that_cannot_be_written(sweep, tmp_path, name, words):
    with pytest.raises(UserError, match=words):
        results(sweep()).save(tmp_path / name)


def test_folders_without_results(tmp_path):
    with pytest.raises(UserError, match="holds neither a sweep nor a finished comparison"):
        results(tmp_path)
    with pytest.raises(UserError, match="there is no such folder"):
        results(tmp_path / "absent")


def test_what_cannot_be_read_is_left_out_and_told(sweep, tmp_path):
    sweep("good")
    bad = sweep("bad")
    (bad / "sweep.json").write_text("{")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/comparison.json").write_text('{"format": 1}')
    found = results(tmp_path)
    assert len(found.collection.left_out) == 2
    assert len(found.verdicts()) == 4
