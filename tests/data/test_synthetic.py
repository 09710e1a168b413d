import numpy as np
import pytest

from foveate.data.open import open_dataset
from foveate.data.synthetic.streets import CLASSES, draw_scene

CAMVID_PERCENT = {
    "Sky": 16.9, "Building": 23.3, "Pole": 1.0, "Road": 31.7, "Pavement": 4.5, "Tree": 9.7, "SignSymbol": 1.2,
    "Fence": 1.1, "Car": 5.9, "Pedestrian": 0.6, "Bicyclist": 0.3,
}  # fmt: skip


def test_class_shares_lie_near_camvids():
    masks = np.stack([draw_scene(index)[1] for index in range(200)])
    counts = np.bincount(masks.ravel(), minlength=256)
    assert set(counts.nonzero()[0]) == {*range(11), 255}
    for name, percent in CAMVID_PERCENT.items():
        share = 100 * counts[CLASSES.index(name)] / counts.sum()
        assert share == pytest.approx(percent, rel=0.2 if percent > 3 else 0.6), name
    assert 2 < 100 * counts[255] / counts.sum() < 7


def test_a_scene_depends_on_seed_and_index_alone():
    image, mask = draw_scene(5, seed=1)
    again, same = draw_scene(5, seed=1)
    assert np.array_equal(image, again)
    assert np.array_equal(mask, same)
    assert not np.array_equal(mask, draw_scene(6, seed=1)[1])
    assert not np.array_equal(mask, draw_scene(5, seed=2)[1])


def test_another_size_shows_the_same_scene():
    small, large = draw_scene(7)[1], draw_scene(7, size=(192, 256))[1]
    assert (small == large[::2, ::2]).mean() > 0.95


def test_colour_alone_does_not_tell_the_class():
    """The best guess from a pixel's own colour, learnt on 30 scenes, is far from right on 10 others."""
    scenes = [draw_scene(index) for index in range(40)]
    bins = [(image >> 5).astype(int) @ np.array([64, 8, 1]) for image, _ in scenes]
    votes = np.zeros((512, 256))
    for code, (_, mask) in zip(bins[:30], scenes[:30], strict=True):
        np.add.at(votes, (code.ravel(), mask.ravel()), 1)
    guess = votes[:, :11].argmax(axis=1)
    right = [
        (guess[code] == mask)[mask != 255].mean()
        for code, (_, mask) in zip(bins[30:], scenes[30:], strict=True)
    ]
    assert 0.3 < np.mean(right) < 0.75


def test_counts_and_size_come_from_the_name():
    dataset = open_dataset("synthetic:12:48x64")
    assert [len(dataset.index(split)) for split in ("train", "val", "test")] == [12, 4, 4]
    assert dataset.read(dataset.index("test")[0])[0].shape == (48, 64, 3)
    assert dataset.classes == CLASSES
    stems = [entry.stem for split in ("train", "val", "test") for entry in dataset.index(split)]
    assert len(set(stems)) == 20
