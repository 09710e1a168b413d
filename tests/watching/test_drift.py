"""Planted drift is found, and images that are as before are left alone, at the defaults."""

import numpy as np
import pytest

from foveate.errors import UserError
from foveate.watching.drift import ALPHA, drift
from foveate.watching.signs import CONFIDENCES, Signs

TRIALS = 50


def draw(generator: np.random.Generator, count: int, shift: float = 0.0) -> list[Signs]:
    """Signs as they come: related to each other, skewed, with many zeros, and some that are all equal."""
    found = []
    for _ in range(count):
        scene, noise = generator.normal(size=2)
        confidence = generator.dirichlet(np.linspace(0.2, 3, CONFIDENCES))
        rare = max(0.0, generator.normal() - 1)
        values = {
            "brightness": scene + shift,
            "contrast": float(np.exp(0.5 * scene + noise)),
            "colour": generator.gamma(2),
            "share of common": 1 / (1 + np.exp(-scene)),
            "share of rare": rare,
            "pixels": 172_800.0,
        }
        found.append(Signs(values, tuple(confidence)))
    return found


def share_found(before: int, now: int, shift: float) -> float:
    generator = np.random.default_rng([before, now])
    pairs = [(draw(generator, before), draw(generator, now, shift)) for _ in range(TRIALS)]
    return float(np.mean([any(sign.found for sign in drift(*pair)) for pair in pairs]))


@pytest.mark.parametrize(("before", "now"), [(12, 12), (20, 100), (100, 100)])
def test_images_as_before_are_left_alone(before, now):
    # Of 50 trials at 1%, more than 3 come in one of 600 tests.
    assert share_found(before, now, shift=0.0) <= ALPHA + 0.05


@pytest.mark.parametrize(("before", "now", "shift", "least"), [(20, 20, 2.5, 0.9), (100, 100, 1.0, 0.95)])
def test_planted_drift_is_found(before, now, shift, least):
    assert share_found(before, now, shift) >= least


def test_the_sign_that_drifted_is_named_first():
    generator = np.random.default_rng(0)
    found = drift(draw(generator, 50), draw(generator, 50, shift=2.0))
    assert found[0].sign == "brightness"
    assert found[0].found
    assert found[0].now > found[0].before
    assert {sign.sign for sign in found if not sign.found} >= {"pixels", "colour", "confidence histogram"}


def test_a_few_images_tell_nothing():
    generator = np.random.default_rng(0)
    with pytest.raises(UserError, match="from 3 new images beside 20 of the run; 10 of each"):
        drift(draw(generator, 20), draw(generator, 3))
