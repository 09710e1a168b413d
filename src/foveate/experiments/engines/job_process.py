"""A process of `Processes`: it trains one job after the other, as it is told through a socket.

It ends by itself when the other end of the socket closes, which also happens when the parent is killed. It
ignores Ctrl-C, which a terminal sends to all processes: the parent tells it to stop. What it unpickles comes
from the parent alone, through a socket without a name.
"""

import array
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveate.experiments.engines.engine import Job
    from foveate.training.callbacks import ProgressEvent

STOP = b"stop"
EVENT, DONE, STOPPED, FAILED = "event", "done", "stopped", "failed"
"""What a process reports of its job, with a progress event, nothing, nothing, and the exception."""


@dataclass
class Inbox:
    """What the parent has sent: packed jobs with their file descriptors, and whether to stop."""

    jobs: SimpleQueue[tuple[bytes, Sequence[int]]] = field(default_factory=SimpleQueue)
    stopping: Event = field(default_factory=Event)


def main(descriptor: int, processes: int, argv: list[str]) -> None:
    """Train the jobs that arrive, until the parent closes the socket or ends.

    descriptor: of the socket. processes: that share the machine. argv: the parent's command line, which runs
    record. The environment variable OMP_NUM_THREADS is the number of threads.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    sys.argv = argv
    connection, inbox = Connection(descriptor), Inbox()
    Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    import torch

    from foveate.loading.shared import unpack

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    while True:
        job = unpack(*inbox.jobs.get())
        with written_to(job.log):
            outcome = _train(job.beside(processes), connection, inbox.stopping)
        connection.send(outcome)
        del job


def send_job(connection: Connection, package: bytes, descriptors: Sequence[int]) -> None:
    """Send a packed job to a process."""
    connection.send((package, len(descriptors)))
    if descriptors:
        with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as line:
            socket.send_fds(line, [b"f"], list(descriptors))


def _receive(connection: Connection, inbox: Inbox) -> None:
    """Receive jobs and the word to stop; end this process when the parent has closed the socket."""
    try:
        while True:
            message = connection.recv_bytes()
            if message == STOP:
                inbox.stopping.set()
                continue
            package, count = pickle.loads(message)
            inbox.stopping.clear()
            inbox.jobs.put((package, _receive_descriptors(connection, count) if count else ()))
    except (EOFError, OSError):
        os._exit(0)


def _receive_descriptors(connection: Connection, count: int) -> Sequence[int]:
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as line:
        _, descriptors, _, _ = socket.recv_fds(line, 1, count)
    return array.array("i", descriptors)


def _train(job: "Job", connection: Connection, stopping: Event) -> tuple[str, Any]:
    """Train a job and return what became of it."""
    from foveate.training.run import Interrupted

    def report(event: "ProgressEvent") -> None:
        try:
            connection.send((EVENT, event))
        except OSError:
            os._exit(0)
        if stopping.is_set():
            raise KeyboardInterrupt

    try:
        job.run(report)
    except Interrupted:
        return STOPPED, None
    except Exception as error:
        if job.log:
            traceback.print_exc()
        return FAILED, portable(error)
    return DONE, None


@contextmanager
def written_to(log: Path | None) -> Iterator[None]:
    """Append to a file what this process and its libraries print inside the block, warnings included.

    log: the file, whose folder is made; None to leave the output as it is.
    """
    if log is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


def portable(error: Exception) -> Exception:
    """Return an exception that can be sent, with the traceback of this process as a note."""
    error.add_note("In the process of the run:\n" + traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except (pickle.PickleError, TypeError, ValueError, AttributeError, ImportError, RecursionError):
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
