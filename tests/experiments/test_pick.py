"""Where a map is laid over an image in the report's pictures."""

import numpy as np
import pytest

from foveate.experiments.pick import _over
from foveate.inspection.thumbnail import Thumbnail


def thumbnail(extent=None):
    return Thumbnail(np.array([[10, 20], [30, 40]], np.uint8), "words", True, extent)


@pytest.mark.parametrize("size", [(4, 6), (64, 64)])
def test_a_map_of_the_whole_image_is_laid_over_it_whole(size):
    over = _over(thumbnail(), size, multiple=2)
    corners = over[0, 0], over[0, -1], over[-1, 0], over[-1, -1]
    assert corners == (10, 20, 30, 40)


def test_what_lies_over_the_padding_is_cut_off():
    over = _over(thumbnail(), (6, 5), multiple=8)
    assert over.tolist() == [[10] * 4 + [20]] * 4 + [[30] * 4 + [40]] * 2


def test_what_a_map_does_not_reach_is_dark():
    over = _over(thumbnail(extent=(4, 6)), (5, 7), multiple=1)
    assert over[:, -1].tolist() == [0] * 5
    assert over[-1].tolist() == [0] * 7
    assert over[:4, :6].tolist() == [[10] * 3 + [20] * 3] * 2 + [[30] * 3 + [40] * 3] * 2
