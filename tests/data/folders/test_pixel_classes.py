"""Names of mask values from Roboflow's `_classes.csv`."""

import numpy as np
import pytest

from foveate.data.open import open_dataset
from foveate.doctor.survey import Survey
from foveate.doctor.visit import visit
from foveate.errors import DataError

TABLE = "Pixel Value, Class\n0, background\n1, disk\n2, rare\n"


@pytest.fixture
def exported(make):
    """Roboflow's masks of the values 0 and 1 beside their images, in train/ and valid/, with their tables."""
    for part, count in (("train", 8), ("valid", 4)):
        for number in range(count):
            name = f"{part}/img{number}{part}_jpg.rf.{number:032x}"
            make.save(f"{name}.jpg", make.photo(number))
            make.save(f"{name}_mask.png", make.mask(number, [0, 1]))
        (make.root / part / "_classes.csv").write_text(TABLE)
    return make.root


def test_the_table_names_the_classes_and_those_that_never_occur_are_told(exported):
    dataset = open_dataset(exported)
    assert dataset.classes == ("background", "disk")
    assert "Classes are named by _classes.csv. No pixel is of rare." in dataset.describe()
    assert dataset.cautions == ()
    mask = dataset.read(dataset.index("train")[0])[1]
    assert set(np.unique(mask)) == {0, 1}


def test_names_that_are_given_come_first(exported):
    assert open_dataset(exported, ["a", "b"]).classes == ("a", "b")


def test_the_doctor_knows_the_names(exported):
    survey: Survey = visit(exported)
    assert survey.classes[:2] == ("background", "disk")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Pixel Value, Class\n0, background\n2, disk\n",
            r"_classes\.csv:3: '2,disk' should name the class of the value 1",
        ),
        ("Pixel Value, Class\n0, background\n1, other\n", "names other classes than"),
    ],
)
def test_tables_that_contradict_are_refused(exported, text, said):
    (exported / "valid" / "_classes.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        open_dataset(exported)


def test_another_table_of_that_name_is_left_alone(make):
    make.pairs(count=8)
    (make.root / "_classes.csv").write_text("filename, cat, dog\na.jpg, 1, 0\n")
    assert open_dataset(make.root).classes == ("background", "foreground")
