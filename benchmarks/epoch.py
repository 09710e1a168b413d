"""Measure what `fit` adds to a bare training loop: python benchmarks/epoch.py [--out epoch.json]

Compares an epoch of `fit` (reading, augmentation, clipping, averaged weights, schedule, callbacks; without
validation) with bare forward, backward and optimiser steps of the same model on the same batches in memory,
in the same precision. Both train in one process and alternate after every step, so that a busy machine slows
both equally. Target: at most 1.10 times the bare loop.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from lightning import Callback

from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.environment import describe_environment
from foveate.training.run import fit


class BareTwin(Callback):
    """After every step of `fit`, train a copy of the model for one bare step; sum both times by epoch."""

    def __init__(self) -> None:
        self.fitted: list[float] = []
        self.bare: list[float] = []

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.model = deepcopy(module.model)
        self.loss = module.loss
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, fused=True)
        self.amp = trainer.precision == "bf16-mixed"

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self.fitted.append(0.0)
        self.bare.append(0.0)
        self.mark = time.perf_counter()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        self.fitted[-1] += time.perf_counter() - self.mark
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.amp):
            loss = self.loss(self.model(image), batch["mask"])
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.mark = time.perf_counter()
        self.bare[-1] += self.mark - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=7, help="the first is a warm-up")
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    spec = RunSpec(
        DataSpec(f"synthetic:{given.images}", size=tuple(given.size), batch=given.batch),
        ModelSpec("unet", "resnet18"),
        TrainingSpec(epochs=given.epochs),
    )
    twin = BareTwin()
    with tempfile.TemporaryDirectory() as folder:
        fit(spec, Path(folder) / "run", callbacks=[twin], trainer_flags={"accelerator": "cpu"})
        precision = json.loads((Path(folder) / "run" / "environment.json").read_text())["precision"]

    times = {"fit": twin.fitted[1:], "bare loop": twin.bare[1:]}
    ratios = [a / b for a, b in zip(times["fit"], times["bare loop"], strict=True)]
    print(
        f"torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{given.threads} threads, {precision}; U-Net/ResNet18, {given.images} images "
        f"{given.size[0]}x{given.size[1]}, batch {given.batch}, {len(ratios)} epochs"
    )
    print("| an epoch of | median | quartiles |\n| --- | --- | --- |")
    for name, values in times.items():
        print(f"| {name} | {_spread(values, ' s')} |")
    print(f"| fit / bare loop | {_spread(ratios, '')} |")
    if given.out:
        results = {"environment": describe_environment("cpu", precision), "seconds": times, "ratio": ratios}
        given.out.write_text(json.dumps(results, indent=1) + "\n")


def _spread(values: list[float], unit: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f}{unit} | {low:.3f} to {high:.3f}{unit}"


if __name__ == "__main__":
    main()
