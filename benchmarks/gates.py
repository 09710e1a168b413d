"""What an attached channel or spatial gate costs at inference: python benchmarks/gates.py [--out gates.json]

A ResNet18 U-Net at 360x480, batch 1, in evaluation. The host and every arm run in turn within each round, in
an order drawn anew, so that what else the machine does falls on all alike. A ratio is the median over rounds
of an arm's time by the host's in the same round. Reach: 1.15 times the host, for one gate at any place. On a
machine that others use too, `--clock cpu --threads 1` counts the processor's seconds.
"""

import argparse
import copy
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from foveate.models.attach import attach
from foveate.models.gates import ResidualGate
from foveate.models.hosts import create_model

MECHANISMS = ("se", "eca", "cbam", "scse")
PLACES = ("decoder", "skip1", "encoder1", "encoder3", "encoder5")
EVERYWHERE = "+".join(f"cbam@skip{k}" for k in (1, 2, 3, 4))
REACH = 1.15
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def contenders(gate: str) -> dict[str, torch.nn.Module]:
    """The host and its copies with one arm each, gates open."""
    torch.manual_seed(0)
    host = create_model("unet", "resnet18", classes=11).eval()
    arms = [f"{mechanism}@{place}" for place in PLACES for mechanism in MECHANISMS]
    models = {"none": host} | {arm: attach(copy.deepcopy(host), arm, gate) for arm in [*arms, EVERYWHERE]}
    for model in models.values():
        for module in model.modules():
            if isinstance(module, ResidualGate):
                torch.nn.init.constant_(module.gate, 0.3)
    return models


@torch.inference_mode()
def measure(
    models: dict[str, torch.nn.Module], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of `clock` by arm and round; the first round only warms up."""
    image = torch.rand(1, 3, 360, 480)
    times: dict[str, list[float]] = {arm: [] for arm in models}
    order = list(models)
    for round_ in range(rounds + 1):
        random.shuffle(order)
        for arm in order:
            start = clock()
            models[arm](image)
            if round_:
                times[arm].append(clock() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gate", choices=("zero", "none"), default="zero")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    random.seed(0)

    times = measure(contenders(given.gate), given.rounds, CLOCKS[given.clock])
    rows = {}
    for arm, taken in times.items():
        ratios = [one / host for one, host in zip(taken, times["none"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        rows[arm] = {
            "milliseconds": 1e3 * statistics.median(taken),
            "ratio": middle,
            "quartiles": [low, high],
        }
    setting = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": given.threads,
        "rounds": given.rounds,
        "gate": given.gate,
        "clock": given.clock,
    }

    print(", ".join(f"{name} {value}" for name, value in setting.items()))
    print("| arm | median ms | ratio to the host | quartiles | reached |")
    print("| --- | --- | --- | --- | --- |")
    for arm, row in rows.items():
        low, high = row["quartiles"]
        reached = "yes" if row["ratio"] <= REACH else "no"
        figures = f"{row['milliseconds']:.1f} | {row['ratio']:.3f} | {low:.3f} to {high:.3f}"
        print(f"| {arm} | {figures} | {reached} |")
    if given.out:
        given.out.write_text(
            json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
