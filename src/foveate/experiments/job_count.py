"""Choose how many runs are trained at once."""

import math
import sys
from collections.abc import Callable

import psutil
import torch

from foveate.experiments.capacity import SHARE
from foveate.experiments.free_memory import free_memory
from foveate.training.environment import device_kind

START = 15.0
"""Seconds from starting processes to their first step: each imports for 12 s of a core."""

GAIN = 0.8
"""A run with n threads is n^GAIN times as fast as with one."""


def choose_jobs(jobs: int | None, runs: int, accelerator: str, seconds: Callable[[], float]) -> int:
    """Return how many of `runs` runs to train at once. jobs: the user's number, None to choose one, 0 to
    leave it to a cluster.

    The choice is 1 on a GPU and with one thread. Otherwise it is the `fastest` number, as far as the free
    memory suffices for as many processes as large as this one.

    seconds: returns how long the training takes one run after the other. It is called only if that matters,
    and must train some steps, which show how much memory a run takes.
    """
    if jobs is not None:
        return max(1, min(jobs, runs)) if jobs else 0
    threads = torch.get_num_threads()
    if min(runs, threads) < 2 or sys.platform == "win32" or device_kind(accelerator) != "cpu":
        return 1
    alone = seconds()
    return fastest(runs, threads, alone, int(SHARE * free_memory() // _memory_of_a_run()))


def fastest(runs: int, threads: int, seconds: float, most: int) -> int:
    """Return the number of jobs, up to `most`, with which all runs are done first; the smallest of equals.

    seconds: the duration of the training one run after the other, in this process.

    >>> [fastest(6, 2, seconds, most=6) for seconds in (60, 600)], fastest(6, 2, 600, most=1)
    ([1, 2], 1)
    >>> fastest(9, 16, 600, most=9), fastest(9, 64, 600, most=9)
    (3, 9)
    """

    def end(jobs: int) -> float:
        return seconds * duration(runs, jobs, threads) / duration(runs, 1, threads) + START * (jobs > 1)

    return min(range(1, max(1, min(runs, threads, most)) + 1), key=end)


def duration(runs: int, jobs: int, threads: int) -> float:
    """Return how long equal runs take with `jobs` at once, in durations of a run with one thread.

    >>> duration(6, 2, threads=2)
    3.0
    """
    return math.ceil(runs / jobs) / max(1, threads // jobs) ** GAIN


def _memory_of_a_run() -> int:
    """Return the peak of this process's resident memory in bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(peak, psutil.Process().memory_info().rss)
