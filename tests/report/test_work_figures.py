"""What the figures of works count, on runs made by hand."""

import numpy as np

from foveate.experiments.works.plan import PlacedRun
from foveate.report.works.figures.objects import found_by_size
from foveate.report.works.figures.over_epochs import mean_curves
from foveate.report.works.figures.patterns import Patterns, count_patterns
from foveate.report.works.pictures import picture_kinds
from foveate.specs.sweep import Cell


def run(folder, errors):
    """A run that left these error counts of its two test images."""
    folder.mkdir()
    confusions = np.zeros((2, 2, 2), np.int64)
    np.savez(folder / "per_image.npz", stems=np.array(["a", "b"]), confusions=confusions, errors=errors)
    return folder


def counted(objects=(0,) * 5, found=(0,) * 5, near=(0,) * 4):
    return [*objects, *found, *near, 0, 0, 0, 0]


def test_wrong_pixels_are_near_one_half_or_sure(tmp_path):
    one = run(tmp_path / "a", np.array([counted(near=(10, 5, 90, 9)), counted(near=(0, 0, 100, 1))]))
    two = run(tmp_path / "b", np.array([counted(near=(30, 15, 70, 2)), counted(near=(0, 0, 100, 0))]))
    assert count_patterns([one, two]) == Patterns(near_half=20 / 400, elsewhere=12 / 400)


def test_objects_are_found_by_their_size(tmp_path):
    objects, found = (4, 2, 0, 0, 1), (1, 2, 0, 0, 1)
    errors = np.array([counted(objects, found), counted((0, 2, 0, 0, 0))])
    shares = found_by_size([run(tmp_path / "a", errors)])
    assert shares[:2].tolist() == [0.25, 0.5]
    assert np.isnan(shares[2:4]).all()
    assert shares[4] == 1


def test_curves_are_means_over_runs_without_epochs_that_were_not_validated(tmp_path):
    rows = {"a": "1,0.9,nan\n2,0.5,0.6\n", "b": "1,0.7,nan\n2,0.3,0.8\n"}
    for name, text in rows.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text("epoch,train_loss,val_miou\n" + text)
    curves = mean_curves([PlacedRun(Cell("a", "none", (), 0), tmp_path / name) for name in rows])
    assert curves["train_loss"] == {1: 0.8, 2: 0.4}
    assert curves["val_miou"] == {2: 0.7}


def test_the_figures_of_works_register_themselves():
    assert {"inspected", "over_values", "over_epochs", "patterns", "objects", "by_class"} <= set(
        picture_kinds()
    )
