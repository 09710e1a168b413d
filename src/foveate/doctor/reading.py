"""Infer what mask values mean from all masks of a dataset, even if some masks are wrong."""

from collections.abc import Iterable, Sequence
from typing import Literal

from foveate.data.pixels.masks import IGNORE
from foveate.data.pixels.meaning import MAX_UNNAMED
from foveate.doctor.exam import MaskFacts

Kind = Literal["colours", "one value", "0/1", "0/255", "smoothed", "ids"]
Convention = Literal["colours", "0/255", "ids"]

RAMPS = 0.2
"""A mask is smoothed if at least this share of its outline pixels lies between their neighbours' values."""

RARE = 0.05
"""A value is common if it occurs in more than this share of the masks and in more than one."""

_TOLERANCE = 32


def kind(mask: MaskFacts) -> Kind:
    """Classify one mask by its values. "smoothed" is black and white with greys in between.

    >>> import numpy as np
    >>> empty = {"mode": "L", "format": "PNG", "colored": False, "digest": b"", "ramps": 0.0, "areas": {}}
    >>> kind(MaskFacts((1, 4), values=np.array([0, 255]), counts=np.array([3, 1]), **empty))
    '0/255'
    """
    values, counts = mask.values, mask.counts
    if mask.colored:
        return "colours"
    if len(values) == 1:
        return "one value"
    if set(values.tolist()) <= {0, 1}:
        return "0/1"
    if set(values.tolist()) <= {0, IGNORE}:
        return "0/255"
    extreme = (values <= _TOLERANCE) | ((values >= IGNORE - _TOLERANCE) & (values <= IGNORE))
    bright = ((values > IGNORE // 2) & (values < IGNORE)).sum()
    mostly = counts[extreme].sum() >= 0.85 * counts.sum() and values.max() >= IGNORE - _TOLERANCE
    return "smoothed" if mostly and (mask.ramps >= RAMPS or bright >= 8) else "ids"


def convention(masks: Sequence[MaskFacts]) -> Convention:
    """Return how most masks of a dataset are stored. Masks of a single value have no vote."""
    kinds = [known for mask in masks if (known := kind(mask)) != "one value"]
    if kinds.count("colours") > len(kinds) / 2:
        return "colours"
    black_white = kinds.count("0/255") + kinds.count("smoothed")
    if black_white and kinds.count("ids") <= 0.2 * len(kinds) and black_white >= kinds.count("0/1"):
        return "0/255"
    if not kinds and any(IGNORE in mask.values for mask in masks):
        return "0/255"
    return "ids"


def stray_ids(masks: Iterable[MaskFacts]) -> frozenset[int]:
    """Return the rare values that do not continue the numbering of the common values.

    Values that follow the highest common one without a gap may be rare classes; 40 after 0 to 11 is stray. If
    most values come after a gap, gaps are normal in this dataset, and no value is stray.
    """
    masks = list(masks)
    holders: dict[int, int] = {}
    for mask in masks:
        for value in mask.values.tolist():
            holders[value] = holders.get(value, 0) + 1
    holders.pop(IGNORE, None)
    common = {value for value, number in holders.items() if number > max(1, RARE * len(masks))}
    if not common:
        return frozenset()
    top = max(common)
    while top + 1 in holders:
        top += 1
    apart = frozenset(value for value in holders if value > top)
    few = len(apart) <= len(holders) - len(apart) or len(holders) > MAX_UNNAMED
    return apart if few else frozenset()
