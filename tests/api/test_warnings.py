"""The Python functions warn of what may make scores wrong."""

import warnings

import pytest

import foveate
from foveate.api.settings import warn_of
from foveate.data.open import open_dataset
from foveate.errors import DataWarning


@pytest.fixture
def slices(make):
    """Six patients of four slices each, by their names."""
    root = make.pairs(count=24)
    for folder in ("images", "masks"):
        for number, path in enumerate(sorted((root / folder).iterdir())):
            path.rename(path.with_stem(f"patient{number // 4}_slice{number % 4}"))
    return root


def test_patients_by_their_names_are_warned_of_before_training(slices, tmp_path, small):
    with pytest.warns(DataWarning, match=r"6 groups .* --group '\^\[\^_\]\+' keeps each in one part"):
        foveate.fit(slices, out=tmp_path / "run", **small)


def test_nothing_is_warned_of_once_the_groups_are_given(slices):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of(open_dataset(slices, group="^[^_]+"))
