"""Classes that hold the same pictures are told before anything is trained on their differences."""

import numpy as np
import pytest

from foveate.data.open import open_dataset

VERSIONS = {
    "thumbnails": lambda photo: photo[::2, ::2],
    "larger": lambda photo: np.kron(photo, np.ones((2, 2, 1), np.uint8)),
    "inverted": lambda photo: 255 - photo,
    "brighter": lambda photo: photo // 2 + 100,
}


@pytest.mark.parametrize("change", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("split", ["", "train/"])
def test_versions_of_the_same_pictures_are_told(make, change, split):
    for number in range(6):
        photo = make.photo(number, (24, 32))
        make.save(f"{split}full/{number}.png", photo)
        make.save(f"{split}other/{number}.png", np.ascontiguousarray(change(photo)))
    (caution,) = open_dataset(make.root).cautions
    assert caution.startswith("full/ and other/ hold the same pictures by the same names")
    dataset = open_dataset(make.root, group=".+")
    for part in ("train", "val", "test"):
        stems = [entry.stem.rpartition("/")[2] for entry in dataset.index(part)]
        assert sorted(stems) == sorted(2 * sorted(set(stems)))


def test_other_pictures_of_the_same_names_are_classes(make):
    make.class_folders(cat=6, dog=6)
    assert open_dataset(make.root).cautions == ()
