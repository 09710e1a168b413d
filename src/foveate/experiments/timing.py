"""Time training steps, and count those of a run."""

import itertools
import math
import statistics
import time
from collections import Counter

import torch

from foveate.loading.module import DataModule
from foveate.loading.workers import dead_workers_told
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.build import build_task
from foveate.training.environment import device_kind, lightning_precision
from foveate.training.optimization import create_optimizer, parameter_groups


def steps_of_run(training: TrainingSpec, data: DataModule) -> float:
    """Return the training steps of a run; its validation counts as a third of as many steps."""
    train, val = (math.ceil(len(data.dataset.index(split)) / data.batch) for split in ("train", "val"))
    return training.epochs * train + training.epochs / training.validate_every * val / 3


def step_seconds(spec: RunSpec, data: DataModule, accelerator: str = "auto", steps: int = 3) -> float:
    """Return the mean time over all epochs to read a batch and train on it.

    The time for a crop is the median of `steps`, after one warm-up step.
    """
    data, device = data.augmented_as(spec.data), device_kind(accelerator)
    precision = lightning_precision(spec.training.precision, device)
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    crops = [data.crop_at(epoch) for epoch in range(spec.training.epochs)]
    seconds = 0.0
    with torch.random.fork_rng(devices=[]), dead_workers_told():
        task = build_task(spec, data).to(device).train()
        groups = parameter_groups(task.model, task.encoder[0], spec.training, steps)
        optimizer = create_optimizer(groups, spec.training, fused=True)
        for crop, epochs in Counter(crops).items():
            loader = data.train_dataloader()
            loader.sampler.set_epoch(crops.index(crop))
            batches = itertools.chain.from_iterable(itertools.repeat(loader))
            times = []
            for _ in range(1 + steps):
                start = time.perf_counter()
                batch = task.transfer_batch_to_device(next(batches), torch.device(device), 0)
                with torch.autocast(device, dtype, enabled=dtype is not None):
                    value = task.training_step(batch, 0)["loss"]
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
                value.item()
                times.append(time.perf_counter() - start)
            seconds += statistics.median(times[1:]) * epochs
    return seconds / len(crops)
