"""What the benchmarks measure with: clocks, turns, processes, the peak of resident memory (Linux), spread,
the machine, and how their tables reach the pages.
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
"""cpu counts the processor's seconds, for machines that others use too; with one thread, or it counts all."""


def resident_megabytes(field: str) -> float:
    """VmRSS, the resident memory now, or VmHWM, its peak."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) / 1024


def forget_peak() -> float:
    """Let VmHWM begin anew; the resident memory now."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_megabytes("VmRSS")


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile of two values or more."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles of seconds."""
    low, median, high = quartiles(values)
    return {"median_s": median, "lower_quartile_s": low, "upper_quartile_s": high}


def in_turn(
    runs: Mapping[Name, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    pause: float = 0.0,
) -> dict[Name, list[float]]:
    """Seconds of every run by round, after a round that only warms up.

    All take their turn in each round, in an order drawn anew, so that what else the machine does falls on all
    alike. With a `pause` (seconds) every turn begins with it and with a run that is not timed: the threads of
    other libraries stop spinning, and the caches hold this run's own data.
    """
    order, draw = list(runs), random.Random(0)
    taken: dict[Name, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        draw.shuffle(order)
        for name in order:
            if pause:
                time.sleep(pause)
                runs[name]()
            start = clock()
            runs[name]()
            if round_:
                taken[name].append(clock() - start)
    return taken


def ratios(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Quartiles of the ratios within each round."""
    return quartiles([one / other for one, other in zip(values, base, strict=True)])


def apart(function: Callable[..., Any], *arguments: Any, threads: int) -> Any:
    """The result of a function in a process of its own, forked from this one, which must not have computed
    with several threads before; None where the system ended it, as it does when memory runs out.
    """

    def answer() -> None:
        torch.set_num_threads(threads)
        sender.send(function(*arguments))

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=answer)
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
    """Versions, processor and threads."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "cores": os.cpu_count() or 1,
        "threads": threads,
    }


def said(setting: Mapping[str, Any]) -> str:
    """A setting in one line."""
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of markdown."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def save(path: Path, found: Any) -> None:
    """As JSON, whole or not at all."""
    with write_whole(path, "w") as file:
        file.write(json.dumps(found, indent=1) + "\n")


def put(page: Path, name: str, lines: Sequence[str]) -> None:
    """Exchange what stands in the page between the comments `<!-- name -->` and `<!-- end of name -->`."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise SystemExit(f"{page}: expected the lines '{begin}' and '{end}', once each and in this order")
    before, after = text.split(begin)[0], text.split(end)[1]
    with write_whole(page, "w") as file:
        file.write("\n".join([before + begin, "", *lines, "", end + after]))
