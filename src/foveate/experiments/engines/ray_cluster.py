"""An engine that trains jobs as tasks of a Ray cluster.

The folders of the jobs lie on storage that all machines share. Nothing else is shared: a machine that is lost
takes no result with it, and its jobs begin again elsewhere from the end of their last epoch. If this process
ends, Ray ends its tasks; a new process goes on with what is not complete.
"""

import os
import socket
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.engines.engine import Job, KilledForMemory, News, Report
from foveate.experiments.engines.job_process import portable, written_to
from foveate.experiments.engines.processes import wait_until_free
from foveate.experiments.engines.progress_file import ProgressFile
from foveate.experiments.engines.ray_address import answering_address
from foveate.extras import require

PATIENCE = 10.0
"""Seconds that tasks may take to stop."""

LOCK_PATIENCE = 60.0
"""Seconds that a job waits for one that still writes to its folder, on a machine that was given up."""

AHEAD = 8
"""Tasks that wait in the cluster beyond those that it has room for, so that it can grow."""


@dataclass
class _Task:
    job: Job
    report: Report
    reference: Any
    nodes: frozenset[str]
    progress: ProgressFile


class RayCluster:
    """Trains jobs as tasks; a context manager, connected inside the block.

    address: see `answering_address`. cpus, gpus: of each job; cpus is also its number of threads. most: jobs
    at once, None for as many as the cluster has room for.
    """

    def __init__(
        self, address: str | None = None, cpus: int = 1, gpus: float = 0.0, most: int | None = None
    ) -> None:
        self.address, self.cpus, self.gpus, self.most = address, cpus, gpus, most
        self._tasks: list[_Task] = []
        self._failed_on: dict[Path, str] = {}

    def __enter__(self) -> "RayCluster":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self.ray = require("ray", "ray", "--engine ray")
        address = answering_address(self.address)
        try:
            self.ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # Ray raises many kinds, for other versions, tokens and networks
            reason = " ".join(str(error).split())
            raise UserError(f"--address: {address}: Ray could not connect ({reason})") from error
        self._train = self.ray.remote(max_retries=0)(train_task)
        return self

    def __exit__(self, *error: object) -> None:
        self.ray.shutdown()

    @property
    def size(self) -> int:
        """As many as there is room for, and a few that wait; `most` if given."""
        if self.most is not None:
            return self.most
        has = self.ray.cluster_resources()
        room = int(has.get("CPU", 0) // self.cpus)
        if self.gpus:
            room = min(room, int(has.get("GPU", 0) / self.gpus))
        return room + AHEAD

    def begin(self, job: Job, report: Report) -> None:
        reference = self._train.options(
            num_cpus=self.cpus,
            num_gpus=self.gpus or None,
            name=f"foveate {job.folder.name}",
            scheduling_strategy=self._elsewhere(job),
        ).remote(job.portable(), self.cpus, version("foveate"))
        self._tasks.append(_Task(job, report, reference, self._nodes(), ProgressFile(job.folder)))

    def news(self) -> list[News]:
        references = [task.reference for task in self._tasks]
        ready, _ = self.ray.wait(references, num_returns=len(references), timeout=0.0)
        if not ready:
            ready, _ = self.ray.wait(references, timeout=1.0)
        ended = [task for task in self._tasks if task.reference in ready]
        for task in self._tasks:
            if (event := task.progress.news()) is not None:
                task.report(event)
        self._tasks = [task for task in self._tasks if task.reference not in ready]
        return [self._outcome(task) for task in ended]

    def stop(self) -> None:
        """Stop all tasks at their next step; end those that take too long."""
        for task in self._tasks:
            self.ray.cancel(task.reference)
        deadline = time.monotonic() + PATIENCE
        for task in self._tasks:
            if not self.ray.wait([task.reference], timeout=max(0.0, deadline - time.monotonic()))[0]:
                self.ray.cancel(task.reference, force=True)
        self._tasks.clear()

    def _outcome(self, task: _Task) -> News:
        """Return what became of a task that has ended."""
        lost = self.ray.exceptions
        job = task.job
        try:
            host, error = self.ray.get(task.reference)
        except lost.OutOfMemoryError as error:
            return News(job, "killed", KilledForMemory(f"{job.folder}: {_first_lines(error)}"))
        except (lost.NodeDiedError, lost.OwnerDiedError, lost.LocalRayletDiedError, lost.ObjectLostError):
            return self._was_lost(job)
        except lost.WorkerCrashedError:
            if task.nodes - self._nodes():
                return self._was_lost(job)
            words = (
                f"{job.folder}: the process that trained this run was killed on its machine; the memory may "
                "be too small there. Give a run more cores (--cpus) or a smaller batch. Finished epochs stay"
            )
            return News(job, "killed", KilledForMemory(words))
        except lost.RayError as error:
            return News(job, "failed", UserError(f"{job.folder}: {_first_lines(error)}"))
        if error is None:
            return News(job, "done")
        self._failed_on[job.folder] = host
        return News(job, "failed", error)

    def _was_lost(self, job: Job) -> News:
        words = f"{job.folder}: the machine that trained this run was lost, again and again"
        return News(job, "lost", UserError(words))

    def _nodes(self) -> frozenset[str]:
        """Return the machines of the cluster that are up."""
        return frozenset(node["NodeID"] for node in self.ray.nodes() if node["Alive"])

    def _elsewhere(self, job: Job) -> Any:
        """Return where to begin a job: after a failure rather on another machine, which may have the data."""
        failed_on = self._failed_on.get(job.folder)
        others = [
            node["NodeID"]
            for node in self.ray.nodes()
            if failed_on and node["Alive"] and node["NodeID"] != failed_on and node["Resources"].get("CPU")
        ]
        if not others:
            return "DEFAULT"
        strategies = self.ray.util.scheduling_strategies
        return strategies.NodeAffinitySchedulingStrategy(others[0], soft=True)


def train_task(job: Job, threads: int, driver: str) -> tuple[str, Exception | None]:
    """Run a job in a process of the cluster; return the machine and the error, None if the job is done.

    driver: the version of foveate of the process that sent the job.
    """
    import ray
    import torch

    node, host = ray.get_runtime_context().get_node_id(), socket.gethostname()
    if (here := version("foveate")) != driver:
        return node, UserError(f"{host} has foveate {here}, not {driver}: install the same version there")
    torch.set_num_threads(threads)
    sys.argv = ["foveate", "sweep"]
    wait_until_free(job.folder, LOCK_PATIENCE)
    progress = ProgressFile(job.folder)
    try:
        with written_to(job.log):
            job.run(progress.write)
    except UserError as error:
        return node, _located(error, host)
    except Exception as error:
        return node, portable(error)
    finally:
        progress.remove()
    return node, None


def _located(error: UserError, host: str) -> UserError:
    """Return the error with the name of the machine."""
    return type(error)(f"on {host}: {error}")


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
