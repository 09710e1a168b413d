"""Choose the test images on which the arms differ most, and predict them with every arm."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from foveate.evaluation.judges import parse_judge
from foveate.evaluation.scores import counts
from foveate.experiments.gallery import Exhibit, Panel
from foveate.experiments.plan import Plan
from foveate.inspection.record import mechanisms, record
from foveate.inspection.subjects import describe_gate
from foveate.inspection.thumbnail import Thumbnail, choose_thumbnail
from foveate.loading.frames import read_resized
from foveate.models.attaching.attach import attached, gate_of
from foveate.models.checkpoints import load_model
from foveate.models.host import Host
from foveate.prediction.bands import scale_of
from foveate.prediction.views import with_views

EXHIBITS = 6
LONGEST = 320
"""Largest side of a picture in pixels: detailed enough, while the report stays at a few megabytes."""


def pick_exhibits(plan: Plan, out: Path, confusions: Mapping[str, Mapping[int, np.ndarray]]) -> list[Exhibit]:
    """Return up to six test images, those with the largest difference between an arm and the host first.

    The difference is that of the image's score, as the absolute value of the mean over seeds; with folds, the
    images and their scores are those of the first seed. Predictions and attention are those of the first
    seed. Placebos are left out.

    confusions: per-image confusion matrices by arm and seed.
    """
    planned = [arm for arm in plan.arms if arm.role != "placebo"]
    arms = [arm.arm for arm in planned]
    first = plan.spec.first_seed
    wanted = {first} if plan.folds else set(confusions[arms[0]])
    scores = {
        arm: {s: image_scores(m, plan.data.task) for s, m in confusions[arm].items() if s in wanted}
        for arm in arms
    }
    host = scores[arms[0]]
    changes = np.nan_to_num(
        [np.mean([scores[arm][s] - host[s] for s in scores[arm].keys() & host], axis=0) for arm in arms[1:]]
    )
    largest = np.abs(changes).max(0)
    order = [int(number) for number in np.argsort(-largest, kind="stable")[:EXHIBITS]]
    images = {number: _read(plan, number) for number in order}
    panels: dict[int, list[Panel]] = {number: [] for number in order}
    for arm in planned:
        model = load_model(plan.folder(out, arm, first))
        for number in order:
            score = float(scores[arm.arm][first][number])
            panels[number].append(panel(model, arm.arm, images[number][0], score))
    exhibits = []
    scale = plan.data.scale
    for number in order:
        image, target = images[number]
        best = int(np.abs(changes[:, number]).argmax())
        mask, label = (None, target) if isinstance(target, int) else (shrink(target, nearest=True), None)
        exhibits.append(
            Exhibit(
                stem=plan.data.dataset.index("test")[number].stem,
                image=shrink(image if scale is None else scale.shown(image)),
                truth=mask,
                label=label,
                panels=tuple(panels[number]),
                arm=arms[1 + best],
                change=float(changes[best, number]),
            )
        )
    return exhibits


def image_scores(confusions: np.ndarray, task: str) -> np.ndarray:
    """Return the score of each image: the mIoU over the classes in its truth, or 1 if the label is right."""
    judge = parse_judge(None, [""] * confusions.shape[-1], task)
    return judge(np.concatenate(counts(confusions), axis=-1))


def _read(plan: Plan, number: int) -> tuple[np.ndarray, np.ndarray | int]:
    entry = plan.data.dataset.index("test")[number]
    return read_resized(plan.data.dataset, entry, plan.data.size)


def panel(model: Host, arm: str, image: np.ndarray, score: float) -> Panel:
    """Return the prediction and the attention of a model for an image of a `DataModule`, `h w channels`."""
    scale = scale_of(model)
    pixels = torch.from_numpy(image.copy() if scale is None else scale(image)).movedim(-1, 0)[None]
    batch = pixels.float() / 255 if scale is None else pixels
    with torch.inference_mode(), record(model) if attached(model) else nullcontext() as recording:
        logits = model(batch)
    views = with_views(model)
    if views is not model:
        with torch.inference_mode():
            logits = views(batch)
    p = logits.softmax(1)[0]
    thumbnail = choose_thumbnail(recording.maps) if recording else None
    about = {}
    if thumbnail:
        weights = (
            _over(thumbnail, image.shape[:2], model.multiple) if thumbnail.spatial else thumbnail.weights
        )
        gate = gate_of(model, mechanisms(model)[thumbnail.label])
        words = thumbnail.caption if gate is None else f"{thumbnail.caption}; {describe_gate(gate)}"
        about = {"attention": weights, "attends": words, "spatial": thumbnail.spatial}
    if p.ndim == 1:
        label = int(p.argmax())
        return Panel(arm, float(p[label]), label=label, **about)
    return Panel(arm, score, prediction=shrink(p.argmax(0).numpy().astype(np.uint8), nearest=True), **about)


def _over(thumbnail: Thumbnail, size: tuple[int, int], multiple: int) -> np.ndarray:
    """Return the part of a map that lies over the image, without the host's padding at the bottom and right.

    Pixels outside the map's extent are 0.
    """
    extent = thumbnail.extent or tuple(side + -side % multiple for side in size)
    if extent == tuple(size):
        return thumbnail.weights
    whole = np.asarray(Image.fromarray(thumbnail.weights).resize(extent[::-1], Image.Resampling.NEAREST))
    over = np.zeros(size, np.uint8)
    inside = tuple(slice(min(pair)) for pair in zip(extent, size, strict=True))
    over[inside] = whole[inside]
    return shrink(over, nearest=True)


def shrink(pixels: np.ndarray, nearest: bool = False) -> np.ndarray:
    """Reduce pixels to at most `LONGEST` on the longer side."""
    height, width = pixels.shape[:2]
    factor = LONGEST / max(height, width)
    if factor >= 1:
        return pixels
    size = max(1, round(width * factor)), max(1, round(height * factor))
    resampling = Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(pixels).resize(size, resampling))
