"""Tools that the benchmarks share: clocks, turns, processes, peak resident memory (Linux), quartiles, a
description of the machine, and writing tables into pages.
"""

import json
import multiprocessing
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from foveate.files import write_whole

Name = TypeVar("Name", bound=Hashable)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""`cpu` counts CPU seconds of all threads: use it on shared machines, with one thread."""


def resident_megabytes(field: str) -> float:
    """Return a field of /proc/self/status in MB: VmRSS is resident memory now, VmHWM its peak."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) / 1024


def reset_peak() -> float:
    """Reset VmHWM and return the resident memory now (MB)."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_megabytes("VmRSS")


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile of at least two values."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and quartiles of seconds, by name."""
    low, median, high = quartiles(values)
    return {"median_s": median, "lower_quartile_s": low, "upper_quartile_s": high}


def in_turn(
    runs: Mapping[Name, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    pause: float = 0.0,
) -> dict[Name, list[float]]:
    """Return the seconds of every run by round, after one warm-up round.

    In each round all runs take one turn, in a new random order, so that other load on the machine affects all
    equally. With a `pause` (seconds), every turn starts with the pause and one untimed run: threads of other
    libraries stop spinning, and the caches hold this run's data.
    """
    order, generator = list(runs), random.Random(0)
    times: dict[Name, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        generator.shuffle(order)
        for name in order:
            if pause:
                time.sleep(pause)
                runs[name]()
            start = clock()
            runs[name]()
            if round_:
                times[name].append(clock() - start)
    return times


def ratios(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of the ratios value / base within each round."""
    return quartiles([a / b for a, b in zip(values, base, strict=True)])


def run_in_process(function: Callable[..., Any], *arguments: Any, threads: int) -> Any:
    """Run a function in a new process and return its result, or None if the system killed the process.

    The system does so when memory runs out. The process is forked from this one, which must not have computed
    with several threads before. Any other failure raises `SystemExit`.
    """

    def send_result() -> None:
        torch.set_num_threads(threads)
        sender.send(function(*arguments))

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=send_result)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        if process.exitcode != -9:
            raise SystemExit(f"{function.__name__}{arguments[:3]} failed, see above") from None
        return None
    finally:
        process.join()


def machine(threads: int) -> dict[str, str | int]:
    """Return versions, processor and threads."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "cores": os.cpu_count() or 1,
        "threads": threads,
    }


def setting_line(setting: Mapping[str, Any]) -> str:
    """Return a setting as one line of text."""
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table as lines of markdown."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def save(path: Path, results: Any) -> None:
    """Write results as JSON, completely or not at all."""
    with write_whole(path, "w") as file:
        file.write(json.dumps(results, indent=1) + "\n")


def replace_section(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace the lines of a page between the comments `<!-- name -->` and `<!-- end of name -->`."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise SystemExit(f"{page}: expected the lines '{begin}' and '{end}', once each and in this order")
    before, after = text.split(begin)[0], text.split(end)[1]
    with write_whole(page, "w") as file:
        file.write("\n".join([before + begin, "", *lines, "", end + after]))
