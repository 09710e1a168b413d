"""Place lines over epochs on axes, for the template `plots.html`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foveate.report.forest import ticks_of
from foveate.report.scales import Scale, fit_scale


@dataclass(frozen=True)
class Line:
    """A value by epoch. weight: "thin" or "thick". view: its `color` (0 to 6) and `role`."""

    values: dict[int, float]
    weight: str
    view: dict[str, Any]


def plot(
    lines: Sequence[Line],
    title: str,
    alt: str,
    include: float | None = None,
    spanned: Sequence[dict[int, float]] = (),
) -> dict[str, Any]:
    """Return a plot of lines, thick ones on top; empty if there are fewer than two epochs.

    include: a value that the axis must show. spanned: values by epoch that the axes span beside the lines.

    >>> falling = Line({1: 0.9, 2: 0.4}, "thick", {"color": 1, "role": "arm"})
    >>> drawn = plot([falling], "Loss", "the loss by epoch")
    >>> drawn["lines"][0]["points"], [tick["label"] for tick in drawn["epochs"]]
    ('0.0,3.7 100.0,96.3', ['1', '2'])
    """
    spans = [*spanned, *(line.values for line in lines)]
    spans = [span for span in spans if span]
    if not spans:
        return {}
    vertical = fit_scale((value for span in spans for value in span.values()), 5, include)
    first, last = min(map(min, spans)), max(map(max, spans))
    if first == last:
        return {}
    ticks = tuple(
        tick for tick in fit_scale([first, last], min(6, last - first), margin=0.0).ticks if tick % 1 == 0
    )
    horizontal = Scale(first, last, ticks)
    drawn = []
    for line in sorted(lines, key=lambda line: line.weight == "thick"):
        placed = (f"{horizontal(x)},{round(100 - vertical(y), 2)}" for x, y in sorted(line.values.items()))
        drawn.append({"points": " ".join(placed), "weight": line.weight, "arm": line.view})
    return {
        "title": title,
        "alt": alt,
        "ticks": ticks_of(vertical),
        "epochs": ticks_of(horizontal),
        "lines": drawn,
    }
