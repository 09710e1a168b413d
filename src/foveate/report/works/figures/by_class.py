"""Accuracy, precision, F1 and IoU of each class, with and without attention."""

from collections.abc import Iterator

import numpy as np

from foveate.evaluation.evaluate import read_scores
from foveate.experiments.works.tables import chosen_runs
from foveate.files import write_whole
from foveate.inspection.figures.style import new_figure, plain, save_figure, style_axes
from foveate.report.works.figures.over_epochs import COLORS
from foveate.report.works.pictures import Canvas, Picture, picture

SHOWN = {"recall": "class accuracy", "precision": "precision", "dice": "F1", "iou": "IoU"}


@picture("by_class")
def by_class(canvas: Canvas) -> Iterator[Picture]:
    """Draw the scores of each class of each row of a table. Options: `table`, its number from 0."""
    table = canvas.plan.work.tables[canvas.options["table"]]
    by_data: dict[str, dict[str, list]] = {}
    for row, _, datum, folders in chosen_runs(canvas.plan, table):
        found = [{each.name: each for each in read_scores(folder).classes} for folder in folders]
        by_data.setdefault(datum.heading, {})[row] = found
    for number, (heading, rows) in enumerate(by_data.items(), start=1):
        classes = list(next(iter(rows.values()))[0])
        page = new_figure(
            14.0,
            1.3 + 0.32 * len(classes),
            f"Scores by class, means over seeds, %: {heading}",
            "",
        )
        for axes, (key, title) in zip(page.subplots(1, len(SHOWN), sharey=True), SHOWN.items(), strict=True):
            style_axes(axes, title)
            for line, (row, found) in enumerate(rows.items()):
                means = [100 * np.mean([getattr(each[name], key) for each in found]) for name in classes]
                place = np.arange(len(classes)) + 0.16 * (line - (len(rows) - 1) / 2)
                axes.plot(means, place, "o", color=COLORS[line % len(COLORS)], label=row, markersize=5)
            axes.set_yticks(range(len(classes)), list(map(plain, classes)))
            axes.set_xlim(0, 100)
            axes.grid(axis="y", linewidth=0.4)
        axes.invert_yaxis()
        page.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=len(rows), fontsize=8)
        path = canvas.folder / f"{number}.svg"
        with write_whole(path) as file:
            save_figure(page, file, "svg")
        where = "those of each image are in per_image.csv of each run"
        yield Picture(path, f"class accuracy, precision, F1 and IoU: {heading}; {where}")
