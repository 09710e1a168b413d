"""Apply a function to many items in new interpreters, for work that threads cannot share.

They do not import the user's script, so the script needs no `if __name__ == "__main__"`. What is unpickled
comes from the parent and the interpreters it has started, through pipes without a name.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any


class Processes:
    """`count` interpreters that apply a function to lists of items; a context manager.

    The function is pickled once for each interpreter; so are every item and every result. Threads may share
    it: each takes an interpreter that is idle. The interpreters end with the block, and when this process is
    killed. They are in a session of their own, because a terminal sends Ctrl-C to all processes of its own.

    >>> with Processes(abs, 1) as processes:
    ...     processes.map([-1, 2])
    [1, 2]
    """

    def __init__(self, function: Callable, count: int) -> None:
        self._function = function
        self._idle: SimpleQueue[subprocess.Popen] = SimpleQueue()
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        program = f"import sys; sys.path[:] = {sys.path!r}; from foveate.doctor.processes import work; work()"
        self._started = [
            subprocess.Popen(
                [sys.executable, "-P", "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **one_thread},
                start_new_session=True,
            )
            for _ in range(count)
        ]
        self._told: set[int] = set()
        for process in self._started:
            self._idle.put(process)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._started:
            process.kill()
            process.communicate()

    def map(self, items: Sequence) -> list:
        """Return the function's result for each item. Errors of the function are raised here.

        If the interpreter has died, for lack of memory, say, or cannot be given the function, this process
        does the work.
        """
        process = self._idle.get()
        try:
            if process.pid not in self._told:
                self._told.add(process.pid)
                pickle.dump(self._function, process.stdin)
            pickle.dump(items, process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.PickleError, AttributeError, TypeError):
            process.kill()  # whatever it was sent, it must not take what comes next for something else
            return list(map(self._function, items))
        finally:
            self._idle.put(process)
        if isinstance(answer, Exception):
            raise answer
        return answer


def work() -> None:
    """Take a function and lists of items from standard input, until it ends; answer with lists of results."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    try:
        function = pickle.load(source)
    except Exception:  # it is of a module that is not found here, or was not sent whole
        return
    with suppress(EOFError, BrokenPipeError):  # the parent has ended
        while True:
            items = pickle.load(source)
            answer: Any
            try:
                answer = list(map(function, items))
            except Exception as error:
                answer = error
            pickle.dump(answer, sink)
            sink.flush()
