"""AFMA against its naive form, which holds the map: time and memory, forward + loss + backward.

    python benchmarks/afma.py [--size 640x960] [--level 1] [--classes 12] [--repeats 3] [--threads 2]
                              [--clock wall] [--out FILE.json]

One pass is the refined logits' sum plus the auxiliary loss, and the gradients of all weights, of the logits
and of the encoder's feature (64 channels): batch 1, patches of 10x10, float32, standard normal inputs, random
classes, CPU. Time: both forms in one process, in turn, after a warm-up on a small image; median and
quartiles. On a machine that others use too, `--clock cpu --threads 1` counts the processor's seconds. Memory:
each figure from a process of its own, as the peak of its resident memory (VmHWM) over what it held when the
inputs were there: Linux only. The refined logits and the gradients of logits and feature are part of both
figures; what they take, and no form can do without, is printed beside them. The naive form is the tests'
(tests/attention/naive_afma.py): the same equations for all classes at once, the map computed once.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from foveate.attention.afma import AFMA
from measuring import CLOCKS, forget_peak, machine, resident_megabytes, spread

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
    refined, loss = form(*given)
    (refined.sum() + loss).backward()
    return clock() - start


def measure_memory(name: str, size: Size, level: int, classes: int) -> float:
    """In this process: by how much one pass raises the peak of memory."""
    form = forms(level, classes)[name]
    seconds(form, inputs((80, 80), level, classes))
    given = inputs(size, level, classes)
    before = forget_peak()
    seconds(form, given)
    return resident_megabytes("VmHWM") - before


def memory(name: str, options: argparse.Namespace) -> float:
    """As `measure_memory`, in a process of its own."""
    size = "x".join(map(str, options.size))
    numbers = {"size": size, "level": options.level, "classes": options.classes, "threads": options.threads}
    flags = [word for key, value in numbers.items() for word in (f"--{key}", str(value))]
    command = [sys.executable, __file__, "--measure", name, *flags]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def times(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    both = forms(options.level, options.classes)
    taken: dict[str, list[float]] = {name: [] for name in both}
    for form in both.values():
        seconds(form, inputs((80, 80), options.level, options.classes))
    for _ in range(options.repeats):
        for name, form in both.items():
            given = inputs(options.size, options.level, options.classes)
            taken[name].append(seconds(form, given, CLOCKS[options.clock]))
    return {name: spread(values) for name, values in taken.items()}


def unavoidable_megabytes(size: Size, level: int, classes: int) -> float:
    """The refined logits, the gradient of the logits, and that of the feature."""
    height, width = size
    return 4 * height * width * (2 * classes + FEATURE_CHANNELS / 4**level) / 2**20


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
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: the processor's seconds")
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
        quartiles = f"{row['lower_quartile_s']:.2f} to {row['upper_quartile_s']:.2f} s"
        print(
            f"{name:<6} {row['median_s']:>7.2f} s  {quartiles:>16}  {row['growth_mb']:>6.0f} MB", flush=True
        )
    ours, naive, least = measured["ours"], measured["naive"], unavoidable_megabytes(*case)
    faster, smaller = naive["median_s"] / ours["median_s"], naive["growth_mb"] / ours["growth_mb"]
    beyond = (naive["growth_mb"] - least) / (ours["growth_mb"] - least)
    print(f"{faster:.1f} times faster, {smaller:.1f} times less memory")
    print(f"{beyond:.1f} times less beyond the {least:.0f} MB of the refined logits and the two gradients")
    if options.out:
        shown = {key: getattr(options, key) for key in ("size", "level", "classes", "clock")}
        ratios = {"times_faster": faster, "times_smaller": smaller, "times_smaller_beyond_results": beyond}
        found = {"machine": about, **shown, **measured, "results_mb": least, **ratios}
        options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
