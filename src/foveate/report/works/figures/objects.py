"""Objects found by their size, for each row of a table: what attention does for small ones."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from foveate.evaluation.error_rates import BOUNDS
from foveate.evaluation.evaluate import read_per_image
from foveate.evaluation.ratios import ratio
from foveate.experiments.works.tables import chosen_runs
from foveate.files import write_whole
from foveate.inspection.figures.style import new_figure, save_figure, style_axes
from foveate.report.works.figures.over_epochs import COLORS
from foveate.report.works.pictures import Canvas, Picture, picture


@picture("objects")
def objects(canvas: Canvas) -> Iterator[Picture]:
    """Draw the share of objects found by their size, in each row of the work's first table."""
    by_data: dict[str, dict[str, list[tuple[str, Float[ndarray, " sizes"]]]]] = {}
    for row, column, datum, folders in chosen_runs(canvas.plan, canvas.plan.work.tables[0]):
        name = column.partition(" [")[0].rpartition(", ")[2]
        by_data.setdefault(datum.heading, {}).setdefault(row, []).append((name, found_by_size(folders)))
    for number, (heading, rows) in enumerate(by_data.items(), start=1):
        page = new_figure(
            2.8 * len(rows) + 0.6,
            3.6,
            f"Objects found by their size: {heading}",
            "Sizes in percent of the image; an object is found if half of its pixels are right.",
        )
        sizes = [f"{100 * low:g}-{100 * high:g}" for low, high in pairwise(BOUNDS)]
        for axes, (row, lines) in zip(
            page.subplots(1, len(rows), squeeze=False)[0], rows.items(), strict=True
        ):
            style_axes(axes, row, "size", "found, %")
            for line, (name, shares) in enumerate(lines):
                axes.plot(sizes, 100 * shares, "o-", color=COLORS[line % len(COLORS)], label=name)
            axes.set_ylim(0, 100)
            axes.tick_params(axis="x", rotation=30)
            axes.legend(fontsize=7.5, frameon=False)
        path = canvas.folder / f"{number}.svg"
        with write_whole(path) as file:
            save_figure(page, file, "svg")
        yield Picture(path, f"objects found by their size, with and without: {heading}")


def found_by_size(folders: Sequence[Path]) -> Float[ndarray, " sizes"]:
    """Return the share of objects found of each size over finished runs; NaN for sizes without objects."""
    sizes = len(BOUNDS) - 1
    counted = [errors for _, _, errors in map(read_per_image, folders) if errors is not None]
    total = np.sum([errors.sum(0) for errors in counted], axis=0)
    return ratio(total[sizes : 2 * sizes], total[:sizes])
