"""Compare Smooth Attention with its naive form, which stores the n x n matrix: time and memory.

    python benchmarks/smooth_attention.py [--sides 28 56] [--alone 256] [--repeats 7] [--threads 2]
                                          [--out FILE.json]

Forward and backward, batch 1, float32, threshold 0.4, standard normal inputs, CPU. The naive form is that of
the tests (tests/attention/naive.py): the same equations, with each n x n matrix computed once.

- Time: both forms take turns in one process, after one warm-up each; median and quartiles.
- Memory: each figure comes from a new process (Linux only). A pass on a 28 x 28 map first loads the code, and
  the memory it freed is returned. The figure is the rise of peak resident memory (VmHWM) in the next pass.
- `--alone` sizes are measured in this way for our form only; the naive form would need tens of gigabytes.
"""

import argparse
import ctypes
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from foveate.attention.smooth import SmoothAttention
from measuring import machine, reset_peak, resident_megabytes, spread

WARM_UP = 28
NAIVE = Path(__file__).parents[1] / "tests" / "attention" / "naive.py"


def forms(channels: int) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    spec = importlib.util.spec_from_file_location("naive", NAIVE)
    naive = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(naive)
    torch.manual_seed(0)
    module = SmoothAttention(channels, threshold=0.4)
    torch.nn.init.ones_(module.gamma)
    return {"ours": module, "naive": lambda x: naive.smooth(module, x)}


def seconds(form: Callable[[torch.Tensor], torch.Tensor], side: int, channels: int) -> float:
    x = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1)).requires_grad_()
    start = time.perf_counter()
    form(x).sum().backward()
    return time.perf_counter() - start


def measure_memory(name: str, side: int, channels: int) -> dict[str, float]:
    """Measure one pass in this process: rise of peak memory and the peak itself (MB), and seconds."""
    form = forms(channels)[name]
    seconds(form, WARM_UP, channels)
    ctypes.CDLL(None).malloc_trim(0)
    before = reset_peak()
    elapsed = seconds(form, side, channels)
    peak = resident_megabytes("VmHWM")
    return {"growth_mb": peak - before, "peak_mb": peak, "seconds": elapsed}


def memory(name: str, side: int, channels: int, threads: int) -> dict[str, float]:
    """Return `measure_memory` from a new process."""
    arguments = ["--measure", name, str(side), "--channels", str(channels), "--threads", str(threads)]
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def times(side: int, channels: int, repeats: int) -> dict[str, dict[str, float]]:
    both = forms(channels)
    durations: dict[str, list[float]] = {name: [] for name in both}
    for repeat in range(repeats + 1):
        for name, form in both.items():
            elapsed = seconds(form, side, channels)
            if repeat > 0:
                durations[name].append(elapsed)
    return {name: spread(values) for name, values in durations.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", type=int, nargs="*", default=[28, 56], help="positions a side, both forms")
    parser.add_argument("--alone", type=int, nargs="*", default=[256], help="positions a side, our form only")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7, help="timed passes, at least 2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write all figures here as JSON")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.measure:
        print(json.dumps(measure_memory(options.measure[0], int(options.measure[1]), options.channels)))
        return

    about = machine(options.threads)
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{'side':>4}  {'form':<6} {'median':>9}  {'quartiles':>19}  {'memory':>9}")
    results = []
    for side in options.sides:
        measured = times(side, options.channels, options.repeats)
        for name, row in measured.items():
            row |= memory(name, side, options.channels, options.threads)
            quartiles = f"{row['lower_quartile_s']:.3f} to {row['upper_quartile_s']:.3f} s"
            figures = f"{row['median_s']:>7.3f} s  {quartiles:>19}  {row['growth_mb']:>6.0f} MB"
            print(f"{side:>4}  {name:<6} {figures}", flush=True)
        ours, naive = measured["ours"], measured["naive"]
        faster = naive["median_s"] / ours["median_s"]
        smaller = naive["growth_mb"] / max(ours["growth_mb"], 0.1)  # less is only a page or two
        print(f"{side:>4}  {faster:.1f} times faster, {smaller:.1f} times less memory")
        results.append({"side": side, **measured, "times_faster": faster, "times_smaller": smaller})
    for side in options.alone:
        row = memory("ours", side, options.channels, options.threads)
        print(
            f"{side:>4}  ours   {row['seconds']:>7.1f} s  {'one pass':>19}  {row['growth_mb']:>6.0f} MB, "
            f"{row['peak_mb']:.0f} MB with PyTorch itself",
            flush=True,
        )
        results.append({"side": side, "ours": row})
    if options.out:
        options.out.write_text(json.dumps({"machine": about, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
