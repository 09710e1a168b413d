"""Divide groups of images among parts, so that each part gets its share of the images of every class.

The cost of a division is chi-squared: the sum over parts and classes of (images - wanted)^2 / wanted. Groups
are given out one by one, in the given order, each to the part where it costs least; for groups of equal size
this is the method of Sainte-Lague. Then single groups are moved, and pairs of groups swapped, as long as the
cost falls.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

_SWAPPED = 300
"""Pairs of groups are swapped if there are at most this many groups; with more, moves come close enough."""

_DECIMALS = 6
"""Costs are rounded, so that ties are broken alike on every machine."""

_LEAST = 0.01
"""Costs, in images, that differ by less are as good."""


def apportion(
    counts: Int64[np.ndarray, "groups classes"], shares: Sequence[float], complete: bool = True
) -> Int64[np.ndarray, " groups"]:
    """Return the part of each group.

    counts: images of each class in each group. shares: of the images in each part, above 0. complete: the
    last part gets a group of each class, unless that would empty another part. Every part gets a group; with
    fewer groups than parts, all go to the last.

    >>> apportion(np.array([[10], [30], [10], [150]]), (15, 15, 70)).tolist()
    [1, 0, 1, 2]
    """
    division = _Division(counts, np.asarray(shares, dtype=np.float64))
    if len(counts) < len(shares):
        return np.full(len(counts), len(shares) - 1)
    for group in range(len(counts)):
        division.put(group, int(division.costs_of(group).argmin()))
    _fill_empty(division)
    for _ in range(4 * len(counts)):
        if not (_move(division) or (len(counts) <= _SWAPPED and _swap(division))):
            break
    if complete:
        _complete_last(division)
    return division.parts


class _Division:
    """Groups in parts, and what it would cost to move them. A group without a part has part -1."""

    def __init__(self, counts: Int64[np.ndarray, "groups classes"], shares: Float64[np.ndarray, " parts"]):
        sizes = counts.sum(1, keepdims=True)
        self.classes = counts
        self.counts = np.hstack([counts, sizes]).astype(np.float64) if counts.shape[1] > 1 else counts * 1.0
        wanted = shares[:, None] / shares.sum() * self.counts.sum(0)
        self.weights = 1 / np.maximum(wanted, 1e-9)
        self.excess = -wanted
        self.parts = np.full(len(counts), -1)
        self.sizes = sizes[:, 0]
        self.squares = self.weights @ (self.counts**2).T

    def put(self, group: int, part: int) -> None:
        """Move a group to a part."""
        if self.parts[group] >= 0:
            self.excess[self.parts[group]] -= self.counts[group]
        self.excess[part] += self.counts[group]
        self.parts[group] = part

    def costs_of(self, group: int) -> Float64[np.ndarray, " parts"]:
        """The change of the cost if a group is added to each part."""
        slopes = 2 * (self.weights * self.excess) @ self.counts[group]
        return np.round(slopes + self.squares[:, group], _DECIMALS)

    @property
    def slopes(self) -> Float64[np.ndarray, "parts groups"]:
        return 2 * (self.weights * self.excess) @ self.counts.T

    @property
    def adding(self) -> Float64[np.ndarray, "parts groups"]:
        """The change of the cost for each group that is added to each part."""
        return np.round(self.slopes + self.squares, _DECIMALS)

    @property
    def removing(self) -> Float64[np.ndarray, " groups"]:
        """The change of the cost for each group that is taken from its part."""
        groups = np.arange(len(self.parts))
        return (self.squares - self.slopes)[self.parts, groups]

    @property
    def members(self) -> Int64[np.ndarray, " parts"]:
        """The number of groups in each part."""
        return np.bincount(self.parts, minlength=len(self.excess))


def _fill_empty(division: _Division) -> None:
    """Give each empty part the smallest group of the part with most groups."""
    for part in (division.members == 0).nonzero()[0]:
        fullest = division.members.argmax()
        inside = (division.parts == fullest).nonzero()[0]
        division.put(int(inside[division.sizes[inside].argmin()]), int(part))


def _move(division: _Division) -> bool:
    """Move the group that lowers the cost most; return whether there is one."""
    change = division.adding + division.removing
    change[division.parts, np.arange(len(division.parts))] = 0
    change[:, division.members[division.parts] == 1] = 0
    change = np.round(change, _DECIMALS)
    part, group = np.unravel_index(change.argmin(), change.shape)
    if change[part, group] > -_LEAST:
        return False
    division.put(int(group), int(part))
    return True


def _swap(division: _Division) -> bool:
    """Swap the two groups of two parts that lower the cost most; return whether there are any."""
    adding, removing, parts = division.adding, division.removing, division.parts
    there = adding[parts]  # [a, b]: the cost of group b in the part of group a
    weights = division.weights[parts]
    shared = 2 * (weights * division.counts) @ division.counts.T
    one_way = removing[:, None] + there - shared
    change = np.round(one_way + one_way.T, _DECIMALS)
    change[parts[:, None] == parts[None]] = 0
    first, second = np.unravel_index(change.argmin(), change.shape)
    if change[first, second] > -_LEAST:
        return False
    one, other = int(parts[first]), int(parts[second])
    division.put(int(first), other)
    division.put(int(second), one)
    return True


def _complete_last(division: _Division) -> None:
    """Move a group of each class that the last part lacks into it, if its own part keeps another group."""
    last = len(division.excess) - 1
    for number in range(division.classes.shape[1]):
        holders = division.classes[:, number] > 0
        if not holders.any() or (holders & (division.parts == last)).any():
            continue
        movable = (holders & (division.members[division.parts] > 1)).nonzero()[0]
        if len(movable):
            division.put(int(movable[division.sizes[movable].argmin()]), last)
