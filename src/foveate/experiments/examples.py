"""Choose test images that show how good one run is, from its worst to its best, and measure its cost."""

import json
from pathlib import Path

import numpy as np
import torch

from foveate.errors import UserError
from foveate.evaluation.cost import Cost, costs
from foveate.evaluation.evaluate import read_per_image
from foveate.experiments.gallery import Exhibit, save_gallery
from foveate.experiments.pick import image_scores, panel, shrink
from foveate.files import write_whole
from foveate.loading.frames import read_resized
from foveate.loading.module import DataModule
from foveate.models.checkpoints import load_model
from foveate.plain import from_json, to_json
from foveate.training.run_directory import Run

EXAMPLES = 6
REPEATS = 10
"""Inferences that are timed."""


def keep_examples(folder: str | Path, data: DataModule) -> None:
    """Predict some test images of a scored run, and write them into its folder as `gallery.npz`."""
    run, scale = Run(folder), data.scale
    stems, confusions, _ = read_per_image(folder)
    scored = dict(zip(stems, image_scores(confusions, data.task), strict=True))
    model, arm = load_model(folder).eval(), run.spec.model.arm
    entries = {entry.stem: entry for entry in data.dataset.index("test")}
    exhibits = []
    for stem in spread(scored):
        image, target = read_resized(data.dataset, entries[stem], data.size)
        mask, label = (None, target) if isinstance(target, int) else (shrink(target, nearest=True), None)
        shown = shrink(image if scale is None else scale.shown(image))
        exhibits.append(
            Exhibit(stem, shown, mask, label, (panel(model, arm, image, scored[stem]),), arm, 0.0)
        )
    save_gallery(Path(folder), exhibits)


def spread(scores: dict[str, float], count: int = EXAMPLES) -> list[str]:
    """Return the names with the lowest to the highest score, evenly spread by rank.

    >>> spread({"a": 0.5, "b": 0.1, "c": 0.9, "d": 0.7, "e": float("nan")}, 3)
    ['b', 'a', 'c']
    """
    ranked = sorted((name for name, score in scores.items() if score == score), key=lambda name: scores[name])
    ranks = np.linspace(0, len(ranked) - 1, min(count, len(ranked)))
    return [ranked[int(rank)] for rank in ranks]


def keep_cost(folder: str | Path, data: DataModule) -> Cost:
    """Measure the network of a run on this machine at batch 1, and write the result as `cost.json`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    measured = costs(
        {"": load_model(folder).eval()}, data.size, data.dataset.channels, repeats=REPEATS, device=device
    )[""]
    about = {"device": device, "threads": torch.get_num_threads(), "size": list(data.size)}
    with write_whole(Run(folder).cost_file, "w") as file:
        json.dump({**about, **to_json(measured)}, file, indent=2)
    return measured


def read_cost(folder: str | Path) -> tuple[Cost, str, int]:
    """Return the cost of a run, the device it was measured on, and the threads. Raise `UserError` if none."""
    path = Run(folder).cost_file
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return from_json(Cost, plain), str(plain["device"]), int(plain["threads"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: holds no measured cost; run `foveate report {folder}`") from None
