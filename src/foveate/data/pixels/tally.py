"""Count the pixels of each stored value of a mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer

from foveate.data.pixels.masks import pack
from foveate.data.pixels.stored import check_lossless, read_raw, read_stored, single_channel, whole_values
from foveate.errors import DataError


@dataclass(frozen=True)
class Tally:
    """The pixels of each stored value (or packed colour) of one mask.

    where: its file, or what else names it. size: height and width. values: distinct, in rising order. counts:
    the pixels of each. palette: the packed colour of each value, for a file with a palette. alpha: the tally
    of the alpha channel, for a file of a single colour. bits: as in `Stored`.
    """

    where: str | Path
    size: tuple[int, int]
    values: Int64[np.ndarray, " values"]
    counts: Int64[np.ndarray, " values"]
    palette: Mapping[int, int] = field(default_factory=dict, repr=False)
    alpha: "Tally | None" = field(default=None, repr=False)
    bits: int = 8

    def of(self, value: int) -> int:
        """Return the pixels of one value.

        >>> tally_values("a.png", np.array([[0, 3], [3, 3]])).of(3)
        3
        """
        return int(self.counts[self.values == value].sum())


def tally_mask(path: str | Path, colored: bool = False, content: bytes | None = None) -> Tally:
    """Read a mask file and count its stored values; with `colored`, its colours.

    Raises `DataError` as `read_raw` does.
    """
    if colored:
        return tally_values(path, pack(read_raw(path, colored=True, content=content)))
    stored = read_stored(path, content)
    check_lossless(stored.format, path)
    raw = whole_values(single_channel(stored, path, content is None), path)
    tally = replace(tally_values(path, raw), bits=stored.bits)
    if stored.alpha is not None and len(tally.values) == 1:
        return replace(tally, alpha=tally_values(path, whole_values(stored.alpha, path)))
    if stored.palette is not None:
        colors = pack(stored.palette[tally.values])
        return replace(tally, palette=dict(zip(tally.values.tolist(), colors.tolist(), strict=True)))
    return tally


def tally_values(where: str | Path, raw: Integer[np.ndarray, "h w"]) -> Tally:
    """Count the values of an array.

    >>> tally_values("a.png", np.array([[0, 9], [9, 9]], dtype=np.uint8)).counts
    array([1, 3])
    """
    if raw.dtype == np.uint8:
        counts = np.bincount(raw.ravel(), minlength=256)
        values = counts.nonzero()[0]
        return Tally(where, raw.shape, values, counts[values])
    values, counts = np.unique(raw, return_counts=True)
    return Tally(where, raw.shape, values.astype(np.int64), counts.astype(np.int64))


def pixels_by_value(tallies: Sequence[Tally]) -> dict[int, int]:
    """Return the pixels of each value of several masks, in rising order of the values.

    >>> pixels_by_value([tally_values("a", np.array([[0, 9]])), tally_values("b", np.array([[9, 9]]))])
    {0: 1, 9: 3}
    """
    total: dict[int, int] = {}
    for tally in tallies:
        for value, count in zip(tally.values.tolist(), tally.counts.tolist(), strict=True):
            total[value] = total.get(value, 0) + count
    return dict(sorted(total.items()))


def holders(tallies: Sequence[Tally]) -> dict[int, str | Path]:
    """Return, for each value, the mask that has the most pixels of it."""
    most: dict[int, tuple[int, str | Path]] = {}
    for tally in tallies:
        for value, count in zip(tally.values.tolist(), tally.counts.tolist(), strict=True):
            if value not in most or count > most[value][0]:
                most[value] = (count, tally.where)
    return {value: where for value, (_, where) in sorted(most.items())}


def by_transparency(tallies: Sequence[Tally]) -> Sequence[Tally] | None:
    """Return the tallies of the alpha channels if the shapes of all masks are in them, otherwise None.

    That is so if each mask is of a single colour, and the transparency of some varies. Raises `DataError` if
    some masks have their shapes in the alpha channel and some in the values.
    """
    shaped = [tally for tally in tallies if tally.alpha is not None and len(tally.alpha.values) > 1]
    if not shaped:
        return None
    if other := next((tally for tally in tallies if tally.alpha is None), None):
        raise DataError(
            f"{shaped[0].where}: the shape is in the transparency, for the colour is the same everywhere; in "
            f"{other.where} it is not; save all masks alike, without transparency"
        )
    return [tally.alpha for tally in tallies if tally.alpha is not None]
