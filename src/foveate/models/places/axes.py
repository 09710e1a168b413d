"""How a network keeps a feature map, and the way from there to `b c h w` and back.

Convolutions keep `b c h w`, many transformers `b h w c` or tokens `b n c`: rows of the map one after another,
behind the class, distillation and register tokens, which are no part of the map. Hiera keeps its tokens in
another order (`folds`): positions of one 2 x 2 cell lie a quarter of the sequence apart.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from foveate.errors import UserError

Size = tuple[int, int]
Layout = Literal["b c h w", "b h w c", "b n c"]


@dataclass(frozen=True)
class Axes:
    """The axes of a feature map as a network keeps it.

    Of tokens, `prefix` counts those before the map, `stride` is the image's height by the map's, and `folds`
    how often the map was folded into 2 x 2 cells.
    """

    layout: Layout = "b c h w"
    stride: float = 1
    prefix: int = 0
    folds: int = 0

    def channels(self, shape: tuple[int, ...]) -> int:
        """The number of channels of a tensor of that shape."""
        return shape[1] if self.layout == "b c h w" else shape[-1]

    def size(self, shape: tuple[int, ...], image: Size | None) -> Size:
        """Height and width of the map in a tensor of that shape, for an image of that size."""
        if self.layout == "b n c":
            return self._grid(shape[1] - self.prefix, image)
        return tuple(shape[2:]) if self.layout == "b c h w" else tuple(shape[1:3])

    def to_map(self, x: Tensor, image: Size | None = None) -> Float[Tensor, "b c h w"]:
        """The map in `x`, as attention takes it; tokens before the map are left out.

        The height and width of a map kept as tokens follow from those of the `image` of the same pass.

        >>> Axes("b n c", stride=16, prefix=1).to_map(torch.rand(2, 1 + 4 * 6, 8), (64, 96)).shape
        torch.Size([2, 8, 4, 6])
        """
        if self.layout == "b c h w":
            return x
        if self.layout == "b h w c":
            return rearrange(x, "b h w c -> b c h w")
        h, w = self._grid(x.shape[1] - self.prefix, image)
        cell = 2**self.folds
        return rearrange(x[:, self.prefix :], self._tokens, h=h // cell, w=w // cell, **self._cells)

    def from_map(self, changed: Float[Tensor, "b c h w"], x: Tensor) -> Tensor:
        """A tensor kept as `x` is, with the map `changed`; tokens before the map stay what they are."""
        if self.layout == "b c h w":
            return changed
        if self.layout == "b h w c":
            return _laid_out_as(x, rearrange(changed, "b c h w -> b h w c"))
        kept, pattern = x[:, : self.prefix], self._tokens
        tokens = rearrange(changed, " -> ".join(pattern.split(" -> ")[::-1]), **self._cells)
        return _laid_out_as(x, torch.cat([kept.to(tokens.dtype), tokens], 1) if self.prefix else tokens)

    @property
    def _tokens(self) -> str:
        levels = range(self.folds)
        cells = "".join(f"y{k} x{k} " for k in levels)
        rows, columns = ("".join(f" {axis}{k}" for k in reversed(levels)) for axis in "yx")
        return f"b ({cells}h w) c -> b c (h{rows}) (w{columns})"

    @property
    def _cells(self) -> dict[str, int]:
        return {f"{axis}{k}": 2 for axis in "yx" for k in range(self.folds)}

    def _grid(self, tokens: int, image: Size | None) -> Size:
        if image is None:
            raise UserError(
                "attention sits at a map that is kept as tokens, and the image that its height and width "
                "follow from was not seen: call the whole model, not a part of it"
            )
        for h in (ceil(image[0] / self.stride), int(image[0] / self.stride)):
            for w in (ceil(image[1] / self.stride), int(image[1] / self.stride)):
                if h * w == tokens:
                    return h, w
        raise UserError(
            f"{tokens} tokens are no map of an image of {image[0]}x{image[1]} at stride {self.stride:g}"
        )


CHANNELS_FIRST = Axes()


def _laid_out_as(x: Tensor, changed: Tensor) -> Tensor:
    """`changed` with the strides of `x`: what follows then rounds as it does after `x`."""
    if changed.shape != x.shape or changed.stride() == x.stride():
        return changed
    return torch.empty_like(x, dtype=changed.dtype).copy_(changed)
