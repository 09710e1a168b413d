"""Axes of the report: map values to percent of the axis length."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` with round `ticks` inside it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Return the position of a value in percent of the axis length, clipped to 0 to 100.

        >>> Scale(-1.0, 3.0, ())(0.0)
        25.0
        """
        return round(min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * 100, 2)

    def label(self, tick: float, signed: bool = False) -> str:
        """Format a tick: as many decimals as the step needs, with a typographic minus sign.

        >>> axis = fit_scale([-0.02, 0.06])
        >>> [axis.label(tick, signed=True) for tick in axis.ticks]
        ['−0.02', '0', '+0.02', '+0.04', '+0.06']
        """
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        if abs(tick) < step / 2:
            return "0"
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return f"{tick:{'+' if signed else ''}.{decimals}f}".replace("-", "−")


def fit_scale(
    values: Iterable[float], ticks: int = 5, include: float | None = None, margin: float = 0.04
) -> Scale:
    """Return a scale over all finite values and `include`, with a margin and about `ticks` round ticks.

    >>> fit_scale([0.11, 0.48]).ticks
    (0.1, 0.2, 0.3, 0.4)
    >>> fit_scale([]).ticks
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    finite = [value for value in values if math.isfinite(value)]
    if include is not None:
        finite.append(include)
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5e-2, high + 0.5e-2
    pad = (high - low) * margin
    low, high = low - pad, high + pad
    rough = (high - low) / max(ticks, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, tuple(round(number * step, 12) for number in range(first, last + 1)))
