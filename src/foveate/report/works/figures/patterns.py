"""The two patterns of misclassified pixels, before and after: near one half, and sure but wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foveate.evaluation.error_rates import BOUNDS
from foveate.evaluation.evaluate import read_per_image
from foveate.experiments.works.tables import chosen_runs
from foveate.files import write_whole
from foveate.inspection.figures.style import BLUE, VERMILION, new_figure, save_figure, style_axes
from foveate.report.works.pictures import Canvas, Picture, picture


@dataclass(frozen=True)
class Patterns:
    """Shares of all pixels: wrong with a probability near one half (within 0.1), and wrong elsewhere."""

    near_half: float
    elsewhere: float


@picture("patterns")
def patterns(canvas: Canvas) -> Iterator[Picture]:
    """Draw the patterns in each cell of the work's first table, a figure for each of the data.

    Pattern 1, too little information about the target, is counted as wrong pixels whose probability is not
    near one half; pattern 2 as those near one half.
    """
    by_data: dict[str, list[tuple[str, str, Patterns]]] = {}
    for row, column, datum, folders in chosen_runs(canvas.plan, canvas.plan.work.tables[0]):
        by_data.setdefault(datum.heading, []).append((row, column, count_patterns(folders)))
    for number, (heading, cells) in enumerate(by_data.items(), start=1):
        hosts = list(dict.fromkeys(column for _, column, _ in cells))
        page = new_figure(
            2.3 + 2.1 * len(hosts),
            3.6,
            f"Misclassified pixels by pattern: {heading}",
            "Percent of all test pixels; near one half: a probability within 0.1 of it.",
        )
        for axes, host in zip(
            page.subplots(1, len(hosts), squeeze=False, sharey=True)[0], hosts, strict=True
        ):
            own = [(row, found) for row, column, found in cells if column == host]
            names = [row for row, _ in own]
            sure, near = (
                100 * np.array([getattr(f, key) for _, f in own]) for key in ("elsewhere", "near_half")
            )
            style_axes(axes, host.partition(" [")[0])
            axes.bar(names, sure, color=BLUE, label="1: sure, but wrong")
            axes.bar(names, near, bottom=sure, color=VERMILION, label="2: near one half")
        page.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
        path = canvas.folder / f"{number}.svg"
        with write_whole(path) as file:
            save_figure(page, file, "svg")
        yield Picture(path, f"misclassified pixels by pattern, before (A) and after (B, C, D): {heading}")


def count_patterns(folders: Sequence[Path]) -> Patterns:
    """Return the shares of both patterns over the test images of finished runs."""
    first = 2 * (len(BOUNDS) - 1)
    counted = [errors for _, _, errors in map(read_per_image, folders) if errors is not None]
    sums = np.sum([errors[:, first : first + 4].sum(0) for errors in counted], axis=0)
    near, near_wrong, far, far_wrong = sums
    return Patterns(float(near_wrong / (near + far)), float(far_wrong / (near + far)))
