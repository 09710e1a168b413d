import re

import pytest
import torch

from foveate.errors import UserError
from foveate.models.places.axes import Axes
from foveate.models.places.reading import Hints, Seen, read_axes

KINDS = [
    Axes("b c h w"),
    Axes("b h w c"),
    Axes("b n c", stride=8),
    Axes("b n c", stride=8, prefix=3),
    Axes("b n c", stride=8, folds=2),
]


def kept_as(axes, maps):
    """A map b c h w as a network of those axes would keep it, written without `Axes`."""
    if axes.layout == "b c h w":
        return maps
    channels_last = maps.permute(0, 2, 3, 1)
    if axes.layout == "b h w c":
        return channels_last.contiguous()
    for _ in range(axes.folds):  # Hiera: all that stands at the same corner of the 2 x 2 cells together
        corners = [channels_last[..., y::2, x::2, :] for y in (0, 1) for x in (0, 1)]
        channels_last = torch.stack(corners, 1).flatten(0, 1)
    tokens = channels_last.reshape(len(maps), -1, maps.shape[1])
    return torch.cat([torch.randn(len(maps), axes.prefix, maps.shape[1]), tokens], 1)


@pytest.mark.parametrize("axes", KINDS, ids=str)
def test_the_map_comes_out_and_goes_back_bit_for_bit(axes):
    maps = torch.randn(2, 5, 4, 8)
    tensor = kept_as(axes, maps)
    assert torch.equal(axes.to_map(tensor, (32, 64)), maps)
    assert torch.equal(axes.from_map(maps, tensor), tensor)
    assert axes.from_map(maps, tensor).stride() == tensor.stride()
    changed = axes.from_map(maps + 1, tensor)
    assert torch.equal(axes.to_map(changed, (32, 64)), maps + 1)
    assert torch.equal(changed[:, : axes.prefix], tensor[:, : axes.prefix])


def test_the_strides_in_memory_stay_those_of_the_network():
    transposed = torch.randn(2, 5, 24).transpose(1, 2)
    axes = Axes("b n c", stride=8)
    assert axes.from_map(torch.randn(2, 5, 4, 6), transposed).stride() == transposed.stride()


def test_tokens_need_the_image_of_the_pass():
    axes = Axes("b n c", stride=8, prefix=1)
    with pytest.raises(UserError, match="call the whole model, not a part of it"):
        axes.to_map(torch.randn(1, 25, 3))
    with pytest.raises(UserError, match="24 tokens are no map of an image of 64x64 at stride 8"):
        axes.to_map(torch.randn(1, 25, 3), (64, 64))


@pytest.mark.parametrize("axes", KINDS[:4], ids=str)
def test_two_sizes_of_the_image_tell_the_axes(axes):
    maps = {(64, 64): torch.randn(1, 8, 8, 8), (96, 64): torch.randn(1, 8, 12, 8)}
    seen = [Seen(size, tuple(kept_as(axes, each).shape)) for size, each in maps.items()]
    assert read_axes(seen) == axes


@pytest.mark.parametrize(
    ("shape", "hints", "expected"),
    [
        ((1, 96, 56, 56), Hints(), Axes("b c h w")),
        ((1, 56, 56, 96), Hints(), Axes("b h w c")),
        ((1, 56, 56, 56), Hints(layout="b h w c"), Axes("b h w c")),
        ((1, 512, 1, 1), Hints(), Axes("b c h w")),
        ((1, 197, 192), Hints(), Axes("b n c", 16, 1)),
        ((1, 196, 192), Hints(prefix=1), Axes("b n c", 16, 0)),
        ((1, 261, 192), Hints(prefix=5), Axes("b n c", 14, 5)),
    ],
)
def test_one_size_tells_them_too_where_one_reading_fits(shape, hints, expected):
    assert read_axes([Seen((224, 224), shape)], hints) == expected


@pytest.mark.parametrize(
    ("shapes", "hints", "words"),
    [
        ([(1, 56, 56, 56)], Hints(), "fits both b c h w and b h w c, .* pass an example= that is not square"),
        ([(1, 64, 20, 30)], Hints(), "is no map of an image of 224x224"),
        ([(1, 96, 56, 56)], Hints(channels=64), "its library says that it has 64 channels"),
        ([(64, 49, 32), (72, 49, 32)], Hints(), "windows, not a map"),
        ([(1, 32, 196), (1, 32, 224)], Hints(), "b c n, not tokens b n c"),
        ([(1, 100, 32), (1, 100, 32)], Hints(), "does not follow the image's size"),
        ([(1, 7, 32)], Hints(), "7 are not the tokens of a map of 224x224"),
        ([(1, 1000)], Hints(), "where b c h w, b h w c or tokens b n c are expected"),
    ],
)
def test_what_cannot_be_told_says_why(shapes, hints, words):
    sizes = ((224, 224), (256, 224))
    seen = [Seen(size, shape) for size, shape in zip(sizes, shapes, strict=False)]
    reason = read_axes(seen, hints)
    assert isinstance(reason, str)
    assert re.search(words, reason), reason
