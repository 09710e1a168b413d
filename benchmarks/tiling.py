"""Measure what tiles change in the masks of a host without attention, and with four mechanisms.

    python benchmarks/tiling.py DATA [--weights FILE] [--size 400x400] [--crop 192x192] [--epochs 8]
        [--runs runs/tiling] [--page docs/predicting.md] [--picture docs/images/tiling.svg]

Trains a small U-Net for each arm on crops of the images of DATA, as one does for images that are too large.
An arm that is trained already is taken from --runs. Then each test image is predicted whole and in tiles of
several sizes, at its own scale, as `foveate predict --check-tiling` does, and the pixels whose class differs
are counted, in all and by their distance to the nearest seam.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

import foveate
from foveate.data.dataset import Dataset
from foveate.evaluation.scored_data import data_of
from foveate.files import write_whole
from foveate.inspection.figures.style import new_figure, save_figure, style_axes
from foveate.prediction.predictor import load
from foveate.prediction.seams import compare_tilings
from foveate.prediction.tiling import Tiling
from foveate.specs.sizes import parse_size
from foveate.training.opening import CHANGE
from foveate.training.run_directory import Run
from measuring import machine, replace_section, setting_line, table

ARMS = {
    "none": "no attention",
    "cbam@decoder": "CBAM, a mean and a maximum over the image",
    "nonlocal@encoder4": "non-local, all places at stride 16",
    "smooth@encoder4(threshold=0.4)": "Smooth Attention, all places at stride 16",
    "afma@logits(level=2)": "AFMA, all patches of the image",
}
"""The arms, and what their attention sees."""

TILINGS = tuple(Tiling(tile, overlap) for tile in (128, 192, 256) for overlap in (32, 64, tile // 2))
DISTANCES = (0, 8, 16, 32, 48, 64)
"""Pixels from the nearest seam at which ranges begin."""

DRAWN = Tiling(128, 32)


@dataclass(frozen=True)
class Change:
    """The pixels that a tiling changes in all test images: their share of all, and by distance to a seam."""

    changed: float
    by_distance: tuple[float, ...]


def trained(arm: str, data: str, folder: Path, given: argparse.Namespace) -> Path:
    """Train an arm, or take it as it lies there, and return its run directory."""
    if not Run(folder).is_complete:
        options = {"decoder_channels": [64, 32, 16, 16, 8]}
        foveate.fit(
            data, arm, epochs=given.epochs, out=folder, resume=folder.exists(),
            size=parse_size(given.size, "--size"),
            crop=parse_size(given.crop, "--crop"), encoder="mobilenet_v2", encoder_weights=given.weights,
            options=options, precision="32",
        )  # fmt: skip
    return folder


def changes(run: Path, dataset: Dataset, tilings: Sequence[Tiling]) -> dict[Tiling, Change]:
    """Return what each tiling changes; all test images count equally."""
    predictor = load(run, "cpu")
    per_image = []
    for entry in dataset.index("test"):
        pixels, _ = dataset.read(entry)
        per_image.append(compare_tilings(predictor, pixels, tilings, DISTANCES))
    found = {}
    for tiling, seams in zip(tilings, zip(*per_image, strict=True), strict=True):
        shares = np.array([[np.nan if s is None else s for s in each.by_distance] for each in seams])
        there = ~np.isnan(shares).all(0)
        by_distance = np.where(there, np.nanmean(np.where(there, shares, 0), 0), np.nan)
        found[tiling] = Change(float(np.mean([each.changed for each in seams])), tuple(by_distance.tolist()))
    return found


def opening(run: Path) -> str:
    """Return how much the attention of a run changes the features at its place, in the best epoch."""
    best = Run(run).metrics()[Run(run).result.best_epoch - 1]
    return ", ".join(f"{value:.2f}" for name, value in best.items() if name.startswith(CHANGE))


def lines(results: dict[str, dict[Tiling, Change]], opened: dict[str, str]) -> list[str]:
    """Return the shares as tables: of all pixels by tiling, and by distance for one tiling."""
    head = ["tile", "overlap", "work", *(f"`{arm}`" for arm in results)]
    tilings = next(iter(results.values()))
    rows = [
        [
            str(tiling.tile),
            str(tiling.overlap),
            f"{tiling.cost:.2f}x",
            *(f"{100 * found[tiling].changed:.2f}%" for found in results.values()),
        ]
        for tiling in tilings
    ]
    ranges = [f"{low} to {high} px" for low, high in pairwise(DISTANCES)] + [f"{DISTANCES[-1]} px on"]
    distances = [
        [
            f"`{arm}`",
            *("" if np.isnan(s) else f"{100 * s:.2f}%" for s in found[DRAWN].by_distance),
            opened[arm],
        ]
        for arm, found in results.items()
    ]
    return [
        *table(head, rows),
        "",
        f"By the distance to the nearest seam, in tiles of {DRAWN.tile} with an overlap of {DRAWN.overlap}; "
        "and how much the attention changes the features at its place, |output - input| / |input|:",
        "",
        *table(["arm", *ranges, "change"], distances),
    ]


def draw(results: dict[str, dict[Tiling, Change]], path: Path, note: str) -> None:
    """Draw the share of changed pixels against the distance to the seam, a line for each arm."""
    title = (
        f"What tiles of {DRAWN.tile} with an overlap of {DRAWN.overlap} change, by the distance to the seam"
    )
    figure = new_figure(7, 3.8, title, note)
    axes = style_axes(figure.subplots(), "", "pixels to the nearest seam", "pixels that change class, %")
    middles = [(low + high) / 2 for low, high in pairwise((*DISTANCES, DISTANCES[-1] + 16))]
    for arm, found in results.items():
        shares = 100 * np.array(found[DRAWN].by_distance)
        axes.plot(middles, shares, marker="o", markersize=4, linewidth=1.6, label=ARMS.get(arm, arm))
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7.5, frameon=False)
    with write_whole(path) as file:
        save_figure(figure, file, "svg")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a folder of images with masks")
    parser.add_argument("--weights", default="none", help="of the encoder, MobileNetV2")
    parser.add_argument("--size", default="400x400", help="of the images, height x width")
    parser.add_argument("--crop", default="192x192", help="what is trained on, height x width")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--runs", type=Path, default=Path("runs/tiling"))
    parser.add_argument("--page", type=Path, help="replace the tables in this page, between its two comments")
    parser.add_argument("--picture", type=Path, help="an SVG file to draw")
    given = parser.parse_args()
    results, opened = {}, {}
    for number, arm in enumerate(ARMS):
        run = trained(arm, given.data, given.runs / str(number), given)
        dataset = data_of(run, None, None, ()).dataset
        results[arm], opened[arm] = changes(run, dataset, TILINGS), opening(run)
        print(arm, Run(run).result, results[arm], flush=True)
    images = len(dataset.index("test"))
    host = f"U-Net with MobileNetV2, trained on crops of {given.crop}"
    note = f"{Path(given.data).name}, {images} test images of {given.size}; {host}"
    setting = machine(torch.get_num_threads()) | {"epochs": given.epochs}
    page = [f"{note}; {setting_line(setting)}.", "", *lines(results, opened)]
    print("\n".join(page))
    if given.page:
        replace_section(given.page, "benchmarks/tiling.py", page)
    if given.picture:
        draw(results, given.picture, note)


if __name__ == "__main__":
    main()
