"""Where a sweep stands: how many runs are done, which are under way, and how long the rest will take."""

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from foveate.experiments.engines.engine import Job
from foveate.experiments.sweeps.plan import PlannedRun
from foveate.specs.sweep import Cell
from foveate.training.run_directory import Run


@dataclass
class Board:
    """The state of a sweep.

    runs: by their folder. at_once: how many run at once. done: their number, those included that were done
    before. failed: the error of each, by folder. under_way: when each was begun, by folder, on the clock of
    this process: the clocks of other machines play no part. begun_again: how often a run was begun that had
    failed or was lost.
    """

    runs: dict[Path, PlannedRun]
    at_once: int = 1
    done: int = 0
    failed: dict[Path, Exception] = field(default_factory=dict)
    under_way: dict[Path, float] = field(default_factory=dict)
    begun_again: int = 0
    _seconds: dict[str, list[float]] = field(default_factory=dict)
    _left: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._left.update(_kind(run.cell) for run in self.runs.values())

    @property
    def waiting(self) -> int:
        return len(self.runs) - self.done - len(self.failed) - len(self.under_way)

    def note_done_before(self, run: PlannedRun, seconds: float) -> None:
        self._finish(run, seconds)

    def note_begun(self, job: Job) -> None:
        self.begun_again += job.folder in self.under_way
        self.under_way[job.folder] = time.monotonic()

    def note_finished(self, job: Job) -> None:
        begun = self.under_way.pop(job.folder)
        self.failed.pop(job.folder, None)
        self._finish(self.runs[job.folder], time.monotonic() - begun)

    def note_failed(self, job: Job, error: Exception) -> None:
        self.under_way.pop(job.folder)
        self._left[_kind(self.runs[job.folder].cell)] -= 1
        self.failed[job.folder] = error

    def _finish(self, run: PlannedRun, seconds: float) -> None:
        kind = _kind(run.cell)
        self.done += 1
        self._left[kind] -= 1
        total = self._seconds.setdefault(kind, [0.0, 0.0])
        total[0] += seconds
        total[1] += 1

    def seconds_left(self) -> float | None:
        """Return how long the other runs will take; None before the first is done.

        A run takes as long as done ones that differ in seed or fold only, or else as long as the mean of all.
        """
        if not self._seconds:
            return None
        seconds, count = (sum(column) for column in zip(*self._seconds.values(), strict=True))
        usual = {kind: total / number for kind, (total, number) in self._seconds.items()}
        left = sum(number * usual.get(kind, seconds / count) for kind, number in self._left.items())
        now = time.monotonic()
        spent = sum(
            min(now - begun, usual.get(_kind(self.runs[folder].cell), seconds / count))
            for folder, begun in self.under_way.items()
        )
        return (left - spent) / max(1, self.at_once)

    def epochs(self, folder: Path) -> tuple[int, int]:
        """Return how many epochs a run under way has finished, of how many; read from its folder."""
        try:
            with Run(folder).metrics_file.open("rb") as file:
                finished = max(0, sum(1 for _ in file) - 1)
        except OSError:
            finished = 0
        return finished, self.runs[folder].spec.training.epochs


def _kind(cell: Cell) -> str:
    """Return what runs have in common that take equally long."""
    return str(replace(cell, seed=0, fold=None))
