"""An engine that trains several jobs at once, in processes of this machine that share its threads."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil
import torch

from foveate.errors import UserError
from foveate.experiments.engines.engine import Job, KilledForMemory, News, Report
from foveate.experiments.engines.job_process import DONE, EVENT, FAILED, STOP, send_job
from foveate.experiments.free_memory import free_memory
from foveate.files import folder_lock
from foveate.loading.shared import Sender

KILLED = "killed"
"""What is reported of a process that has ended, with its exit code."""

PATIENCE = 10.0
"""Seconds that a process may take to stop, or to free its folder, before it is ended."""

GIGABYTE = 1e9


class Processes:
    """Trains jobs in up to `size` processes; a context manager.

    They start when they are first needed and live until the block ends. A process trains one job at a time,
    and the result does not depend on what it trained before: the weights are those that this process
    computes with as many threads, bit for bit. Decoded images are in shared memory.

    folder: where large arrays go on a system without shared memory that has no name. threads: of each
    process; its share of the threads of this one, if not given.
    """

    def __init__(self, size: int, folder: Path | None = None, threads: int | None = None) -> None:
        self.size = size
        self.threads = threads or max(1, torch.get_num_threads() // size)
        self._sender = Sender(folder)
        self._processes: list[_Process] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.connection.close()
        for process in self._processes:
            process.end()
        self._processes.clear()

    def begin(self, job: Job, report: Report) -> None:
        idle = next((process for process in self._processes if not process.job), None)
        if idle is None:
            idle = _Process(self.size, self.threads)
            self._processes.append(idle)
        idle.begin(job, report, self._sender)

    def news(self) -> list[News]:
        found = []
        for process in _with_news([process for process in self._processes if process.job]):
            job, (kind, value) = process.job, process.receive()
            if kind == EVENT:
                process.report(value)
                continue
            process.job = None
            if kind == DONE:
                found.append(News(job, "done"))
            elif kind == FAILED:
                found.append(News(job, "failed", value))
            else:
                self._processes.remove(process)
                wait_until_free(job.folder, PATIENCE)
                found.append(News(job, "killed", _killed(job, value, process.memory)))
        return found

    def stop(self) -> None:
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


class _Process:
    """A process that trains jobs (see `job_process`).

    job: the one under way. has_begun: whether the process has trained a step of any job. memory: the most
    bytes that it was seen to hold.
    """

    def __init__(self, size: int, threads: int) -> None:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        limits = dict.fromkeys(names, str(threads))
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
        self.report: Report = lambda event: None
        self.has_begun = False
        self.memory = 0

    def begin(self, job: Job, report: Report, sender: Sender) -> None:
        self.job, self.report, self.memory = job, report, 0
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

    def measure(self) -> None:
        """Note how much memory the process holds."""
        with suppress(psutil.Error):
            self.memory = max(self.memory, psutil.Process(self.process.pid).memory_info().rss)

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
    begin = "from foveate.experiments.engines.job_process import main"
    return f"{start}; {begin}; main({descriptor}, {size}, {sys.argv!r})"


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
    for process in processes:
        process.measure()
    ready = wait([process.connection for process in processes], timeout=1.0)
    return [one for one in processes if one.connection in ready or one.process.poll() is not None]


def wait_until_free(folder: Path, seconds: float) -> None:
    """Wait until no process holds the lock of a folder, such as one that reads images for a killed one."""
    deadline = time.monotonic() + seconds
    while folder.is_dir() and time.monotonic() < deadline:
        with suppress(UserError), folder_lock(folder):
            return
        time.sleep(0.1)


def _killed(job: Job, code: int | None, memory: int) -> Exception:
    """Return the error of a job whose process has ended. memory: the bytes that it held."""
    how = f"was killed (signal {-code})" if code and code < 0 else f"ended (exit code {code})"
    total, free = psutil.virtual_memory().total, free_memory()
    words = (
        f"{job.folder}: the process that trained this run {how}; it held {memory / GIGABYTE:.1f} GB of "
        f"{total / GIGABYTE:.1f} GB, of which {free / GIGABYTE:.1f} GB are free now. If memory ran out, "
        "train fewer runs at once (--jobs 1), or with a smaller batch. Finished epochs are kept"
    )
    return KilledForMemory(words) if code == -signal.SIGKILL else UserError(words)
