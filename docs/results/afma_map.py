"""Measure what AFMA learns: python docs/results/afma_map.py runs/NAME [docs/results/NAME.svg]

NAME is a finished comparison with an AFMA arm. Prints a section for the comparison's page, with two tables:
AFMA's auxiliary loss by epoch; and for each class, before and after training, how well an entry of AFMA's map
separates patches that share the class from patches that do not (area under the ROC curve, 0.5 for chance).
If an SVG file is named, draws the same figures and one map in it.
"""

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import rankdata
from torch import Tensor

from foveate.attention.kernels.patches import class_shares, patches
from foveate.evaluation.scored_data import data_of
from foveate.experiments.result import Comparison, Contender, load_comparison
from foveate.files import write_whole
from foveate.inspection.figures.style import BLUE, COLORS, SOFT, VERMILION, new_figure, style_axes
from foveate.inspection.record import record
from foveate.models.attaching.attach import attached
from foveate.models.checkpoints import load_model
from foveate.models.host import Host
from foveate.training.build import seeded_model
from foveate.training.run_directory import Run

ABOUT = """
## What it learns

```bash
{command}
```

The first table is AFMA's own loss by epoch, without its weight. The second table is from all test images of
the first seed, before and after training. It shows how well an entry of AFMA's map separates patches that
share a class from patches that do not: the area under the ROC curve, where chance gives 0.5.
"""


