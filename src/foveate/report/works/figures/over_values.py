"""Scores over the values of an option of an arm, such as a threshold, and differences from the reference."""

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from foveate.errors import UserError
from foveate.evaluation.judges import score_words
from foveate.experiments.sweeps.collect import collect
from foveate.experiments.sweeps.family import Entry
from foveate.files import write_whole
from foveate.inspection.figures.style import BLUE, INK, SOFT, new_figure, save_figure, style_axes
from foveate.report.works.pictures import Canvas, Picture, picture
from foveate.specs.arm import parse_arm

Points = list[tuple[float, Entry]]


@picture("over_values")
def over_values(canvas: Canvas) -> Iterator[Picture]:
    """Draw, for each of the data, the score over an option of the arms, and the differences.

    Options: `option`, such as threshold.
    """
    option = canvas.options["option"]
    names = {str(runs.folder): runs for runs in canvas.plan.runs}
    by_sweep: dict[str, Points] = {}
    for entry in collect(canvas.plan.out).entries:
        value = _value(entry, option)
        if value is not None and entry.source in names:
            by_sweep.setdefault(entry.source, []).append((value, entry))
    for source, points in by_sweep.items():
        points.sort(key=lambda point: point[0])
        datum = names[source].sweep.datum
        path = canvas.folder / f"{datum.name}.svg"
        reference = next((entry.reference for _, entry in points if entry.reference), "")
        score = score_words(points[0][1].score_name)
        page = new_figure(
            9.0, 3.6, f"{datum.heading}: {score} over {option}", "95% intervals; dots are means."
        )
        left, right = page.subplots(1, 2)
        style_axes(left, "score, %", option, score)
        _draw(left, points, "score")
        style_axes(right, f"difference from {reference or 'the reference'}, points", option)
        right.axhline(0, color=SOFT, linewidth=0.8)
        _draw(right, [point for point in points if point[1].difference is not None], "difference")
        with write_whole(path) as file:
            save_figure(page, file, "svg")
        yield Picture(path, f"{score} over {option} on {datum.heading}, and the contrast to {reference}")


def _value(entry: Entry, option: str) -> float | None:
    """Return the value of an option in the arm of an entry, None if it has none."""
    try:
        parts = parse_arm(entry.arm).parts
    except UserError:  # a name of the user
        return None
    values = [value for part in parts for name, value in part.options if name == option]
    return float(values[0]) if values else None


def _draw(axes: Axes, points: Sequence[tuple[float, Entry]], what: str) -> None:
    """Draw estimates evenly spaced, labelled with their values: the last may be far from the others."""
    lowest = 0.0 if what == "score" else -1.0
    for place, (_, entry) in enumerate(points):
        estimate = getattr(entry, what)
        if math.isfinite(estimate.low + estimate.high):
            ends = 100 * max(lowest, estimate.low), 100 * min(1.0, estimate.high)
            axes.plot([place, place], ends, color=BLUE, linewidth=1.6)
    axes.plot(range(len(points)), [100 * getattr(entry, what).mean for _, entry in points], "o-", color=INK)
    axes.set_xticks(range(len(points)), [f"{value:g}" for value, _ in points])
