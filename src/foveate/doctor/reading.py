"""What the values of a dataset's masks mean, judged from all of them even where some are wrong."""

from collections.abc import Iterable, Sequence
from typing import Literal

from foveate.data.pixels.masks import IGNORE, MAX_UNNAMED
from foveate.doctor.exam import MaskFacts

Kind = Literal["colours", "one value", "0/1", "0/255", "smoothed", "ids"]
Convention = Literal["colours", "0/255", "ids"]

RAMPS = 0.2
"""Share of outline pixels between their neighbours' values from which a mask is taken for smoothed."""

RARE = 0.05
"""Values in more than this share of the masks (and in more than one) are meant."""

_TOLERANCE = 32


def kind(mask: MaskFacts) -> Kind:
    """What one mask alone looks like. "smoothed" is black and white with greys in between.

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
    """How most of a dataset's masks are stored. Masks of one value say nothing."""
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
    """Values that few masks hold and that stand apart from those that many hold.

    The next number after the highest common one may be a rare class, and the next after that; 40 after 0 to
    11 is none. Where more values stand apart than do not, gaps are the rule, and none is stray.
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