@dataclass(frozen=True)
class Maps:
    """Maps of all test images: AFMA's before and after training, and the ground truth (gold)."""

    before: Float[ndarray, "n classes q k"]
    after: Float[ndarray, "n classes q k"]
    gold: Float[ndarray, "n classes q k"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comparison", type=Path, help="the folder of a finished comparison")
    parser.add_argument("picture", type=Path, nargs="?", help="an SVG file to draw")
    options = parser.parse_args()
    folder = options.comparison
    comparison = load_comparison(folder)
    arm = next(arm for arm in comparison.arms if arm.arm.startswith("afma@"))
    losses = {seed: auxiliary(run_folder(folder, arm, seed)) for seed in comparison.seeds}
    maps = all_maps(run_folder(folder, arm, comparison.seeds[0]))
    areas = {
        name: by_class(values, maps.gold) for name, values in (("before", maps.before), ("after", maps.after))
    }
    print(ABOUT.format(command=shlex.join(["python", *sys.argv])))
    print("\n".join(tables(comparison, losses, areas)))
    if options.picture:
        with write_whole(options.picture) as file:
            draw_figure(comparison, losses, areas, maps).savefig(file, format="svg")


def run_folder(folder: Path, arm: Contender, seed: int) -> Path:
    return folder / "runs" / arm.folder / f"seed{seed}"


def auxiliary(run: Path) -> list[float]:
    """Return AFMA's own loss by epoch, without its weight."""
    return [row["train_auxiliary"] for row in Run(run).metrics()]


@torch.inference_mode()
def all_maps(run: Path) -> Maps:
    """Compute the maps of every test image of a run."""
    spec, trained = Run(run).spec, load_model(run).eval()
    untrained = seeded_model(spec.model, len(trained.notes["classes"]), spec.seed).eval()
    afma = next(iter(attached(trained).values()))
    before, after, gold = [], [], []
    for batch in data_of(run, None, None, ()).eval_dataloader("test"):
        for model, parts in ((untrained, before), (trained, after)):
            parts.append(maps_of(model, batch["image"]))
        gold.append(gold_of(batch["mask"], after[-1].shape[1], afma.level, afma.patch_size))
    return Maps(*(torch.cat(parts).numpy() for parts in (before, after, gold)))


def maps_of(model: Host, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes q k"]:
    with record(model, queries=lambda rows, columns: torch.arange(rows * columns)) as recording:
        model(images)
    return next(iter(recording.maps.values()))[0].values


def gold_of(mask: Tensor, classes: int, level: int, size: int) -> Float[Tensor, "b classes q k"]:
    """Return Y Z^T / p^2, from patches of the one-hot truth (Y) and of its average over cells (Z)."""
    fine, coarse = (patches(class_shares(mask, classes, cell, torch.float32), size) for cell in (1, 2**level))
    return fine @ coarse.mT / size**2


def by_class(values: Float[ndarray, "n classes q k"], gold: Float[ndarray, "n classes q k"]) -> list[float]:
    return [roc_area(values[:, k].ravel(), gold[:, k].ravel() > 0) for k in range(values.shape[1])]


def roc_area(values: Float[ndarray, "n"], positive: ndarray) -> float:
    """Return the area under the ROC curve: the probability that a positive entry exceeds a negative one."""
    positives = int(positive.sum())
    others = len(positive) - positives
    if not positives or not others:
        return float("nan")
    ranks = rankdata(values)[positive].sum() - positives * (positives + 1) / 2
    return float(ranks / (positives * others))


def tables(
    comparison: Comparison, losses: dict[int, list[float]], areas: dict[str, list[float]]
) -> list[str]:
    epochs = range(1, len(next(iter(losses.values()))) + 1)
    rows = [["epoch", *map(str, epochs)], ["---"] * (len(epochs) + 1)]
    rows += [[f"seed {seed}", *(f"{value:.4f}" for value in by_epoch)] for seed, by_epoch in losses.items()]
    rows += [[], ["class", "before", "after"], ["---"] * 3]
    rows += [
        [name, *(f"{areas[when][k]:.3f}" for when in ("before", "after"))]
        for k, name in enumerate(comparison.classes)
    ]
    return ["| " + " | ".join(row) + " |" if row else "" for row in rows]


def draw_figure(
    comparison: Comparison, losses: dict[int, list[float]], areas: dict[str, list[float]], maps: Maps
):
    figure = new_figure(
        10,
        6.2,
        "What AFMA learns",
        f"{comparison.dataset}, {comparison.host}, {comparison.size[0]}x{comparison.size[1]}",
    )
    grid = figure.add_gridspec(2, 3)
    left = style_axes(figure.add_subplot(grid[0, :2]), "Its loss, mean of (A - G)²", "epoch")
    epochs = np.arange(1, len(next(iter(losses.values()))) + 1)
    for by_epoch in losses.values():
        left.plot(epochs, by_epoch, color=BLUE, linewidth=0.8, alpha=0.5)
    left.plot(epochs, np.mean(list(losses.values()), axis=0), color=BLUE, linewidth=2)
    left.set_ylim(bottom=0)
    right = style_axes(figure.add_subplot(grid[0, 2]), "Tells shared classes, ROC area")
    rows = np.arange(len(comparison.classes))[::-1]
    right.hlines(rows, areas["before"], areas["after"], color=SOFT, linewidth=1)
    right.plot(areas["before"], rows, "o", color=VERMILION, label="before training", markersize=5)
    right.plot(areas["after"], rows, "o", color=BLUE, label="after", markersize=5)
    right.axvline(0.5, color=SOFT, linewidth=0.8, linestyle=":")
    right.set_yticks(rows, comparison.classes)
    right.legend(fontsize=7.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
    image, k = most_divided(maps.gold)
    panels = (("before training", maps.before), ("after", maps.after), ("gold", maps.gold))
    for column, (title, values) in enumerate(panels):
        axes = style_axes(figure.add_subplot(grid[1, column]), f"{comparison.classes[k]}: map {title}")
        heat_map = axes.imshow(values[image, k], cmap=COLORS, aspect="auto", interpolation="nearest")
        axes.set_xlabel("patches of the level", fontsize=8.5, color=SOFT)
        axes.set_ylabel("patches of the image" if column == 0 else "", fontsize=8.5, color=SOFT)
        figure.colorbar(heat_map, ax=axes, shrink=0.9).ax.tick_params(labelsize=7)
    return figure


def most_divided(gold: Float[ndarray, "n classes q k"]) -> tuple[int, int]:
    """Return the image and class whose gold map is closest to half empty."""
    filled = (gold > 0).mean((2, 3))
    return tuple(map(int, np.unravel_index(np.abs(filled - 0.5).argmin(), filled.shape)))


if __name__ == "__main__":
    main()
