"""How much slower a network is than another: the ratio of their latencies, paired turn by turn.

In each turn both networks run one after the other, so that what else the machine does meanwhile slows both
alike and leaves their ratio. The interval of the median of n ratios needs no assumption on how times are
distributed: the k-th smallest and the k-th largest ratio enclose the true median unless fewer than k of n
ratios fall on one side of it, which a fair coin decides (David and Nagaraja, "Order statistics", 7.1).
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from scipy.stats import binom
from torch import Tensor, nn

from foveate.evaluation.cost import time_in_turns

LEVEL = 0.95

GLANCE = 3
"""Turns that suffice for a network that is far too slow."""

TURNS, MOST_TURNS = 15, 240
"""Turns at a time, of which the 4th and the 12th ratio enclose the true median with a probability of 96%; and
the most."""

WIDTH, SECONDS = 0.03, 2.0
"""Turns go on until the interval is no wider than this, or for so long."""


@dataclass(frozen=True)
class Slowdown:
    """The latency of a network in latencies of another: median over paired turns, with its 95% interval."""

    ratio: float
    low: float
    high: float
    turns: int


def slowdown(
    network: nn.Module,
    reference: nn.Module,
    image: Float[Tensor, "b c h w"],
    most: float | None = None,
    seconds: float = SECONDS,
) -> Slowdown:
    """Time two networks in turns on one image, and return how much slower the first is.

    There are `TURNS` at least, and more until the interval is narrow, as far as `seconds` allow. most: a
    limit. A network of which each of the first `GLANCE` turns is beyond twice this limit is timed no further.

    >>> import torch
    >>> layer = nn.Conv2d(3, 3, 3)
    >>> found = slowdown(layer, layer, torch.zeros(1, 3, 8, 8), seconds=0.0)
    >>> found.low <= found.ratio <= found.high, found.turns
    (True, 15)
    """
    start = time.monotonic()
    ratios = _ratios(network, reference, image, GLANCE)
    if most is not None and min(ratios) > 2 * most:
        return median_of(ratios)
    ratios += _ratios(network, reference, image, TURNS - GLANCE)
    while len(ratios) < MOST_TURNS and time.monotonic() - start < seconds:
        found = median_of(ratios)
        if found.high - found.low <= WIDTH:
            break
        ratios += _ratios(network, reference, image, TURNS)
    return median_of(ratios)


def median_of(ratios: Sequence[float]) -> Slowdown:
    """Return the median with its interval; of fewer than 6 values, the interval is all that was seen.

    >>> median_of([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8])
    Slowdown(ratio=1.4, low=1.1, high=1.7, turns=9)
    """
    ordered, count = sorted(ratios), len(ratios)
    beyond = int(binom.ppf((1 - LEVEL) / 2, count, 0.5)) - 1
    rank = max(0, beyond)
    return Slowdown(statistics.median(ordered), ordered[rank], ordered[count - 1 - rank], count)


def _ratios(network: nn.Module, reference: nn.Module, image: Tensor, turns: int) -> list[float]:
    times = time_in_turns({"network": network, "reference": reference}, image, turns, warm_up=1)
    return [own / its for own, its in zip(times["network"], times["reference"], strict=True)]
