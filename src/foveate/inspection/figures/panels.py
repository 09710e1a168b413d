"""The image beside its truth, prediction, errors and confidence."""

import math

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from foveate.data.pixels.palette import IGNORED, RIGHT, WRONG, Color
from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.scores import scores
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    BLUE,
    INK,
    SOFT,
    aspect,
    color_bar,
    draw_image,
    draw_map,
    new_figure,
    plain,
    style_axes,
)
from foveate.inspection.overlays import colorize, error_map
from foveate.inspection.subjects import View, downscale

CLASSES = 12
"""Number of classes in a legend or a bar chart; the largest come first."""

ENTRIES = 8
"""Legend entries in a row."""


@figure("panels", 0, "the image, its truth where that is known, the prediction and the errors", View)
def panels(view: View) -> Figure:
    """Draw a view: masks side by side, or the probability of each class."""
    return _labels(view) if view.prediction.mask is None else _masks(view)


def own_score(view: View) -> float:
    """Return the mean IoU of this image alone, over the classes in its truth or its prediction."""
    predicted, truth = (
        torch.from_numpy(np.asarray(m, np.int64))[None] for m in (view.prediction.mask, view.truth)
    )
    classes = view.prediction.classes
    return scores(confusion_matrices(predicted, truth, len(classes)).numpy()[0], classes, 1).miou


def shown_classes(view: View) -> list[int]:
    """Return the classes in the prediction or the truth, those with most pixels first."""
    masks = [view.prediction.mask] + ([] if view.truth is None else [view.truth])
    pixels = sum(np.bincount(mask.ravel(), minlength=256)[: len(view.prediction.classes)] for mask in masks)
    return [int(c) for c in np.argsort(-pixels, kind="stable") if pixels[c]]


def _masks(view: View) -> Figure:
    prediction, known = view.prediction, view.truth is not None
    drawn = [("Image", view.image)]
    if known:
        drawn.append(("Truth", colorize(view.truth, prediction.colors)))
    drawn.append(("Prediction", colorize(prediction.mask, prediction.colors)))
    if known:
        drawn.append(("Errors", error_map(prediction.mask, view.truth)))
    columns = len(drawn) + 1
    note = "No truth is known."
    if known:
        score = own_score(view)
        miou = f"Mean IoU of this image alone: {100 * score:.1f}%."
        note = "The truth ignores every pixel of this image." if math.isnan(score) else miou
    named = shown_classes(view)
    entries = [_patch(prediction.colors[c], prediction.classes[c]) for c in named[:CLASSES]]
    if len(named) > CLASSES:
        entries.append(Patch(color="none", label=f"and {len(named) - CLASSES} more classes"))
    if known:
        entries += [_patch(RIGHT, "right"), _patch(WRONG, "wrong"), _patch(IGNORED, "ignored")]
    lines = math.ceil(len(entries) / ENTRIES)
    whole = new_figure(2.6 * columns, 2.5 * aspect(view.size) + 0.85 + 0.2 * lines, view.name, note)
    ratios = (2.5 * aspect(view.size) + 0.3, 0.2 * lines)
    page, below = whole.subfigures(2, 1, squeeze=False, height_ratios=ratios).ravel()
    axes = page.subplots(1, columns)
    for one, (title, pixels) in zip(axes, drawn, strict=False):
        draw_image(one, pixels, view.size, title)
    draw_image(axes[-1], view.image, view.size, "Confidence")
    shown = draw_map(
        axes[-1], downscale(prediction.confidence.astype(np.float32)), view.size, limits=(0.0, 1.0)
    )
    color_bar(axes[-1], shown, "probability of the class")
    below.legend(handles=entries, loc="upper left", ncols=ENTRIES, fontsize=8, frameon=False, labelcolor=INK)
    return whole


def _labels(view: View) -> Figure:
    prediction = view.prediction
    truth = "" if view.truth is None else f"True class: {prediction.classes[view.truth]}. "
    note = f"{truth}Predicted: {prediction.label}, {100 * prediction.confidence:.1f}% sure."
    page = new_figure(7.5, 3.6, view.name, note)
    left, right = page.subplots(1, 2)
    draw_image(left, view.image, view.size, "Image")
    _bars(right, view)
    return page


def _bars(axes: Axes, view: View) -> None:
    prediction, shares = view.prediction, np.asarray(view.prediction.probabilities)
    order = np.argsort(-shares, kind="stable")[:CLASSES][::-1]
    names = [prediction.classes[c] + (" (true)" if c == view.truth else "") for c in order]
    style_axes(axes, "Probability of each class", "probability, %")
    axes.barh(range(len(order)), 100 * shares[order], color=BLUE)
    axes.set_yticks(range(len(order)), list(map(plain, names)), fontsize=8, color=SOFT)
    axes.set_xlim(0, 100)


def _patch(color: Color, label: str) -> Patch:
    face = np.divide(color, 255)
    return Patch(facecolor=face, edgecolor="#9aa1ab", linewidth=0.5, label=plain(label))
