"""What a cell of a table shows: a score of its runs with an interval, or the cost of the network."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from foveate.errors import UserError
from foveate.evaluation.cost import flops, latency
from foveate.evaluation.error_rates import BOUNDS
from foveate.evaluation.evaluate import read_per_image, read_scores
from foveate.evaluation.judges import NAMES, parse_judge, score_words
from foveate.evaluation.ratios import ratio
from foveate.evaluation.scores import counts
from foveate.experiments.sweeps.marker import Mark
from foveate.files import write_whole
from foveate.models.checkpoints import load_model
from foveate.training.run_directory import Run
from foveate.verdicts.samples import Scores, TestImages, runs_of
from foveate.verdicts.statistics import estimate_mean

COSTS = ("parameters", "depth", "flops", "macs", "fps")
"""What needs no scores. Depth and multiply-accumulates are those of networks that are only built."""
WORDS = {
    "parameters": "parameters, millions",
    "depth": "layers",
    "flops": "GFLOPs",
    "macs": "multiply-accumulates, 10^9",
    "fps": "images a second",
}
SCORES = (*NAMES, "error", "found")
SPEED = "speed.json"
TIMED = 10
"""Inferences that a speed is measured from."""


@dataclass(frozen=True)
class Shown:
    """A value with its 95% interval, NaN without one. seeds, images: behind a score. on: what it is of."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    seeds: int = 0
    images: int = 0
    on: str = ""


def shown_words(text: str) -> str:
    """Return the name of what is shown.

    >>> shown_words("dice:polyp"), shown_words("found:0.002"), shown_words("fps")
    ('Dice of polyp', 'objects found, of up to 0.2% of the image', 'images a second')
    """
    key, _, size = text.partition(":")
    if key == "found":
        return f"objects found, of up to {100 * float(size):g}% of the image"
    return WORDS.get(key) or score_words(text.replace(":{target}", ":the target class"))


def check_shown(text: str) -> str:
    """Return what is shown if it is known; raise `UserError` with the choices if not.

    >>> check_shown("found:0.002"), check_shown("dice:polyp")
    ('found:0.002', 'dice:polyp')
    """
    key = text.partition(":")[0]
    if key not in (*SCORES, *COSTS):
        raise UserError(f"shows is '{text}'; there are {', '.join((*SCORES, *COSTS))}")
    sizes = [f"found:{high:g}" for high in BOUNDS[1:]]
    if key == "found" and text not in sizes:
        raise UserError(f"shows is '{text}'; objects are counted by size, so there are {', '.join(sizes)}")
    return text


def show(text: str, folders: Sequence[Path], marks: Sequence[Mark]) -> Shown:
    """Return what finished runs show, which differ in seed and fold only.

    Scores are in [0, 1], from the counts of the test images; a single seed has no interval. Parameters are
    in millions, FLOPs in 10^9 (two a multiply-accumulate), and the ends of a speed are its quartiles.
    """
    key = text.partition(":")[0]
    if key in COSTS:
        return _cost(key, folders[0], marks[0])
    return _score(text, folders, marks)


def _score(text: str, folders: Sequence[Path], marks: Sequence[Mark]) -> Shown:
    classes = [scored.name for scored in read_scores(folders[0]).classes]
    found = [read_per_image(folder) for folder in folders]
    seeds = range(len(folders))
    table = {
        seed: np.concatenate([*counts(confusions), *([] if errors is None else [errors])], axis=-1)
        for seed, (_, confusions, errors) in zip(seeds, found, strict=True)
    }
    groups = {name: group for mark in marks for name, group in mark.groups.items()}
    images = TestImages({seed: each[0] for seed, each in zip(seeds, found, strict=True)}, groups)
    key, _, size = text.partition(":")
    scores = _found(float(size), len(classes)) if key == "found" else _judged(text, classes, marks[0].task)
    estimate = estimate_mean(runs_of(table, list(seeds), images, scores).sample())
    known = math.isfinite(estimate.low + estimate.high)
    low, high = (max(estimate.low, 0.0), min(estimate.high, 1.0)) if known else (math.nan, math.nan)
    shown = Shown(estimate.mean, low, high, len(folders), estimate.images)
    return replace(shown, value=1 - shown.value, low=1 - high, high=1 - low) if key == "error" else shown


def _judged(text: str, classes: Sequence[str], task: str) -> Scores:
    """Return what computes a score that a judge knows, or the accuracy for an error."""
    judge = parse_judge("accuracy" if text == "error" else text, classes, task)
    return lambda sums: judge(sums)[..., None]


def _found(share: float, classes: int) -> Scores:
    """Return what computes the share of objects found, of those that take at most `share` of the image."""
    sizes = len(BOUNDS) - 1
    count = sum(high <= share for high in BOUNDS[1:])

    def scores(sums: np.ndarray) -> np.ndarray:
        errors = sums[..., 3 * classes :]
        objects, hits = errors[..., :count].sum(-1), errors[..., sizes : sizes + count].sum(-1)
        return ratio(hits, objects)[..., None]

    return scores


def _cost(key: str, folder: Path, mark: Mark) -> Shown:
    if key == "parameters":
        return Shown(mark.parameters / 1e6)
    if key == "fps":
        return _speed(folder)
    height, width = _size(folder)
    model = load_model(folder).eval()
    return Shown(flops(model, torch.zeros(1, 3, height, width)) / 1e9, on=f"{height}x{width}")


def _size(folder: Path) -> tuple[int, int]:
    """Return the height and width at which a run sees its images; a run records them."""
    return Run(folder).spec.data.size or (0, 0)


def _speed(folder: Path) -> Shown:
    """Return the images a second at batch 1 on this machine's CPU; measured once, and kept beside the run."""
    path = folder / SPEED
    if not path.is_file():
        (height, width), model = _size(folder), load_model(folder).eval()
        time = latency({"run": model}, torch.rand(1, 3, height, width), TIMED)["run"]
        about = f"{height}x{width}, {torch.get_num_threads()} of {os.cpu_count()} cores, float32"
        measured = {"median": time.median_ms, "low": time.low_ms, "high": time.high_ms, "on": about}
        with write_whole(path, "w") as file:
            json.dump(measured, file)
    measured = json.loads(path.read_text(encoding="utf-8"))
    low, median, high = (1000 / measured[name] for name in ("high", "median", "low"))
    return Shown(median, low, high, on=f"{measured['on']}; the interval is that of the quartiles of {TIMED}")
