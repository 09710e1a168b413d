"""What figures draw as factors is what the mechanism does: output divided by input, of a hooked forward."""

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import Tensor, nn

from foveate.attention.maps import ChannelMap, FactorMap, MaskMap, SpatialMap
from foveate.inspection.figures.channels import channels
from foveate.inspection.figures.mask import rows
from foveate.inspection.figures.spatial import spatial
from foveate.inspection.overlays import channel_bars
from foveate.inspection.overlays import spatial as places
from foveate.inspection.subjects import RecordedMap, View
from foveate.inspection.thumbnail import choose_thumbnail
from foveate.prediction.assemble import Prediction

from ...attention.cases import CASES, Case

SAID = Prediction(("a",), ((0, 0, 0),), np.ones((24, 36), np.float32), mask=np.zeros((24, 36), np.uint8))
VIEW = View("scene", np.zeros((24, 36, 3), np.uint8), SAID)
WITH_FACTORS = [case for case in CASES if any(issubclass(kind, FactorMap) for kind in case.kinds)]


def hooked(module: nn.Module, x: Tensor, start: nn.Module, end: nn.Module, end_input: bool) -> ndarray:
    """What `end` gives (or gets) divided by what `start` gets, in one forward pass of `module`."""
    seen = {}
    with torch.no_grad():
        first = start.register_forward_hook(lambda _, got, gave: seen.update(first=got[0], made=gave))
        last = end.register_forward_hook(lambda _, got, gave: seen.update(got=got[0], last=gave))
        module(x)
        first.remove()
        last.remove()
    return (seen["got"] / seen["made"] if end_input else seen["last"] / seen["first"])[0].numpy()


def drawn(found: FactorMap) -> ndarray:
    """The factors as the figure of this kind of map shows them, b c h w without the batch."""
    recorded = RecordedMap(VIEW, "some@place", 0, found)
    if isinstance(found, ChannelMap):
        return np.array([bar.get_height() for bar in channels(recorded).axes[0].patches])[:, None, None]
    if isinstance(found, SpatialMap):
        shown = [image for axes in spatial(recorded).axes for image in axes.images]
        return next(np.asarray(image.get_array()) for image in shown if image.get_array().ndim == 2)[None]
    mean, *by_channel = rows(recorded)
    whole = found.factor[0].numpy()
    assert np.allclose(mean[1]["Factor"], whole.mean(0), atol=1e-6)
    for name, pictures in by_channel:
        assert np.array_equal(pictures["Factor"], whole[int(name.removeprefix("channel "))])
    return whole


@pytest.mark.parametrize("case", WITH_FACTORS, ids=str)
def test_drawn_factors_are_output_by_input(case: Case):
    module = case.create().eval()
    x = torch.rand(1, 8, 6, 9) + 0.5
    with torch.no_grad():
        found = [one for one in module.weights(x) if isinstance(one, FactorMap)]
    if found[0].trunk:  # the factor applies inside: behind the trunk, before the units that follow
        ratio = hooked(module, x, module.trunk, module.after, end_input=True)
        assert "trunk" in found[0].effect
    else:
        ratio = hooked(module, x, module, module, end_input=False)
    factors = [drawn(one) for one in found]
    if any(isinstance(one.offset, Tensor) for one in found):  # a sum: each map's factor is a mean
        for one, factor in zip(found, factors, strict=True):
            axes = (1, 2) if isinstance(one, ChannelMap) else (0,)
            assert np.allclose(factor, ratio.mean(axes, keepdims=True), rtol=1e-3, atol=1e-4)
        return
    product = np.prod(np.broadcast_arrays(*factors, np.ones_like(ratio)), axis=0)
    assert np.allclose(product, ratio, rtol=1e-3, atol=1e-4)


def test_a_channel_that_is_added_to_itself_is_drawn_above_one():
    gate = torch.tensor([[0.148, 0.839]])
    page = channels(RecordedMap(VIEW, "mssa@place", 0, ChannelMap(gate, offset=1.0)))
    assert [bar.get_height() for bar in page.axes[0].patches] == pytest.approx([1.148, 1.839])
    assert page.get_supxlabel() == (
        "Factors from 1.148 to 1.839, at 1 a channel stays as it is: 1 + the map multiplies the features."
    )


def test_small_pictures_and_overlays_show_the_factor_too():
    channel, position = ChannelMap(torch.tensor([[0.0, 1.0]]), 1.0), SpatialMap(torch.zeros(1, 2, 3), 1.0)
    assert "1.00 to 2.00" in choose_thumbnail({"a": (channel,)}).caption
    assert "1.00 to 1.00" in choose_thumbnail({"a": (position,)}).caption
    assert np.array_equal(places(position), np.ones((2, 3)))
    assert (channel_bars(channel, size=(4, 2))[:, 0] != 255).any(1).sum() == 2  # half of the largest, 2
    inside = MaskMap(torch.zeros(1, 2, 2, 3), 1.0, trunk=True)
    assert "trunk" in choose_thumbnail({"a": (inside,)}).caption
