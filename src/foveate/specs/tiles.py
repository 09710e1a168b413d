"""Tiles that large images are cut into for training."""

from dataclasses import dataclass

from foveate.errors import DataError


@dataclass(frozen=True)
class Tiles:
    """Height and width of tiles, and how far neighbours overlap, in pixels.

    Raises `DataError` for an overlap of a whole tile or more.

    >>> Tiles((224, 224)).starts(500), Tiles((224, 224), 112).starts(500)
    ([0, 224, 276], [0, 112, 224, 276])
    """

    size: tuple[int, int]
    overlap: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < min(self.size):
            height, width = self.size
            raise DataError(
                f"tile_overlap {self.overlap} does not go with tiles of {height}x{width}; give pixels from 0 "
                f"to {min(self.size) - 1}"
            )

    def starts(self, length: int, side: int | None = None) -> list[int]:
        """Return where tiles begin along an image side of `length` pixels; the last one ends at its end.

        side: pixels of a tile along this side; its height if not given. A shorter image side is one tile.
        """
        side = self.size[0] if side is None else side
        if length <= side:
            return [0]
        starts = list(range(0, length - side, side - self.overlap))
        return [*starts, length - side]

    def windows(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return the top and the left of each tile of an image.

        >>> Tiles((2, 3)).windows(4, 5)
        [(0, 0), (0, 2), (2, 0), (2, 2)]
        """
        rows, columns = self.starts(height, self.size[0]), self.starts(width, self.size[1])
        return [(top, left) for top in rows for left in columns]
