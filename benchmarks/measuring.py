"""What the benchmarks measure with: clocks, the peak of resident memory (Linux), spread, and the machine."""

import platform
import statistics
import time
from pathlib import Path

import torch

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""cpu counts the processor's seconds, for machines that others use too; with one thread, or it counts all."""


def resident_megabytes(field: str) -> float:
    """VmRSS, the resident memory now, or VmHWM, its peak."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) / 1024


def forget_peak() -> float:
    """Let VmHWM begin anew; the resident memory now."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_megabytes("VmRSS")


def spread(values: list[float]) -> dict[str, float]:
    """Median and quartiles of seconds."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median_s": median, "lower_quartile_s": low, "upper_quartile_s": high}


def machine(threads: int) -> dict[str, str | int]:
    """Versions, processor and threads."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "threads": threads,
    }
