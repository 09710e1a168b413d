"""Examine every image of a dataset once, on as many threads or processes as help."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from foveate.data.dataset import Entry
from foveate.doctor.exam import Exam, examine
from foveate.doctor.folder import named, scan_folder
from foveate.doctor.processes import Processes
from foveate.doctor.survey import Survey
from foveate.errors import DataError
from foveate.specs.data import ANY_FOLDER, FolderChoice

Advance = Callable[[int, int], None]

TRIAL_S = 0.25
"""Seconds for which images are examined on one thread, to compare it with several."""

THREADS_GAIN = 1.3
"""Several threads are used if they are so many times as fast as one."""

LONG_S = 5.0
"""Processes are started, which takes about a second, if one thread would take longer than this."""

BATCH = 16
"""Images that a process is given at a time."""


def visit(
    source: str | Path,
    limit: int | None = None,
    advance: Advance | None = None,
    workers: int | None = None,
    group: str | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Sequence[str] | None = None,
) -> Survey:
    """Examine the images of a dataset, or `limit` of them, evenly spread.

    advance: called with the images done and all images, after every image. workers: threads; if not given,
    whatever is fastest: one thread, one per core, or one process per core. group: as in `open_dataset`.
    folder: what the user says about it. classes: of the masks, as in `open_dataset`.
    Memory: about 6 kB per image, and the few images that are being decoded.

    Raises `DataError` if there is no such folder, no known layout, the group groups nothing, or the limit is
    below 1.
    """
    if limit is not None and limit < 1:
        raise DataError(f"limit {limit} leaves nothing to look at; give 1 or more")
    scanned = named(scan_folder(source, group, folder), classes)
    entries = evenly_spaced(scanned.entries, limit)
    exams = []
    examined = partial(_examine, read=scanned.read, masks=scanned.masks, colors=scanned.colors)
    for exam in _parallel(examined, entries, workers) if workers else _fastest(examined, entries):
        exams.append(exam)
        if advance is not None:
            advance(len(exams), len(entries))
    return Survey(scanned, tuple(exams), len(scanned.entries))


def evenly_spaced(entries: list[tuple[str, Entry]], limit: int | None) -> list[tuple[str, Entry]]:
    """Return at most `limit` entries, evenly spaced.

    >>> [part for part, _ in evenly_spaced([(part, Entry("a")) for part in "abcdef"], 3)]
    ['a', 'c', 'e']
    """
    if limit is None or limit >= len(entries):
        return entries
    return [entries[number * len(entries) // limit] for number in range(limit)]


def _examine(named: tuple[str, Entry], **known: Any) -> Exam:
    return examine(*named, **known)


def _fastest(function: Callable, items: Sequence) -> Iterator[Any]:
    """Yield the results in order, computed in the way that is fastest on the first items.

    Large images spend their time in decoders, which several threads run side by side. Small images spend it
    in Python, which one thread runs at a time: they are left to this thread, or, if it would need more than
    `LONG_S`, to several processes.
    """
    left, cores = iter(items), os.cpu_count() or 1
    yield from map(function, islice(left, 1))  # the first image also loads modules, and is not timed
    alone, start = 0, time.perf_counter()
    for result in map(function, left):
        alone += 1
        yield result
        if time.perf_counter() - start > TRIAL_S:
            break
    alone_s = (time.perf_counter() - start) / max(alone, 1)
    trial = list(islice(left, max(alone, 4 * cores)))
    start = time.perf_counter()
    yield from _parallel(function, trial, cores)
    threads_s = (time.perf_counter() - start) / max(len(trial), 1)
    if threads_s * THREADS_GAIN < alone_s:
        yield from _parallel(function, left, cores)
    elif cores > 1 and alone_s * (len(items) - 1 - alone - len(trial)) > LONG_S:
        yield from _in_processes(function, left, cores)
    else:
        yield from map(function, left)


def _in_processes(function: Callable, items: Iterator, count: int) -> Iterator[Any]:
    batches = iter(lambda: list(islice(items, BATCH)), [])
    with Processes(function, count) as processes:
        for results in _parallel(processes.map, batches, count):
            yield from results


def _parallel(function: Callable, items: Iterable, workers: int) -> Iterator[Any]:
    """Yield the results in order, computing only a few ahead; cancel pending work on Ctrl-C."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
