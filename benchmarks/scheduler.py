"""Measure what a sweep itself costs: python benchmarks/scheduler.py [--jobs 10000] [--page FILE.md]

    python benchmarks/scheduler.py [--jobs 10000] [--at-once 2] [--engine local|ray] [--address HOST:PORT]
                                   [--out FILE.json] [--page FILE.md]

Each job does no work: it writes its mark. What is left is the cost of scheduler, engine and marks. Then all
jobs are given to the engine once more, which finds them complete. Memory is that of the process that
drives, after a tenth of the jobs and at the end. A few jobs warm the engine up before the clock starts. A
Ray cluster needs this folder in its PYTHONPATH.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from foveate.experiments.engines.local import local_processes
from foveate.experiments.jobs import run_jobs
from foveate.files import write_whole
from measuring import machine, replace_section, save, setting_line, table


@dataclass(frozen=True)
class NoWork:
    """A job that writes its mark, and nothing else."""

    folder: Path
    log: None = None

    @property
    def is_complete(self) -> bool:
        return (self.folder / "done.json").is_file()

    def run(self, report: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with write_whole(self.folder / "done.json", "w") as file:
            json.dump({"seconds": 0.0}, file)

    def beside(self, processes: int) -> "NoWork":
        return self

    def portable(self) -> "NoWork":
        return self

    def again(self, error: Exception) -> "NoWork":
        return self


def open_engine(given: argparse.Namespace) -> Any:
    """Return the engine as a context manager."""
    if given.engine == "ray":
        from foveate.experiments.engines.ray_cluster import RayCluster

        return RayCluster(given.address, most=2 * given.at_once)
    return local_processes(given.at_once, threads=1)


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the seconds per job, for new and for complete jobs, and the memory of this process in bytes."""
    jobs = [NoWork(folder / f"{number:06d}") for number in range(given.jobs)]
    me, memory, done = psutil.Process(), {}, 0

    def finish(job: NoWork) -> None:
        nonlocal done
        done += 1
        if done == given.jobs // 10:
            memory["tenth"] = me.memory_info().rss

    with open_engine(given) as engine:
        run_jobs([NoWork(folder / f"first{number}") for number in range(4 * given.at_once)], engine)
        start = time.perf_counter()
        run_jobs(jobs, engine, finished=finish)
        seconds = time.perf_counter() - start
        memory["end"] = me.memory_info().rss
        start = time.perf_counter()
        run_jobs(jobs, engine)
        again = time.perf_counter() - start
    return {
        "jobs": given.jobs,
        "engine": given.engine,
        "ms_per_job": 1000 * seconds / given.jobs,
        "ms_per_complete_job": 1000 * again / given.jobs,
        "memory": memory,
    }


def row(result: dict[str, Any]) -> list[str]:
    memory = result["memory"]
    growth = (memory["end"] - memory["tenth"]) / 1e6
    return [
        result["engine"],
        f"{result['jobs']:,}",
        f"{result['ms_per_job']:.2f}",
        f"{result['ms_per_complete_job']:.3f}",
        f"{memory['tenth'] / 1e6:.0f}",
        f"{growth:+.1f}",
    ]


HEADS = ("engine", "jobs", "ms a job", "ms a complete job", "MB after a tenth", "MB more at the end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--address", help="of the Ray cluster")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--page", type=Path, help="write the table into this page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(given, Path(folder))
    setting = machine(1) | {"at once": given.at_once, "load": f"{os.getloadavg()[0]:.1f}"}
    lines = table(HEADS, [row(result)])
    print("\n".join([setting_line(setting), "", *lines]))
    if given.out:
        save(given.out, {"setting": setting, "results": result})
    if given.page:
        section = f"benchmarks/scheduler.py --engine {given.engine}"
        replace_section(given.page, section, [*lines, "", setting_line(setting) + "."])


if __name__ == "__main__":
    from scheduler import main as run  # under its own name, by which the processes of an engine find the jobs

    run()
