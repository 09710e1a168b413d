"""Compare AFMA with its naive form, which stores the map: time and memory, forward + loss + backward.

    python benchmarks/afma.py [--size 640x960] [--level 1] [--classes 12] [--repeats 3] [--threads 2]
                              [--clock wall] [--out FILE.json]

One pass computes the sum of the refined logits plus the auxiliary loss, and the gradients of all weights, of
the logits and of the encoder's feature (64 channels). Batch 1, patches of 10x10, float32, standard normal
inputs, random classes, CPU. The naive form is that of the tests (tests/attention/naive_afma.py): the same
equations for all classes at once, with the map computed once.

- Time: both forms take turns in one process, after a warm-up on a small image; median and quartiles. On a
  shared machine, `--clock cpu --threads 1` counts CPU seconds.
- Memory: each figure comes from a new process (Linux only). It is the rise of peak resident memory (VmHWM)
  over the memory when the inputs exist. It is measured twice: once as it is, including freed memory that the
  C library keeps; and once with MALLOC_TRIM_THRESHOLD_=65536, which makes glibc return freed memory, so that
  the figure is what the form needs. All figures include the gradients of logits and feature, which no form
  can avoid; their size is printed too.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from foveate.attention.afma import AFMA
from measuring import CLOCKS, machine, reset_peak, resident_megabytes, spread

NAIVE = Path(__file__).parents[1] / "tests" / "attention" / "naive_afma.py"
FEATURE_CHANNELS = 64

Form = Callable[..., tuple[torch.Tensor, torch.Tensor]]
Size = tuple[int, int]


def forms(level: int, classes: int) -> dict[str, Form]:
    spec = importlib.util.spec_from_file_location("naive_afma", NAIVE)
    naive = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(naive)
    torch.manual_seed(0)
    module = AFMA(classes, 3, FEATURE_CHANNELS, level=level)

    def with_the_map(logits, image, feature, mask):
        matrix = naive.attention_map(module, image, feature)
        refined = logits * naive.correction(module, logits, matrix) + logits
        return refined, naive.auxiliary_loss(module, matrix, mask)

    return {"ours": module.forward_with_auxiliary, "naive": with_the_map}


def inputs(size: Size, level: int, classes: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    cells = tuple(side // 2**level for side in size)
    logits = torch.randn(1, classes, *size, generator=generator).requires_grad_()
    image = torch.randn(1, 3, *size, generator=generator)
    feature = torch.randn(1, FEATURE_CHANNELS, *cells, generator=generator).requires_grad_()
    return logits, image, feature, torch.randint(0, classes, (1, *size), generator=generator)


def seconds(
    form: Form, given: tuple[torch.Tensor, ...], clock: Callable[[], float] = time.perf_counter
) -> float:
    start = clock()
    total(*form(*given)).backward()
    return clock() - start


def total(refined: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
    """Return the sum to differentiate.

    No variable refers to the refined logits when backward begins, as in training. So their memory is not
    counted.
    """
    return refined.sum() + loss


def measure_memory(name: str, size: Size, level: int, classes: int) -> float:
    """Return the rise of peak memory in one pass in this process (MB)."""
    form = forms(level, classes)[name]
    seconds(form, inputs((80, 80), level, classes))
    given = inputs(size, level, classes)
    before = reset_peak()
    seconds(form, given)
    return resident_megabytes("VmHWM") - before


def memory(name: str, options: argparse.Namespace, **environment: str) -> float:
    """Return `measure_memory` from a new process with these environment variables."""
    size = "x".join(map(str, options.size))
    numbers = {"size": size, "level": options.level, "classes": options.classes, "threads": options.threads}
    flags = [word for key, value in numbers.items() for word in (f"--{key}", str(value))]
    command = [sys.executable, __file__, "--measure", name, *flags]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return json.loads(finished.stdout)


def times(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    both = forms(options.level, options.classes)
    durations: dict[str, list[float]] = {name: [] for name in both}
    for form in both.values():
        seconds(form, inputs((80, 80), options.level, options.classes))
    for _ in range(options.repeats):
        for name, form in both.items():
            given = inputs(options.size, options.level, options.classes)
            durations[name].append(seconds(form, given, CLOCKS[options.clock]))
    return {name: spread(values) for name, values in durations.items()}


def unavoidable_megabytes(size: Size, level: int, classes: int) -> float:
    """Return the size of the gradients of the logits and of the feature."""
    height, width = size
    return 4 * height * width * (classes + FEATURE_CHANNELS / 4**level) / 2**20


def parse_size(text: str) -> Size:
    height, width = map(int, text.split("x"))
    return height, width


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=parse_size, default=(640, 960), help="height x width of the image")
    parser.add_argument("--level", type=int, default=1)
    parser.add_argument("--classes", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3, help="timed passes, at least 2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: CPU seconds")
    parser.add_argument("--out", type=Path, help="write all figures here as JSON")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    case = options.size, options.level, options.classes
    if options.measure:
        print(json.dumps(measure_memory(options.measure, *case)))
        return

    about = machine(options.threads)
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    measured = times(options)
    for name, row in measured.items():
        row["growth_mb"] = memory(name, options)
        row["needed_mb"] = memory(name, options, MALLOC_TRIM_THRESHOLD_="65536")
        quartiles = f"{row['lower_quartile_s']:.2f} to {row['upper_quartile_s']:.2f} s"
        print(
            f"{name:<6} {row['median_s']:>7.2f} s  {quartiles:>16}  {row['growth_mb']:>6.0f} MB, "
            f"{row['needed_mb']:.0f} MB of it needed",
            flush=True,
        )
    ours, naive, least = measured["ours"], measured["naive"], unavoidable_megabytes(*case)
    faster, smaller, needs = (naive[key] / ours[key] for key in ("median_s", "growth_mb", "needed_mb"))
    print(f"{faster:.1f} times faster, {smaller:.1f} times less memory, {needs:.1f} times less needed")
    print(f"the two gradients that no form can avoid take {least:.0f} MB")
    if options.out:
        settings = {key: getattr(options, key) for key in ("size", "level", "classes", "clock")}
        ratios = {"times_faster": faster, "times_smaller": smaller, "times_less_needed": needs}
        results = {"machine": about, **settings, **measured, "gradients_mb": least, **ratios}
        options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
