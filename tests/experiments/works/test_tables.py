"""Tables of a work on runs made by hand, which differ in their scores only."""

import json

import numpy as np
import pytest

from foveate.evaluation.scores import scores
from foveate.experiments.sweeps.marker import FILE, FORMAT, Mark, fingerprints
from foveate.experiments.sweeps.plan import PlannedRun, SweepPlan
from foveate.experiments.works.plan import plan_work
from foveate.experiments.works.shown import show
from foveate.experiments.works.tables import fill_tables
from foveate.plain import from_plain, to_json, to_plain
from foveate.report.works.cells import as_words, table_lines, write_csv
from foveate.report.works.page import render
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.specs.work import WorkSpec

B = "two_branch(activation=selu)"
OTHER_B = "two_branch(activation=tanh)"

TREE = {
    "title": "A work",
    "paper": "Somewhere, 2020",
    "about": "It helps.",
    "choices": ["The seed is 0."],
    "data": {"polyps": {"title": "Polyps", "place": "polyps", "known": "kvasir_seg", "target": "polyp"},
             "roads": {"title": "Roads", "place": "roads"}},
    "parts": {"unet": {"data": ["polyps", "roads"], "arms": ["none", B, OTHER_B], "seeds": 2},
              "fcn": {"data": ["polyps"], "arms": ["none"], "seeds": 2}},
    "scales": {"paper": {},
               "small": {"data": {"polyps": {"title": "Cells", "place": "cells", "target": "polyp"}}}},
    "tables": [{
        "title": "Dice", "shows": ["dice:{target}"],
        "columns": [{"name": "Polyps", "data": "polyps"}, {"name": "Roads", "data": "roads"},
                    {"name": "Avg", "mean": ["Polyps"]}],
        "rows": [{"name": "A", "part": "unet", "arms": ["none"], "published": ["0.950 none", "0.5", None]},
                 {"name": "B", "part": "unet", "arms": ["two_branch(*)"]},
                 {"name": "FCN", "part": "fcn", "arms": ["none"]},
                 {"name": "C", "absent": "not a network of foveate", "published": ["0.99", None, None]}],
    }, {
        "title": "Size", "shows": ["parameters"], "digits": 1, "columns": [{"name": "millions"}],
        "rows": [{"name": "Attention-92", "network": {"arch": "attention92_cifar", "classes": 10},
                  "published": ["1.9 M"]}],
    }],
}  # fmt: skip


def finish(run: PlannedRun, out, right: int, validation: float) -> None:
    """Write what a finished run leaves: `right` of 100 pixels of each class are right, in 4 images."""
    folder = run.folder(out)
    folder.mkdir(parents=True)
    hits = np.array([[right, 100 - right], [100 - right, right]])
    confusions = np.stack([hits + number * np.array([[1, -1], [-1, 1]]) for number in (-1, 0, 0, 1)])
    np.savez_compressed(folder / "per_image.npz", stems=np.array(list("abcd")), confusions=confusions)
    found = scores(confusions.sum(0), ("background", "polyp"), 4)
    (folder / "scores.json").write_text(json.dumps(to_json(found)))
    result = {
        "epochs": 1,
        "best_epoch": 1,
        "best_score": validation,
        "score_name": "val_miou",
        "seconds": 2.0,
    }
    (folder / "result.json").write_text(json.dumps(result))
    about = (2, 99, 2.0, "vm", "0", "segmentation", True, {})
    mark = Mark(run.digest, to_plain(run.spec), fingerprints(folder), *about)
    (folder / FILE).write_text(json.dumps({"format": FORMAT, **to_json(mark)}))


@pytest.fixture
def planned(tmp_path):
    """`planned(scale)` plans the work on the data that are there: polyps, or cells in their place."""
    for name in ("polyps", "cells"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "a.png").touch()

    def plan(scale="paper", tree=TREE):
        out = tmp_path / "out"
        return plan_work(from_plain(WorkSpec, tree), "work", scale, tmp_path / "data", out, [tmp_path])

    return plan


def train(plan, part="unet", done=lambda run: True):
    """Leave the runs of a part as a sweep does: B scores best on the test images, tanh on the validation."""
    (found,) = [runs for runs in plan.runs if runs.sweep.part == part]
    data = DataSpec(found.spec.data[0], size=(8, 8), batch=2)
    specs = [
        RunSpec(data, ModelSpec("fcn", "none", "none", arm=cell.arm), TrainingSpec(1), cell.seed)
        for cell in found.spec.cells()
    ]
    sweep = SweepPlan(found.spec, tuple(map(PlannedRun, found.spec.cells(), specs)))
    found.folder.mkdir(parents=True)
    sweep.save(found.folder)
    for run in sweep.runs:
        if done(run):
            right = {"none": 80, B: 90, OTHER_B: 85}[run.cell.arm]
            finish(run, found.folder, right, {"none": 0.8, B: 0.6, OTHER_B: 0.7}[run.cell.arm])


