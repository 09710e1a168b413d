"""Controls: nothing in a disc or a symbol alone tells its class."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foveate.data.open import open_dataset
from foveate.data.synthetic.drawing import drawings
from foveate.errors import UserError
from foveate.experiments.defaults import default_comparison
from foveate.models.receptive_field import receptive_field
from foveate.training.build import seeded_model

SIZE = (96, 96)
CONTROLS = [name for name, drawn in drawings().items() if drawn.is_control]


def opened(model: torch.nn.Module) -> torch.nn.Module:
    """The model with everything that starts at 0 drawn at random."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.eq(0).all():
                parameter.normal_()
    return model


@pytest.mark.parametrize("name", ["search", "cue"])
def test_each_colour_is_in_every_class_of_disc_alike(name):
    """By the colour alone, the rarer class of disc is guessed no better than by its share."""
    drawn = drawings()[name].draw
    shares: dict[int, list[np.ndarray]] = {}
    for index in range(200):
        image, mask = drawn(index, SIZE)
        ink = image.argmax(2)
        for color in np.unique(ink[mask > 0]):
            of_color = mask[(mask > 0) & (ink == color)]
            shares.setdefault(int(color), []).append(np.bincount(of_color, minlength=3))
    rare = {color: (counts := np.sum(found, 0))[2] / counts.sum() for color, found in shares.items()}
    expected = {"search": 0.25, "cue": 1 / 3}[name]
    assert all(share == pytest.approx(expected, abs=0.08) for share in rare.values()), rare


def test_light_turns_pigments_into_each_other_and_the_strip_tells_it():
    """Nearest mean colours, with and without the light divided out as the strip shows it."""
    seen, lit, truth = [], [], []
    for index in range(150):
        image, mask = drawings()["light"].draw(index, SIZE)
        strip = image[1:11].reshape(-1, 3).mean(0)
        inside = mask > 0
        seen.append(image[inside] / 255.0)
        lit.append(image[inside] / strip)
        truth.append(mask[inside])
    kinds = np.concatenate(truth)

    def right(colors: np.ndarray) -> float:
        means = np.stack([colors[kinds == kind].mean(0) for kind in (1, 2, 3)])
        return float((((colors[:, None] - means) ** 2).sum(2).argmin(1) + 1 == kinds).mean())

    assert right(np.concatenate(lit)) > 0.98
    assert right(np.concatenate(seen)) < 0.8


def test_same_is_balanced_and_neither_half_tells_the_label():
    draw = drawings()["same"].draw
    halves, labels = [], []
    for index in range(400):
        image, label = draw(index, (48, 96))
        halves.append([part.reshape(-1, 3).max(0) for part in (image[:, :48], image[:, 48:])])
        labels.append(label)
        agree = np.abs(np.subtract(*map(np.float64, halves[-1]))).max() < 60
        assert agree == (label == 1)
    colors, labels = np.array(halves, dtype=np.float64), np.array(labels)
    assert labels.mean() == 0.5
    by_label = [colors[labels == label].mean((0, 1)) for label in (0, 1)]
    np.testing.assert_allclose(*by_label, atol=12)


@pytest.mark.parametrize("name", CONTROLS)
def test_the_host_sees_too_little_and_the_arm_sees_the_image(name):
    """No output of the host depends on all that decides a class, at the size of the control or above."""
    drawn = drawings()[name]
    spec = default_comparison(open_dataset(f"synthetic:{name}:8"))
    host = seeded_model(spec.model, len(drawn.classes), seed=0)
    arm = seeded_model(replace(spec.model, arm=spec.arms[0], gate="none"), len(drawn.classes), seed=0)
    reach = max(receptive_field(host, (96, 96)))
    assert receptive_field(opened(arm), drawn.size) == drawn.size
    for index in range(20):
        image, mask = drawn.draw(index, drawn.size)
        far = image.max(2) > 60
        if name in ("cue", "light"):  # the strip and the uppermost pixel of a disc
            assert np.flatnonzero((mask > 0).any(1))[0] - drawn.size[0] // 8 >= (reach - 1) / 2
        elif name == "same":  # the right edge of one disc and the left edge of the other
            columns = np.flatnonzero(far.any(0))
            assert np.diff(columns).max() > reach
        else:  # the discs lie all over the image
            rows, columns = (np.flatnonzero(far.any(axis)) for axis in (1, 0))
            assert max(np.ptp(rows), np.ptp(columns)) > 1.5 * reach


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_open_by_name_count_and_size(name):
    dataset = open_dataset(f"synthetic:{name}:8:48x64")
    assert [len(dataset.index(split)) for split in ("train", "val", "test")] == [8, 3, 3]
    image, target = dataset.read(dataset.index("test")[0])
    assert image.shape == (48, 64, 3)
    assert dataset.task == drawings()[name].task
    if dataset.task == "classification":
        assert [entry.label for entry in dataset.index("train")] == [0, 1] * 4
        assert target in (0, 1)


def test_a_name_that_is_no_drawing_is_told_with_the_nearest():
    with pytest.raises(UserError, match="unknown drawing 'serach'; did you mean 'search'"):
        open_dataset("synthetic:serach")


def test_what_follows_the_size_is_refused():
    with pytest.raises(UserError, match="as in synthetic:64 or synthetic:cue:64:96x128"):
        open_dataset("synthetic:cue:8:48x64:9")
