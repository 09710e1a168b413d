"""Check that every file of a dataset can be decoded, before training starts."""

import os
from concurrent.futures import ThreadPoolExecutor

from foveate.data.dataset import SPLITS, Dataset, Entry
from foveate.waiting import with_progress


def check_intact(dataset: Dataset) -> None:
    """Decode every image and mask of all splits once, and discard them.

    Raises the `DataError` of the first broken file. Synthetic scenes and remote shards are skipped: they have
    no local files, and shards are checked when they are read.
    """
    if dataset.root is None:
        return

    def decode(entry: Entry) -> None:
        dataset.read(entry)

    entries = dict.fromkeys(entry for split in SPLITS for entry in dataset.index(split))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in with_progress(pool.map(decode, entries), len(entries), "Reading every image once"):
            pass