def cell(tables, row, column):
    return next(cell for cell in tables[0].cells if (cell.row, cell.column) == (row, column))


def test_a_cell_is_ours_with_its_interval_theirs_as_printed_and_the_difference(planned):
    plan = planned()
    train(plan)
    words = as_words(cell(fill_tables(plan), "A", "Polyps"))
    assert words["ours"] == "0.800"
    assert words["theirs"] == "0.950 none"
    assert words["difference"] == "−0.150"
    assert words["seeds"] == "2"
    low, _, high = words["interval"].partition(" to ")
    assert 0.7 < float(low) < 0.8 < float(high) < 0.9


def test_of_several_arms_the_best_on_validation_is_shown_whatever_its_test_score(planned):
    plan = planned()
    train(plan)
    found = cell(fill_tables(plan), "B", "Polyps")
    assert found.chosen == (OTHER_B,)
    assert as_words(found)["ours"] == "0.850"
    assert as_words(found)["remark"] == f"best on validation: {OTHER_B}"


def test_a_cell_that_was_not_run_is_empty_with_the_reason(planned, tmp_path):
    plan = planned()
    train(plan, done=lambda run: run.cell.arm != "none" or run.cell.seed)
    tables = fill_tables(plan)
    reasons = {(each.row, each.column): each.reason for each in tables[0].cells}
    assert reasons["A", "Polyps"] == "not finished yet; the same command goes on"
    assert reasons["A", "Roads"] == f"Roads is missing at {tmp_path / 'data' / 'roads'}"
    assert reasons["FCN", "Polyps"] == "not begun yet; the same command goes on"
    assert reasons["C", "Polyps"] == "not a network of foveate"
    assert reasons["A", "Avg"] == "Polyps is empty"
    assert all(each.ours is None for each in tables[0].cells if each.reason)


def test_a_failed_run_is_the_reason(planned):
    plan = planned()
    train(plan, done=lambda run: False)
    (found,) = [runs for runs in plan.runs if runs.sweep.part == "unet"]
    (found.folder / "failures").mkdir()
    for run in found.placed:
        (found.folder / "failures" / f"{run.folder.name}.txt").write_text("the loss became nan\nmore\n")
    assert cell(fill_tables(plan), "A", "Polyps").reason == "failed: the loss became nan"


def test_missing_data_say_what_to_put_where_and_the_rest_is_planned(planned, tmp_path):
    plan = planned()
    (missing,) = plan.missing
    assert str(missing).startswith(f"Roads is missing: put it at {tmp_path / 'data' / 'roads'}. ")
    assert {runs.sweep.name for runs in plan.runs} == {"unet/polyps", "fcn/polyps"}
    (tmp_path / "data" / "polyps" / "a.png").unlink()
    told = [str(each) for each in planned().missing]
    assert "`foveate data get kvasir_seg --out " in told[0]


def test_stand_ins_are_named_in_the_tables_the_file_and_the_page(planned, tmp_path):
    plan = planned("small")
    train(plan)
    tables = fill_tables(plan)
    assert cell(tables, "A", "Polyps [Cells (stand-in)]").stand_in
    assert any("Polyps [Cells (stand-in)]" in line for line in table_lines(tables[0]))
    assert "Cells (stand-in),yes,0.8" in write_csv(tables, tmp_path / "t.csv", "small").read_text()
    page = render(plan, tables, [], "foveate reproduce work")
    assert "Cells (stand-in)" in page
    assert "stand-in data, so they are no repetition" in page


def test_the_ends_of_a_speed_are_told_to_be_quartiles(tmp_path):
    about = {"median": 10.0, "low": 8.0, "high": 12.5, "on": "32x32"}
    (tmp_path / "speed.json").write_text(json.dumps(about))
    mark = Mark("a", {}, {}, 2, 99, 2.0, "vm", "0", "segmentation", True, {})
    found = show("fps", [tmp_path], [mark])
    assert (found.value, found.low, found.high) == (100.0, 80.0, 125.0)
    assert found.on == "32x32; the interval is that of the quartiles of 10"


def test_a_network_that_is_not_trained_has_its_size_in_the_table(planned):
    (_, size) = fill_tables(planned())
    assert as_words(size.cells[0])["ours"] == "1.9"
    assert as_words(size.cells[0])["theirs"] == "1.9 M"


def test_the_lines_count_cells_without_any_number_by_reason(planned):
    lines = table_lines(fill_tables(planned())[0])
    assert lines[0] == "Dice: Dice of the target class"
    assert any(line.startswith("A ") and "0.950 none" in line for line in lines)
    assert any(line.startswith("empty: ") and "not a network" in line for line in lines)
