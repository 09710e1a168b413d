"""Check that memory stays flat for data larger than memory: python benchmarks/memory.py [--pairs 2000]

The data are street scenes of 360x480 with camera noise, as a folder of JPEG and PNG files and packed into
shards. Only a few scenes are drawn; each is linked under many names. A process opens the data under a memory
limit (RLIMIT_DATA, which includes its start-up) that is smaller than the decoded images. For some epochs it
reads the training images, augmented, and the validation images, on one thread and without workers, as
`foveate fit --memory-gb 0` does. Prints the peak of resident memory while opening and in every epoch. Finally
the process tries to keep all images decoded, which must fail.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from foveate.data.dataset import SPLITS, Dataset
from foveate.data.pack import pack
from foveate.loading.frames import DiskFrames, MemoryFrames
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec
from measuring import machine, reset_peak, resident_megabytes
from reading import SIZE, write_scenes

DRAWN = 24


def write_many(root: Path, pairs: int) -> Path:
    """Write a folder of pairs: `DRAWN` different ones, the others are hard links to them."""
    write_scenes(root, ".jpg", min(DRAWN, pairs))
    for number in range(DRAWN, pairs):
        for folder, suffix in (("images", ".jpg"), ("masks", ".png")):
            os.link(root / folder / f"{number % DRAWN}{suffix}", root / folder / f"{number}{suffix}")
    return root


def read(source: str, epochs: int, limit_mb: int) -> dict[str, object]:
    """Return peaks and seconds of opening and of each epoch, and whether all decoded images fit in memory."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_mb << 20,) * 2)
    start = reset_peak()
    module = DataModule(DataSpec(source, size=SIZE, batch=8, workers=0, memory_gb=0.0), seed=0)
    peaks, seconds = [], []
    for epoch in range(-1, epochs):
        start_time = time.perf_counter()
        reset_peak()
        if epoch < 0:
            module.setup()
        else:
            pass_over(module, epoch)
        peaks.append(resident_megabytes("VmHWM"))
        seconds.append(time.perf_counter() - start_time)
    return {
        "decoded_mb": module.bytes_needed / 2**20,
        "start_mb": start,
        "opening_mb": peaks[0],
        "epochs_mb": peaks[1:],
        "seconds": seconds,
        "could_be_held": can_hold(module.dataset),
    }


def pass_over(module: DataModule, epoch: int) -> None:
    """Read all images that one epoch of training and validation reads."""
    train = module.train_dataloader()
    train.sampler.set_epoch(epoch)
    for loader in (train, module.val_dataloader()):
        for _ in loader:
            pass


def can_hold(dataset: Dataset) -> bool:
    """Whether all images can be decoded into memory."""
    try:
        in_memory = [MemoryFrames.load(DiskFrames(dataset, dataset.index(split), SIZE)) for split in SPLITS]
    except MemoryError:
        return False
    return len(in_memory) == len(SPLITS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit-mb", type=int, default=1200, help="what the process may allocate, in MiB")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--source", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.source:
        print(json.dumps(read(given.source, given.epochs, given.limit_mb)))
        return

    results = {}
    print(", ".join(f"{name} {value}" for name, value in machine(1).items()))
    with tempfile.TemporaryDirectory() as folder:
        files, shards = write_many(Path(folder) / "files", given.pairs), Path(folder) / "shards"
        packing = pack(files, shards)
        for name, source in (("files", files), (f"{packing.shards} shards", shards)):
            limits = ["--epochs", str(given.epochs), "--limit-mb", str(given.limit_mb)]
            words = [sys.executable, __file__, "--source", str(source), *limits]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            results[name] = json.loads(done.stdout)
    print(f"\n{given.pairs} pairs; the process may allocate {given.limit_mb} MiB\n")
    epochs = " | ".join(f"epoch {number + 1}" for number in range(given.epochs))
    print(f"| peaks in MiB | images decoded | at the start | opening | {epochs} | held decoded |")
    print("| --- " * (given.epochs + 5) + "|")
    for name, row in results.items():
        peaks = [row["decoded_mb"], row["start_mb"], row["opening_mb"], *row["epochs_mb"]]
        held = "yes" if row["could_be_held"] else "refused"
        print(f"| {name} | " + " | ".join(f"{peak:.0f}" for peak in peaks) + f" | {held} |")
    if given.out:
        given.out.write_text(json.dumps({"machine": machine(1), "sources": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
