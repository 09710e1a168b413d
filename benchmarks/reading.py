"""Compare reading and augmenting with decoding: python benchmarks/reading.py [DATA] [--out reading.json]

Pairs at 360x480, one at a time, on one core, in six ways:

- decoded by Pillow alone;
- read by foveate: checked, masks as class ids;
- read and augmented, as for training;
- augmented from memory, where foveate keeps decoded images that fit (`memory_gb`, 4 by default);
- read in the first epoch and from memory in the following ones, the default of a training;
- read with torchvision v2 in its plain use, with the same augmentations.

In each round, every way passes over all pairs, in a new random order, so that other load on the machine
affects all equally. A ratio is a way's time divided by the time of decoding in the same round; the table
gives the median over rounds. Target: 1.2 times decoding. Then epochs from disk show whether memory grows.
DATA is a folder of images with masks. Without it, street scenes with camera noise are written as PNG and as
JPEG.
"""

import argparse
import collections
import json
import os
import platform
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from foveate.data.dataset import Dataset, Entry
from foveate.data.open import open_dataset
from foveate.data.pixels.masks import IGNORE
from foveate.data.synthetic.streets import draw_scene
from foveate.loading.frames import DiskFrames, Frames, MemoryFrames
from foveate.loading.transforms import PAD, Augmentation

SIZE = (360, 480)
TARGET = 1.2
BATCH = 8
EPOCHS = 10
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def write_scenes(root: Path, suffix: str, count: int) -> Path:
    """Write scenes with camera noise; without noise they would compress and decode unrealistically well."""
    for index in range(count):
        image, mask = draw_scene(index, size=SIZE)
        noise = np.random.default_rng(index).normal(0, 4, image.shape)
        for folder, name, pixels in (
            ("images", f"{index}{suffix}", (image + noise).clip(0, 255).astype(np.uint8)),
            ("masks", f"{index}.png", mask),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / folder / name)
    return root


def contenders(dataset: Dataset, entries: tuple[Entry, ...]) -> dict[str, tuple[Callable[[], None], int]]:
    """Return, by name, a function that passes over all entries and its number of passes."""
    disk = DiskFrames(dataset, entries, SIZE)
    from_disk, from_memory = (
        Frames(source, Augmentation(SIZE)) for source in (disk, MemoryFrames.load(disk))
    )
    plain = v2.Compose(
        [
            v2.ScaleJitter(SIZE, (0.75, 1.5), antialias=True),
            v2.RandomCrop(SIZE, pad_if_needed=True, fill={tv_tensors.Image: PAD, tv_tensors.Mask: IGNORE}),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(0.2, 0.2, 0.2),
            v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
        ]
    )

    def decode(number: int) -> tuple[np.ndarray, np.ndarray]:
        entry = entries[number]
        return np.asarray(Image.open(entry.image)), np.asarray(Image.open(entry.mask))

    def torchvision_v2(number: int) -> object:
        image, mask = Image.open(entries[number].image), Image.open(entries[number].mask)
        return plain(tv_tensors.Image(image.convert("RGB")), tv_tensors.Mask(mask))

    def train() -> None:
        frames = Frames(MemoryFrames.load(disk), Augmentation(SIZE))
        for epoch in range(EPOCHS):
            for number in range(len(entries)):
                frames[(epoch, number)]

    def once(run: Callable[[int], object]) -> tuple[Callable[[], None], int]:
        return lambda: collections.deque(map(run, range(len(entries))), maxlen=0), 1

    return {
        "decoding alone": once(decode),
        "foveate, read": once(lambda number: dataset.read(entries[number])),
        "foveate, read and augmented": once(lambda number: from_disk[(0, number)]),
        "foveate, augmented from memory": once(lambda number: from_memory[(0, number)]),
        f"foveate, {EPOCHS} epochs: read, kept, augmented": (train, EPOCHS),
        "torchvision v2, the same": once(torchvision_v2),
    }


def measure(
    dataset: Dataset, entries: tuple[Entry, ...], rounds: int, clock: Callable[[], float]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return milliseconds a pair by contender and round, and their ratios to decoding; round 0 warms up."""
    run = contenders(dataset, entries)
    times: dict[str, list[float]] = {name: [] for name in run}
    for round_ in range(rounds + 1):
        for name in random.sample(list(run), len(run)):
            pass_over, passes = run[name]
            start = clock()
            pass_over()
            if round_:
                times[name].append(1e3 * (clock() - start) / (passes * len(entries)))
    base = times["decoding alone"]
    return times, {name: [a / b for a, b in zip(row, base, strict=True)] for name, row in times.items()}


def growth(dataset: Dataset, entries: tuple[Entry, ...], epochs: int) -> float:
    """Return by how many MB the peak of memory grows after the first epoch of batches from disk."""
    frames = Frames(DiskFrames(dataset, entries, SIZE), Augmentation(SIZE))
    peaks = []
    for epoch in range(epochs + 1):
        for start in range(0, len(frames), BATCH):
            frames.__getitems__([(epoch, i) for i in range(start, min(start + BATCH, len(frames)))])
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return peaks[-1] - peaks[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="a folder of images with masks of 360x480")
    parser.add_argument("--images", type=int, default=24, help="how many pairs are read")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for a shared machine")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()

    if hasattr(os, "sched_setaffinity"):  # Only Linux has it.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    random.seed(0)
    versions = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
        "cores": 1,
        "clock": given.clock,
    }
    print(", ".join(f"{name} {value}" for name, value in versions.items()))
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        sources = (
            {given.data: Path(given.data)}
            if given.data
            else {
                f"scenes as {s[1:]}": write_scenes(Path(folder) / s, s, given.images)
                for s in (".png", ".jpg")
            }
        )
        for name, root in sources.items():
            dataset = open_dataset(root, to_score=True)
            entries = dataset.index("train")[: given.images]
            times, ratios = measure(dataset, entries, given.rounds, CLOCKS[given.clock])
            growth_mb = growth(dataset, entries, epochs=8)
            results[name] = {"ms": times, "ratio": ratios, "growth_mb": growth_mb}
            print(
                f"\n{name}: {len(entries)} pairs, {given.rounds} rounds; memory grows by {growth_mb:.1f} MB"
            )
            print(f"| (target {TARGET} for reading and augmenting) | ms a pair | quartiles | by decoding |")
            print("| --- | --- | --- | --- |")
            for contender, row in times.items():
                low, middle, high = statistics.quantiles(row, n=4)
                ratio = statistics.median(ratios[contender])
                print(f"| {contender} | {middle:.2f} | {low:.2f} to {high:.2f} | {ratio:.2f} |")
    if given.out:
        given.out.write_text(json.dumps({"versions": versions, "sources": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
