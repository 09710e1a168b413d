"""What a job and an engine are, and what an engine tells of a job."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from foveate.errors import UserError
from foveate.training.callbacks import ProgressEvent

Report = Callable[[ProgressEvent], None]

Kind = Literal["done", "failed", "killed", "lost"]
"""What became of a job: it is complete; it raised; its process was killed; its machine was lost."""


@runtime_checkable
class Job(Protocol):
    """Work that leaves its result in a folder, and that can be stopped at any time and run again.

    folder: of the job, and of no other. log: the file to which its process writes what it prints; None to
    leave it out.
    """

    @property
    def folder(self) -> Path: ...

    @property
    def log(self) -> Path | None: ...

    @property
    def is_complete(self) -> bool:
        """Whether the result is there, whole."""
        ...

    def run(self, report: Report) -> None:
        """Do the work that is left, in this process. report: is called as it goes on."""
        ...

    def beside(self, processes: int) -> "Job":
        """Return the job as one of so many that share a machine."""
        ...

    def portable(self) -> "Job":
        """Return the job as it can be sent to another machine, without opened data."""
        ...

    def again(self, error: Exception) -> "Job":
        """Return the job to run after one that ended with this error."""
        ...


@dataclass(frozen=True)
class News:
    """What became of a job. error: why it is not done, None if it is."""

    job: Job
    kind: Kind
    error: Exception | None = None


class KilledForMemory(UserError):
    """The process of a job was killed, probably because memory ran out; the message says how much it held."""


@runtime_checkable
class Engine(Protocol):
    """Trains jobs. size: how many at once, which may change as machines come and go."""

    @property
    def size(self) -> int: ...

    def begin(self, job: Job, report: Report) -> None:
        """Begin a job, or have it begin at the next call of `news`."""
        ...

    def news(self) -> list[News]:
        """Wait up to about a second, call the reports of what goes on, and return what has ended."""
        ...

    def stop(self) -> None:
        """Stop all jobs under way at their next step."""
        ...


OpenEngine = Callable[[int, Path], AbstractContextManager[Engine]]
"""Opens an engine for so many jobs at once; the folder is that of the experiment."""
