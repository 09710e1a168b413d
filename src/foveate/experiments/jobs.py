"""Train a list of runs, one after the other in this process or several at once in processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from foveate.errors import UserError
from foveate.experiments.job_process import DONE, EVENT, FAILED, STOP, send_job
from foveate.files import folder_lock
from foveate.loading.module import DataModule
from foveate.loading.shared import Sender
from foveate.specs.run import RunSpec
from foveate.training.callbacks import ProgressEvent
from foveate.training.run import Interrupted, fit
from foveate.training.run_directory import Run, RunResult

ATTEMPTS = 2
"""Times that a run is trained whose process is killed."""

KILLED = "killed"
"""What is reported of a process that has ended, with its exit code."""

PATIENCE = 10.0
"""Seconds that a process may take to stop, or to free its folder, before it is ended."""


@dataclass(frozen=True)
class Job:
    """A run to train.

    folder: its run directory. A run that was begun there is resumed, a complete one is kept. data: opened
    data, as in `fit`. trainer_flags: arguments of Lightning's Trainer. All must be picklable if several jobs
    are trained at once.
    """

    spec: RunSpec
    folder: Path
    data: DataModule | None = None
    trainer_flags: Mapping[str, Any] = field(default_factory=dict)

    def train(self, progress: Callable[[ProgressEvent], None] | None = None) -> RunResult:
        """Train the run in this process."""
        return fit(self.spec, self.folder, True, (), self.trainer_flags, progress, data=self.data)


ReportProgress = Callable[[Job, ProgressEvent], None]
ReportFinished = Callable[[Job, RunResult], None]


class JobPool:
    """Trains jobs; a context manager.

    With size 1, jobs are trained in this process. Otherwise, up to `size` processes share the threads of this
    one. They start when they are first needed and live until the block ends. A process trains one job at a
    time, and the result does not depend on what it trained before: the weights are those that this process
    computes with as many threads, bit for bit. Decoded images are in shared memory.

    folder: where large arrays go on a system without shared memory that has no name.
    """

    def __init__(self, size: int = 1, folder: Path | None = None) -> None:
        self.size = size
        self._sender = Sender(folder)
        self._processes: list[_Process] = []

    def __enter__(self) -> "JobPool":
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def train(
        self,
        jobs: Sequence[Job],
        progress: ReportProgress | None = None,
        finished: ReportFinished | None = None,
    ) -> list[RunResult]:
        """Train the jobs that are not complete, in their order, and return the results of all.

        progress: called after every training step and validation of any job. finished: called after each job
        that was trained.

        A job whose process is killed is trained once more, from the end of its last epoch. Raises what `fit`
        raises, `UserError` for a job whose process is killed again, and `Interrupted` on Ctrl-C. The other
        jobs are stopped before; all can be resumed, by the same pool, too.
        """
        waiting = deque(job for job in jobs if not Run(job.folder).is_complete)
        report, finish = progress or (lambda job, event: None), finished or (lambda job, result: None)
        if self.size == 1:
            for job in waiting:
                finish(job, job.train(lambda event, job=job: report(job, event)))
        else:
            self._train_in_processes(waiting, report, finish)
        return [Run(job.folder).result for job in jobs]

    def _train_in_processes(
        self, waiting: deque[Job], report: ReportProgress, finish: ReportFinished
    ) -> None:
        deaths: Counter[Path] = Counter()
        try:
            self._assign(waiting)
            while busy := [process for process in self._processes if process.job]:
                for process in _with_news(busy):
                    job, (kind, value) = process.job, process.receive()
                    if kind == EVENT:
                        report(job, value)
                    elif kind == DONE:
                        process.job = None
                        self._assign(waiting)
                        finish(job, Run(job.folder).result)
                    elif kind == FAILED:
                        process.job = None
                        raise value
                    else:
                        self._processes.remove(process)
                        deaths[job.folder] += 1
                        if deaths[job.folder] == ATTEMPTS:
                            raise _killed(job, value)
                        _wait_until_free(job.folder)
                        waiting.appendleft(job)
                        self._assign(waiting)
        except BaseException as error:
            under_way = ", ".join(str(process.job.folder) for process in self._processes if process.job)
            self._stop()
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(
                    f"interrupted; the runs in {under_way} can be resumed from the end of their last epoch"
                ) from error
            raise

    def _assign(self, waiting: deque[Job]) -> None:
        """Give waiting jobs to processes that have none; start as many as are needed."""
        while waiting and len([process for process in self._processes if process.job]) < self.size:
            idle = next((process for process in self._processes if not process.job), None)
            if idle is None:
                idle = _Process(self.size)
                self._processes.append(idle)
            idle.begin(waiting[0], self._sender)
            waiting.popleft()

    def _stop(self) -> None:
        """Stop all jobs at their next step. End processes that have not begun to train or take too long."""
        busy = [process for process in self._processes if process.job]
        deadline = time.monotonic() + PATIENCE
        try:
            for process in busy:
                process.stop()
            while (
                left := [one for one in busy if one.job and one.has_begun]
            ) and time.monotonic() < deadline:
                for process in _with_news(left):
                    if process.receive()[0] != EVENT:
                        process.job = None
        finally:
            for process in busy:
                if process.job or process.process.poll() is not None:
                    self._processes.remove(process)
                    process.end()

    def _close(self) -> None:
        for process in self._processes:
            process.connection.close()
        for process in self._processes:
            process.end()
        self._processes.clear()


class _Process:
    """A process that trains jobs (see `job_process`).

    job: the one under way. has_begun: whether the process has trained a step of any job.
    """

    def __init__(self, size: int) -> None:
        threads = str(max(1, torch.get_num_threads() // size))
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        ours, theirs = socket.socketpair()
        with theirs, _without_interrupts():
            # A new interpreter, because a forked one hangs in OpenMP. It does not import the user's script,
            # so the script needs no `if __name__ == "__main__"`.
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _program(theirs.fileno(), size)],
                env={**os.environ, **limits},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self.connection = Connection(ours.detach())
        self.job: Job | None = None
        self.has_begun = False

    def begin(self, job: Job, sender: Sender) -> None:
        self.job = job
        package, descriptors = sender.pack(job)
        with suppress(BrokenPipeError, ConnectionResetError):  # it has died, which `receive` finds out
            send_job(self.connection, package, descriptors)

    def receive(self) -> tuple[str, Any]:
        """Return the next message; `KILLED` and the exit code if the process has ended."""
        try:
            if self.process.poll() is not None and not self.connection.poll():
                raise EOFError  # a process that it left may hold the socket open
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            return KILLED, self.process.returncode
        self.has_begun = True
        return kind, value

    def stop(self) -> None:
        with suppress(OSError):
            self.connection.send_bytes(STOP)

    def end(self) -> None:
        """End the process, which ends by itself when the connection is closed."""
        self.connection.close()
        try:
            self.process.wait(PATIENCE)
        except BaseException as error:
            self.process.kill()
            self.process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise


def _program(descriptor: int, size: int) -> str:
    start = f"import sys; sys.path[:] = {sys.path!r}"
    return (
        f"{start}; from foveate.experiments.job_process import main; main({descriptor}, {size}, {sys.argv!r})"
    )


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C inside, also for processes started there, which ignore it once they run."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _with_news(processes: Sequence[_Process]) -> list[_Process]:
    """Wait up to a second; return the processes that have sent something or have ended."""
    ready = wait([process.connection for process in processes], timeout=1.0)
    return [one for one in processes if one.connection in ready or one.process.poll() is not None]


def _wait_until_free(folder: Path) -> None:
    """Wait until no process that reads images for a killed one holds the lock of its folder."""
    deadline = time.monotonic() + PATIENCE
    while folder.is_dir() and time.monotonic() < deadline:
        with suppress(UserError), folder_lock(folder):
            return
        time.sleep(0.1)


def _killed(job: Job, code: int | None) -> UserError:
    how = f"was killed (signal {-code})" if code and code < 0 else f"ended (exit code {code})"
    return UserError(
        f"{job.folder}: the process that trained this run {how}, {ATTEMPTS} times; the memory may be too "
        "small. Train fewer runs at once (--jobs 1), or with a smaller batch. Finished epochs are kept"
    )
