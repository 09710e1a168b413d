"""The page of a single run: its scores, curves and examples in one self-contained HTML file."""

import math
from collections.abc import Sequence
from pathlib import Path

from foveate.durations import duration
from foveate.evaluation.error_rates import BOUNDS
from foveate.evaluation.evaluate import read_scores
from foveate.evaluation.scores import Scores
from foveate.experiments.examples import read_cost
from foveate.experiments.gallery import Exhibit, load_gallery
from foveate.files import write_whole
from foveate.models.checkpoints import load_model
from foveate.report import pictures, words
from foveate.report.html import render_template
from foveate.report.plots import Line, plot
from foveate.report.view import View, css_color
from foveate.training.environment import environment_words
from foveate.training.run_directory import Run

_TRAINING = {"color": 2, "role": "arm"}
_VALIDATION = {"color": 1, "role": "arm"}
_CURVES = (
    ("Loss", "train_loss", "val_loss", 1.0),
    ("Accuracy, %", "train_accuracy", "val_accuracy", 100.0),
    ("Mean IoU, %", "", "val_miou", 100.0),
    ("Mean class accuracy, %", "", "val_mean_accuracy", 100.0),
)
"""Title, columns of metrics.csv for training and validation, and factor of each plot."""


def write_run_report(folder: str | Path) -> Path:
    """Write `report.html` into the folder of a scored run and return its path.

    Reads only files of the run: no data. Raises `UserError` for a run without scores or cost.
    """
    path = Run(folder).report_file
    text = render(folder)
    with write_whole(path, "w") as file:
        file.write(text)
    return path


def render(folder: str | Path) -> str:
    """Return the page as a string of HTML. Names of classes and images, which users choose, are escaped."""
    run = Run(folder)
    scores, result, spec = read_scores(folder), run.result, run.spec
    notes, environment, splits = load_model(folder).notes, run.environment, run.splits
    masks = notes["task"] == "segmentation"
    colors = [(red, green, blue) for red, green, blue in notes["colors"]]
    cost, device, threads = read_cost(folder)
    height, width = spec.data.size or notes["size"]
    scored_on = "validation" if splits["val"] == splits["test"] else "test"
    on = device if device != "cpu" else f"cpu, {words.counted(threads, 'thread')}"
    return render_template(
        "run.html",
        title=f"{spec.model.arm if spec.model.arm != 'none' else spec.model.arch} on {spec.data.source}",
        answer=_answer(scores, masks, scored_on),
        facts=[
            ("Host", spec.model.host),
            ("Attention", "none" if spec.model.arm == "none" else spec.model.arm),
            ("Training", f"{words.counted(result.epochs, 'epoch')} at {height}×{width}, seed {spec.seed}"),
            ("Best epoch", f"{result.best_epoch}, {words.percent(result.best_score)}% on validation"),
            ("Images", ", ".join(f"{len(splits[split])} {split}" for split in ("train", "val", "test"))),
            ("Parameters", words.quantity(cost.parameters)),
            ("FLOPs an image", words.quantity(cost.flops)),
            ("Speed", f"{1000 / cost.latency_ms:.3g} frames a second ({on}, one image at a time)"),
        ],
        data=environment.get("data", ""),
        curves=curves(run.metrics()),
        masks=masks,
        scored_on=scored_on,
        classes=_classes(scores, colors),
        rates=_rates(scores),
        legend=[
            {"name": name, "color": css_color(color)}
            for name, color in zip(notes["classes"], colors, strict=True)
        ],
        errors=[
            {"name": name, "color": css_color(pictures.ERROR_COLORS[name])}
            for name in ("right", "wrong", "ignored")
        ],
        examples=[_example(exhibit, notes["classes"], colors) for exhibit in load_gallery(run.folder)],
        command=environment["command"],
        made=[("Training time", duration(result.seconds)), *environment_words(environment).items()],
    )


