"""The geometry of overlapping tiles, along one side of an image.

Neighbours share `overlap` pixels, over which the weight passes from one to the other as that of two Gaussian
windows. In the outer quarters of the overlap only the tile whose edge is farther has weight: what a network
computes near the edge of a tile depends on the padding there. So the prediction is that of the whole image,
where a network's receptive field reaches no farther than a quarter of the overlap to each side.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from foveate.errors import UserError

SIGMA = 0.25
"""Standard deviation of the Gaussian windows, in units of the middle half of the overlap."""


@dataclass(frozen=True)
class Tiling:
    """How large tiles are, and how far neighbours overlap, both in pixels.

    multiple: tiles begin at multiples of it, so that a network that halves the size five times (32) meets the
    same grid as in the whole image. Tile and overlap are rounded up to it. Raises `UserError` if the overlap
    is more than half of a tile.

    >>> Tiling(1000, 250)
    Tiling(tile=1024, overlap=256, multiple=32)
    """

    tile: int
    overlap: int
    multiple: int = 32

    def __post_init__(self) -> None:
        if self.tile < 1 or self.overlap < 0:
            raise UserError(
                f"--tile {self.tile} --overlap {self.overlap}: give numbers of pixels, such as 1024 and 256"
            )
        object.__setattr__(self, "tile", _rounded_up(self.tile, self.multiple))
        object.__setattr__(self, "overlap", _rounded_up(self.overlap, self.multiple))
        if 2 * self.overlap > self.tile:
            raise UserError(
                f"--overlap {self.overlap}: is more than half of --tile {self.tile} (both in multiples of "
                f"{self.multiple}); give a larger tile or a smaller overlap"
            )

    @property
    def step(self) -> int:
        """Distance between the beginnings of neighbours."""
        return self.tile - self.overlap

    @property
    def cost(self) -> float:
        """Pixels that the network computes, per pixel of a large image."""
        return (self.tile / self.step) ** 2

    def spans(self, length: int) -> list["Span"]:
        """Return the tiles along a side of `length` pixels.

        >>> [(span.start, span.stop, span.seen) for span in Tiling(64, 16, 16).spans(100)]
        [(0, 64, 0), (48, 100, 48)]
        """
        count = max(1, math.ceil((length - self.overlap) / self.step))
        # The last tile begins earlier than its part of the image, to see as much as the others.
        last = max(0, _rounded_up(length - self.tile, self.multiple))
        starts = [number * self.step for number in range(count)]
        return [Span(start, min(start + self.tile, length), min(start, last)) for start in starts]

    def rise(self) -> Float32[np.ndarray, " overlap"]:
        """Return the weight of the second of two neighbours, over the pixels that they share.

        >>> (100 * Tiling(16, 8, 4).rise()).round().tolist()
        [0.0, 0.0, 0.0, 12.0, 88.0, 100.0, 100.0, 100.0]
        """
        place = (2 * (np.arange(self.overlap) + 0.5) / max(1, self.overlap)) - 0.5
        first, second = (np.exp(-0.5 * ((place - centre) / SIGMA) ** 2) for centre in (0, 1))
        weight = np.where(place < 0, 0, np.where(place > 1, 1, second / (first + second)))
        return weight.astype(np.float32)


@dataclass(frozen=True)
class Span:
    """A tile along one side: it gives the pixels from `start` to `stop`, and sees those from `seen` on."""

    start: int
    stop: int
    seen: int


def _rounded_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
