"""Curves of training and validation over the epochs, a line for each arm."""

import math
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from foveate.experiments.works.plan import PlacedRun, WorkRuns
from foveate.files import write_whole
from foveate.inspection.figures.style import INK, new_figure, plain, save_figure, style_axes
from foveate.report.works.pictures import Canvas, Picture, picture
from foveate.training.run_directory import Run

COLORS = ("#3a4048", "#0072b2", "#d55e00", "#008f6b", "#a8479a", "#a07400", "#2a8fb8")

TITLES = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "train_accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
    "val_miou": "validation mean IoU",
}


@picture("over_epochs")
def over_epochs(canvas: Canvas) -> Iterator[Picture]:
    """Draw the curves of the parts that the options name. Options: `parts`."""
    for runs in canvas.plan.runs:
        done = [run for run in runs.placed if run.mark]
        if runs.sweep.part in canvas.options["parts"] and done:
            yield _page(canvas, runs, done)


def _page(canvas: Canvas, runs: WorkRuns, done: Sequence[PlacedRun]) -> Picture:
    by_line: dict[str, list[PlacedRun]] = {}
    for run in done:
        swept = ", ".join(f"{value}" for _, value in run.cell.values)
        by_line.setdefault(f"{swept} {run.cell.arm}".strip(), []).append(run)
    curves = {name: mean_curves(group) for name, group in by_line.items()}
    shown = [key for key in TITLES if any(key in curve for curve in curves.values())]
    about = f"{runs.sweep.part}, {runs.sweep.datum.heading}"
    title = f"Curves over the epochs, means over seeds and folds: {about}"
    page = new_figure(3.6 * len(shown), 3.4 + 0.17 * len(curves), title, "")
    for axes, key in zip(page.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        style_axes(axes, TITLES[key], "epoch")
        axes.ticklabel_format(useOffset=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number, (name, curve) in enumerate(curves.items()):
            values = curve.get(key, {})
            color = COLORS[number % len(COLORS)]
            axes.plot(
                list(values), list(values.values()), ".-", color=color, label=plain(name), linewidth=1.3
            )
    page.legend(*axes.get_legend_handles_labels(), loc="outside lower left", fontsize=7.5, labelcolor=INK)
    path = canvas.folder / f"{runs.sweep.part}-{runs.sweep.datum.name}.svg"
    with write_whole(path) as file:
        save_figure(page, file, "svg")
    return Picture(path, f"curves over the epochs: {about}")


def mean_curves(runs: Sequence[PlacedRun]) -> Mapping[str, Mapping[int, float]]:
    """Return the means over runs of each value that metrics.csv holds, by epoch; NaN is left out."""
    found: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        for row in Run(run.folder).metrics():
            for key, value in row.items():
                if key in TITLES and math.isfinite(value):
                    found.setdefault(key, {}).setdefault(int(row["epoch"]), []).append(value)
    return {
        key: {epoch: sum(values) / len(values) for epoch, values in by_epoch.items()}
        for key, by_epoch in found.items()
    }
