import csv

import numpy as np
import pytest

from foveate.evaluation.per_image import per_image_table, write_per_image
from foveate.evaluation.scores import scores

CLASSES = ["road", "car", "pole"]
CONFUSIONS = np.array([[[3, 1, 0], [2, 4, 0], [0, 1, 0]], [[5, 0, 0], [0, 0, 0], [0, 0, 0]]])


def test_a_row_has_the_scores_of_the_image_alone():
    header, *rows = per_image_table(["a", "b"], CONFUSIONS, CLASSES)
    for row, confusion in zip(rows, CONFUSIONS, strict=True):
        found, expected = dict(zip(header, row, strict=True)), scores(confusion, CLASSES, 1)
        for name in ("accuracy", "miou", "f1", "precision", "recall"):
            assert found[name] == pytest.approx(getattr(expected, name))
        for of_class in expected.classes:
            assert found[f"recall {of_class.name}"] == pytest.approx(of_class.recall, nan_ok=True)


def test_nan_cells_are_empty_in_the_file(tmp_path):
    write_per_image(tmp_path / "per_image.csv", ["a", "b,c"], CONFUSIONS, CLASSES)
    with (tmp_path / "per_image.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a", "b,c"]
    assert [row["recall pole"] for row in rows] == ["0.0", ""]
    assert rows[1]["miou"] == "1.0"


def test_a_label_has_its_truth_and_its_prediction(tmp_path):
    confusions = np.zeros((2, 3, 3), int)
    confusions[0, 1, 1] = confusions[1, 2, 0] = 1
    write_per_image(tmp_path / "per_image.csv", ["a", "b"], confusions, CLASSES, "classification")
    assert (tmp_path / "per_image.csv").read_text().splitlines() == [
        "image,truth,prediction,right",
        "a,car,car,1",
        "b,pole,road,0",
    ]