def curves(rows: Sequence[dict[str, float]]) -> list[View]:
    """Return the plots of the rows of metrics.csv: of training and validation together, where both exist.

    >>> rows = [{"epoch": 1.0, "train_loss": 0.9, "val_loss": 1.0}]
    >>> rows.append({"epoch": 2.0, "train_loss": 0.5, "val_loss": float("nan")})
    >>> [(drawn["title"], len(drawn["lines"])) for drawn in curves(rows)]
    [('Loss', 2)]
    """
    plots = []
    for title, training, validation, factor in _CURVES:
        lines = []
        for name, view in ((training, _TRAINING), (validation, _VALIDATION)):
            known = {
                int(row["epoch"]): factor * row[name]
                for row in rows
                if math.isfinite(row.get(name, math.nan))
            }
            if known:
                lines.append(Line(known, "thick", view))
        plots.append(plot(lines, title, f"{title}, by epoch"))
    return [drawn for drawn in plots if drawn]


def _answer(scores: Scores, masks: bool, scored_on: str) -> str:
    named = (
        (("mean IoU", scores.miou), ("Dice", scores.dice), ("accuracy", scores.accuracy))
        if masks
        else (
            ("accuracy", scores.accuracy),
            ("balanced accuracy", scores.balanced_accuracy),
            ("F1", scores.f1),
        )
    )
    shown = ", ".join(f"{name} {words.percent(value)}%" for name, value in named)
    return f"{shown[0].upper()}{shown[1:]} on {words.counted(scores.images, f'{scored_on} image')}."


def _classes(scores: Scores, colors: Sequence[Sequence[int]]) -> list[View]:
    return [
        {
            "name": scored.name,
            "color": css_color(color),
            "values": [
                words.percent(value)
                for value in (scored.share, scored.iou, scored.dice, scored.recall, scored.precision)
            ],
        }
        for scored, color in zip(scores.classes, colors, strict=True)
    ]


def _rates(scores: Scores) -> list[tuple[str, str]]:
    """Return the rates of the kinds of error that were scored, in words."""
    rates: list[tuple[str, str]] = []
    for size in scores.objects or ():
        if size.objects:
            name = f"Objects found, {100 * size.low:g} to {100 * min(size.high, BOUNDS[-1]):g}% of the image"
            rates.append((name, f"{words.percent(size.recall)} of {size.objects}"))
    if scores.boundary_iou is not None:
        known = [value for value in scores.boundary_iou if math.isfinite(value)]
        rates.append(("Boundary IoU", words.percent(sum(known) / len(known)) if known else "–"))
    if scores.near_half is not None:
        rates.append(("Pixels near one half", words.percent(scores.near_half.share)))
        rates.append(("Errors on pixels near one half", words.percent(scores.near_half.error)))
        rates.append(("Errors on all other pixels", words.percent(scores.near_half.error_elsewhere)))
    if scores.calibration is not None:
        rates.append(("Calibration error", words.percent(scores.calibration.error)))
    return rates


def _example(exhibit: Exhibit, classes: Sequence[str], colors: Sequence[tuple[int, int, int]]) -> View:
    (panel,) = exhibit.panels
    drawn = [("Image", pictures.photo(exhibit.image), False)]
    if exhibit.truth is not None and panel.prediction is not None:
        drawn.append(("Truth", pictures.classes(exhibit.truth, colors), True))
        drawn.append(("Prediction", pictures.classes(panel.prediction, colors), True))
        drawn.append(("Errors", pictures.errors(panel.prediction, exhibit.truth), True))
        note = f"mean IoU {words.percent(panel.score)}%"
    else:
        right = "right" if panel.label == exhibit.label else f"wrong, it is {classes[exhibit.label or 0]}"
        note = f"{classes[panel.label or 0]}, {words.percent(panel.score)}% sure: {right}"
    if panel.attention is not None:
        weights = pictures.attention if panel.spatial else lambda _, weights: pictures.heat(weights)
        drawn.append((f"Attention: {panel.attends}", weights(exhibit.image, panel.attention), True))
    return {
        "stem": exhibit.stem,
        "note": note,
        "pictures": [
            {"caption": caption, "source": source, "crisp": crisp} for caption, source, crisp in drawn
        ],
    }
