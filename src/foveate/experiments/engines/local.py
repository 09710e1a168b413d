"""The engine of this machine: this process alone, or several processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foveate.experiments.engines.engine import Engine
from foveate.experiments.engines.here import Here
from foveate.experiments.engines.processes import Processes


@contextmanager
def local_engine(jobs: int, folder: Path | None = None) -> Iterator[Engine]:
    """Yield an engine for so many jobs at once; a single one is trained in this process.

    folder: see `Processes`.
    """
    if jobs == 1:
        yield Here()
        return
    with Processes(jobs, folder) as engine:
        yield engine


@contextmanager
def local_processes(jobs: int, folder: Path | None = None, threads: int | None = None) -> Iterator[Engine]:
    """Yield an engine of processes, also for a single job: if one is killed, this process goes on.

    threads: of each process.
    """
    with Processes(jobs, folder, threads) as engine:
        yield engine
