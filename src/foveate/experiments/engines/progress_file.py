"""The progress of a job in a file of its folder, for an engine that shares nothing else with the job."""

import dataclasses
import json
import time
from pathlib import Path

from foveate.files import write_whole
from foveate.training.callbacks import ProgressEvent

NAME = "progress.json"

SECONDS = 1.0
"""Least time between two writings, and between two readings."""


class ProgressFile:
    """The last progress event of the job in a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._next = 0.0
        self._seen: dict | None = None

    def write(self, event: ProgressEvent) -> None:
        """Write an event, if the last writing was long enough ago."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS
            with write_whole(self.path, "w") as file:
                json.dump(dataclasses.asdict(event), file)

    def news(self) -> ProgressEvent | None:
        """Return the event in the file, if it is new and the last reading was long enough ago."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + SECONDS
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return None
        if found == self._seen:
            return None
        self._seen = found
        return ProgressEvent(**found)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
