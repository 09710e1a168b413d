"""Masks that do not lie where their image says, suspected from edges."""

import numpy as np
import pytest
from PIL import Image

from foveate.doctor.agreement import SIDE, agree, edges, outlines


def moved(values: np.ndarray, down: int, right: int) -> np.ndarray:
    return np.roll(values, (down, right), (0, 1))


def test_a_displaced_mask(plant):
    plant.pairs().save("masks/04.png", moved(plant.mask(4), 6, 0))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("warning", "shifted")
    assert finding.title == "1 mask seems displaced"
    assert plant.names(finding) == ["masks/04.png"]
    assert finding.cases[0].detail == "fits better about 6 pixels up"


def test_all_masks_displaced(plant):
    plant.pairs()
    for number in range(12):
        plant.save(f"masks/{number:02d}.png", moved(plant.mask(number), 0, -8))
    finding = next(one for one in plant.findings() if one.check == "shifted")
    assert finding.title == "12 masks seem displaced"
    assert all("pixels right" in case.detail for case in finding.cases)


def test_swapped_masks(plant):
    plant.pairs().save("masks/02.png", plant.mask(9))
    plant.save("masks/09.png", plant.mask(2))
    finding = plant.finding()
    assert (finding.check, finding.title) == (
        "swapped",
        "2 images whose mask seems to be that of another",
    )
    assert {case.file.name: case.detail for case in finding.cases} == {
        "02.png": "fits masks/09.png",
        "09.png": "fits masks/02.png",
    }


def test_numbering_that_is_off_by_one(plant):
    plant.pairs()
    for number in range(12):
        plant.save(f"masks/{number:02d}.png", plant.mask((number + 1) % 12))
    finding = next(one for one in plant.findings() if one.check == "swapped")
    assert len(finding.cases) >= 9


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [("mirrored left to right", np.fliplr), ("mirrored top to bottom", np.flipud)],
)
def test_a_mirrored_mask(plant, orientation, turn):
    plant.pairs().save("masks/03.png", turn(plant.mask(3)))
    finding = plant.finding()
    assert (finding.check, finding.title) == ("swapped", f"1 mask seems {orientation}")


def test_uninformative_edges_raise_no_alarm(plant):
    """Noise has edges everywhere, and so none at the outlines."""
    random = np.random.default_rng(0)
    plant.pairs()
    for number in range(12):
        plant.save(f"images/{number:02d}.png", random.integers(0, 256, (72, 96, 3), dtype=np.uint8))
    assert plant.findings() == ()


def test_agreement_is_the_correlation_at_each_displacement(plant):
    image, truth = plant.draw(1, (SIDE, SIDE))
    a = edges(np.asarray(Image.fromarray(image).convert("L")))
    b = outlines(truth)
    naive = np.array(
        [
            [(a.astype(np.float64) * moved(b, down, right)).sum() for right in range(SIDE)]
            for down in range(SIDE)
        ]
    )
    found = agree(a, b)
    assert found.own == pytest.approx(naive[0, 0] / naive.std(), rel=1e-4)
    assert found.best == pytest.approx(naive.max() / naive.std(), rel=1e-4)
    assert np.unravel_index(naive.argmax(), naive.shape) == tuple(step % SIDE for step in found.shift)


def test_an_empty_mask_agrees_with_nothing():
    assert agree(edges(np.zeros((SIDE, SIDE), np.uint8)), outlines(np.zeros((4, 4), np.uint8))) is None
