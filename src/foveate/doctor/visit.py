"""Examine every image of a dataset once, on all cores."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.doctor.exam import Exam, examine
from foveate.doctor.folder import Folder, named, scan_folder
from foveate.doctor.survey import Survey
from foveate.errors import DataError
from foveate.specs.data import ANY_FOLDER, FolderChoice

Advance = Callable[[int, int], None]


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

    advance: called with the images done and all images, after every image. workers: threads; one per core if
    not given. group: as in `open_dataset`. folder: what the user says about it. classes: of the
    masks, as in `open_dataset`.
    Memory: about 5 kB per image, and the few images that are being decoded.

    Raises `DataError` if there is no such folder, no known layout, the group groups nothing, or the limit is
    below 1.
    """
    if limit is not None and limit < 1:
        raise DataError(f"limit {limit} leaves nothing to look at; give 1 or more")
    scanned = named(scan_folder(source, group, folder), classes)
    entries = evenly_spaced(scanned.entries, limit)
    exams = []
    for exam in _parallel(partial(_examine, folder=scanned), entries, workers):
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


def _examine(named: tuple[str, Entry], folder: Folder) -> Exam:
    return examine(*named, read=folder.read, masks=folder.masks, colors=folder.colors)


def _parallel(function: Callable, items: Iterable, workers: int | None) -> Iterator:
    """Yield the results in order, computing only a few ahead; cancel pending work on Ctrl-C."""
    workers = workers or os.cpu_count() or 1
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
