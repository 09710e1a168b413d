"""See that every file of a dataset can be read, before hours are spent on those that can."""

import os
from concurrent.futures import ThreadPoolExecutor

from foveate.data.dataset import SPLITS, Dataset, Entry
from foveate.waiting import with_progress


def check_intact(dataset: Dataset) -> None:
    """Decode every image and mask of all splits once and keep nothing.

    Raises the `DataError` of the first that is broken. Scenes that are drawn and shards that lie
    elsewhere, which are checked as they are read, are left out.
    """
    if dataset.root is None:
        return

    def decode(entry: Entry) -> None:
        dataset.read(entry)

    entries = dict.fromkeys(entry for split in SPLITS for entry in dataset.index(split))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in with_progress(pool.map(decode, entries), len(entries), "Reading every image once"):
            pass
