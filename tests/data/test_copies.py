"""Copies of one image by their names, and names that are no copies."""

import pytest

from foveate.data.copies import copy_sources

COPIES = {
    "Roboflow": [f"car1_jpg.rf.{k:032x}" for k in range(3)],
    "Roboflow's new hashes": ["car1_png.rf.Zk3Yq0aB", "car1_png.rf.x9Qw22Lm"],
    "augmented": ["x1_aug0", "x1_aug_1", "x1_aug12"],
    "augmented, first": ["x1", "aug_0_x1", "augmented_x1"],
    "flipped": ["x1", "x1_flip", "x1-hflip", "x1_flip_lr", "x1_mirrored"],
    "turned": ["x1", "x1_rot90", "x1_rotated_180", "x1rot270"],
    "several changes": ["x1", "x1_flip_rot90_blur", "x1_bright_noise"],
    "without a number": ["cell", "cell_flip"],
    "Windows": ["x1", "x1 - Copy", "x1 - Copy (2)"],
    "macOS": ["x1", "x1 copy", "x1 copy 2"],
    "Nautilus": ["x1", "x1 (copy)", "x1 (another copy)"],
    "Google Drive": ["x1", "Copy of x1"],
    "browsers": ["x1", "x1 (1)", "x1(2)"],
    "tiles of one crop": ["x1_crop1", "x1_crop2"],
}
"""Images that have one source."""

NONE = {
    "numbers": [f"img_{number:03d}" for number in range(20)],
    "a numbered download": ["images", *(f"images ({number})" for number in range(1, 60))],
    "numbers in brackets": [f"glioma ({number})" for number in range(1, 60)],
    "a disease": [f"black_rot_{number}" for number in range(20)],
    "words of classes": ["leaf_dark", "leaf_bright", "road_crop"],
    "classes, numbered": [f"{word}_{number}" for word in ("dark", "bright") for number in range(9)],
    "all changed": [f"x{number}_flip" for number in range(9)],
    "originals alone": [f"x{number}_original" for number in range(9)],
    "a prefix of all": [f"2023_crop_{number}" for number in range(20)],
    "classes of one name": ["cat/1_jpg.rf.0a", "dog/1_jpg.rf.0b"],
    "one version an image": [f"car{number}_jpg.rf.{number:032x}" for number in range(9)],
    "slices": [f"p1_slice{number}" for number in range(9)],
}


@pytest.mark.parametrize("case", COPIES)
def test_copies_have_one_source(case):
    names = COPIES[case]
    others = [f"other{number}" for number in range(len(names))]
    sources = copy_sources([*names, *others])
    assert set(sources) == set(names)
    assert len(set(sources.values())) == 1


@pytest.mark.parametrize("case", NONE)
def test_names_that_are_no_copies(case):
    assert copy_sources(NONE[case]) == {}
