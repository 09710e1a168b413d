"""The curves on the page of a run."""

import math

from foveate.report.run import curves

NAN = math.nan


def test_training_and_validation_share_a_plot_and_unmeasured_epochs_are_left_out():
    rows = [
        {"epoch": 1, "train_loss": 0.9, "val_loss": NAN, "train_accuracy": 0.5, "val_accuracy": NAN},
        {"epoch": 2, "train_loss": 0.5, "val_loss": 0.7, "train_accuracy": 0.6, "val_accuracy": 0.6},
        {"epoch": 3, "train_loss": 0.4, "val_loss": 0.6, "train_accuracy": 0.8, "val_accuracy": 0.7},
    ]
    loss, accuracy = curves(rows)
    assert [len(line["points"].split()) for line in loss["lines"]] == [3, 2]
    assert accuracy["title"] == "Accuracy, %"
    assert [line["arm"]["color"] for line in accuracy["lines"]] == [2, 1]


def test_a_run_of_an_older_version_has_no_training_accuracy():
    rows = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e, "val_miou": 0.1 * e} for e in (1, 2)]
    assert [plot["title"] for plot in curves(rows)] == ["Loss", "Mean IoU, %"]


def test_one_epoch_is_no_curve():
    assert curves([{"epoch": 1, "train_loss": 0.9, "val_loss": 1.0}]) == []
