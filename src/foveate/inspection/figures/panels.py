"""The image beside its truth, its prediction, the errors and how sure the network is."""

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
    laid,
    literal,
    picture,
    plain,
    sheet,
)
from foveate.inspection.overlays import colorize, error_map
from foveate.inspection.subjects import View, shrunk

CLASSES = 12
"""The most classes that a legend or a bar chart lists, those first that show most."""

ENTRIES = 8
"""Entries of a legend side by side."""


@figure("panels", 0, "the image, its truth where that is known, the prediction and the errors", View)
def panels(view: View) -> Figure:
    """Draw a view: masks side by side, or the probabilities of labels."""
    return _labels(view) if view.prediction.mask is None else _masks(view)


def own_score(view: View) -> float:
    """The mean IoU of this image alone, over the classes that are in its truth or its prediction."""
    called, truth = (
        torch.from_numpy(np.asarray(m, np.int64))[None] for m in (view.prediction.mask, view.truth)
    )
    classes = view.prediction.classes
    return scores(confusion_matrices(called, truth, len(classes)).numpy()[0], classes, 1).miou


def shown_classes(view: View) -> list[int]:
    """The classes in the prediction or the truth, those with most pixels first."""
    masks = [view.prediction.mask] + ([] if view.truth is None else [view.truth])
    pixels = sum(np.bincount(mask.ravel(), minlength=256)[: len(view.prediction.classes)] for mask in masks)
    return [int(c) for c in np.argsort(-pixels, kind="stable") if pixels[c]]


def _masks(view: View) -> Figure:
    said, known = view.prediction, view.truth is not None
    drawn = [("Image", view.image)]
    if known:
        drawn.append(("Truth", colorize(view.truth, said.colors)))
    drawn.append(("Prediction", colorize(said.mask, said.colors)))
    if known:
        drawn.append(("Errors", error_map(said.mask, view.truth)))
    columns = len(drawn) + 1
    note = "No truth is known."
    if known:
        score = own_score(view)
        counted = f"Mean IoU of this image alone: {100 * score:.1f}%."
        note = "The truth counts no pixel of this image." if math.isnan(score) else counted
    named = shown_classes(view)
    entries = [_patch(said.colors[c], said.classes[c]) for c in named[:CLASSES]]
    if len(named) > CLASSES:
        entries.append(Patch(color="none", label=f"and {len(named) - CLASSES} more classes"))
    if known:
        entries += [_patch(RIGHT, "right"), _patch(WRONG, "wrong"), _patch(IGNORED, "not counted")]
    lines = math.ceil(len(entries) / ENTRIES)
    whole = sheet(2.6 * columns, 2.5 * aspect(view.size) + 0.85 + 0.2 * lines, view.name, note)
    ratios = (2.5 * aspect(view.size) + 0.3, 0.2 * lines)
    page, below = whole.subfigures(2, 1, squeeze=False, height_ratios=ratios).ravel()
    axes = page.subplots(1, columns)
    for one, (title, pixels) in zip(axes, drawn, strict=False):
        picture(one, pixels, view.size, title)
    picture(axes[-1], view.image, view.size, "Confidence")
    shown = laid(axes[-1], shrunk(said.confidence.astype(np.float32)), view.size, limits=(0.0, 1.0))
    color_bar(axes[-1], shown, "probability of the class")
    below.legend(handles=entries, loc="upper left", ncols=ENTRIES, fontsize=8, frameon=False, labelcolor=INK)
    return whole


def _labels(view: View) -> Figure:
    said = view.prediction
    known = "" if view.truth is None else f"True class: {said.classes[view.truth]}. "
    page = sheet(7.5, 3.6, view.name, f"{known}Predicted: {said.label}, {100 * said.confidence:.1f}% sure.")
    left, right = page.subplots(1, 2)
    picture(left, view.image, view.size, "Image")
    _bars(right, view)
    return page


def _bars(axes: Axes, view: View) -> None:
    said, shares = view.prediction, np.asarray(view.prediction.probabilities)
    order = np.argsort(-shares, kind="stable")[:CLASSES][::-1]
    names = [said.classes[c] + (" (true)" if c == view.truth else "") for c in order]
    plain(axes, "Probability of each class", "probability, %")
    axes.barh(range(len(order)), 100 * shares[order], color=BLUE)
    axes.set_yticks(range(len(order)), list(map(literal, names)), fontsize=8, color=SOFT)
    axes.set_xlim(0, 100)


def _patch(color: Color, label: str) -> Patch:
    return Patch(facecolor=np.divide(color, 255), edgecolor="#9aa1ab", linewidth=0.5, label=literal(label))
