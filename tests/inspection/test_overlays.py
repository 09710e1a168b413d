import numpy as np
import pytest
import torch

from foveate.attention.maps import ChannelMap, MaskMap, MemoryMap, PairwiseMap, SpatialMap
from foveate.data.pixels.palette import IGNORED, RIGHT, WRONG
from foveate.errors import UserError
from foveate.inspection.overlays import (
    BAR,
    attention_overlay,
    channel_bars,
    colorize,
    error_map,
    heat,
    overlay,
    picture,
    spatial,
)

GREY = np.full((20, 30, 3), 100, dtype=np.uint8)


def test_colorize_by_hand():
    mask = np.array([[0, 1], [255, 2]], dtype=np.uint8)
    found = colorize(mask, [(1, 2, 3), (4, 5, 6)])
    assert found.dtype == np.uint8
    assert found.tolist() == [[[1, 2, 3], [4, 5, 6]], [list(IGNORED), list(IGNORED)]]


def test_overlay_goes_from_the_image_to_the_colours():
    red = np.zeros_like(GREY)
    red[..., 0] = 200
    assert np.array_equal(overlay(GREY, red, 0.0), GREY)
    assert np.array_equal(overlay(GREY, red, 1.0), red)
    assert overlay(GREY, red)[0, 0].tolist() == [150, 50, 50]


def test_error_map_by_hand():
    found = error_map(np.array([[1, 0], [3, 255]]), np.array([[1, 2], [255, 1]]))
    assert found.tolist() == [[list(RIGHT), list(WRONG)], [list(IGNORED), list(WRONG)]]


def test_every_map_with_positions_gives_one_value_a_position():
    values = torch.arange(6.0).reshape(1, 2, 3)
    assert spatial(SpatialMap(values)).tolist() == values[0].tolist()
    mask = MaskMap(torch.stack([values, values + 2], dim=1))
    assert spatial(mask).tolist() == (values[0] + 1).tolist()
    assert spatial(MemoryMap(mask.values), query=1).tolist() == (values[0] + 2).tolist()
    pairs = torch.zeros(1, 2, 2, 6)
    pairs[0, 0, 1, 4] = 1
    pairs[0, 1, 1, 5] = 1
    found = PairwiseMap(pairs, grid=(2, 3), queries=torch.tensor([0, 4]))
    assert spatial(found, query=1).tolist() == [[0, 0, 0], [0, 0.5, 0.5]]
    assert spatial(ChannelMap(torch.ones(1, 4))) is None


def test_heat_is_dark_for_little_and_bright_for_much_and_defined_without_contrast():
    found = heat(np.array([[0.2, 0.4]])).sum(-1)
    assert found[0, 0] < found[0, 1]
    assert heat(np.zeros((2, 2))).std() == heat(np.ones((2, 2))).std()
    assert heat(np.eye(2), size=(8, 10)).shape == (8, 10, 3)


def test_attention_overlay_marks_the_query():
    pairs = torch.full((1, 1, 1, 6), 1 / 6)
    without = attention_overlay(GREY, SpatialMap(torch.full((1, 2, 3), 1 / 6)))
    found = attention_overlay(GREY, PairwiseMap(pairs, grid=(2, 3), queries=torch.tensor([5])))
    rows, columns = np.nonzero((found != without).any(-1))
    assert (abs(rows.mean() - 15) < 1, abs(columns.mean() - 25) < 1) == (True, True)


def test_channel_bars_by_hand():
    found = channel_bars(ChannelMap(torch.tensor([[0.0, 0.5], [1.0, 0.0]])), index=0, size=(4, 6))
    filled = (found == BAR).all(-1)
    assert filled.sum(0).tolist() == [0, 0, 0, 2, 2, 2]
    assert filled[2:, 3:].all()


def test_a_channel_map_cannot_lie_over_an_image():
    with pytest.raises(
        UserError, match="a channel map has no positions in the image; draw it with channel_bars"
    ):
        attention_overlay(GREY, ChannelMap(torch.ones(1, 4)))


def test_any_map_has_a_picture_at_the_images_size():
    for found in (ChannelMap(torch.rand(1, 4)), SpatialMap(torch.rand(1, 2, 3))):
        assert picture(found, GREY).shape == GREY.shape
