"""Sweeps and a comparison on a real Ray cluster of two nodes on this machine.

One node is killed while it trains, and so is the command that compares.

    python ray_story.py OUT DATA

OUT: a folder for the runs and for story.json, which tells what happened. DATA: a folder of image pairs, which
loses its images after it was opened.

It is a process of its own because Ray leaves threads and signal handlers in the process that uses it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import torch
from ray.cluster_utils import Cluster

from foveate.api.sweep import open_sweep, read_sweep
from foveate.cli.main import main as command
from foveate.experiments.engines.here import Here
from foveate.experiments.engines.ray_cluster import RayCluster
from foveate.experiments.jobs import TrainingJob, run_jobs
from foveate.experiments.sweeps.gather import rows_of_sweep
from foveate.experiments.sweeps.sweep import run_sweep
from foveate.loading.module import DataModule
from foveate.training.run_directory import Run

TREE = {
    "data": "synthetic:8:32x48",
    "size": [32, 48],
    "batch": 2,
    "epochs": 12,
    "precision": "32",
    "arch": "unet",
    "encoder": "tu-test_resnet",
    "encoder_weights": "none",
    "options": {"encoder_depth": 2, "decoder_channels": [16, 8]},
    "arms": ["none", "se@decoder"],
    "grid": {"lr": [0.01, 0.003]},
}

MEMORY = 80 * 2**20
"""Bytes of the object store of a node, which tasks of a sweep do not use."""

HEALTH = {"health_check_period_ms": 1000, "health_check_failure_threshold": 10}
"""A node that is gone is noticed after 10 s at the latest; on a busy machine, one that is slow is not."""


@contextmanager
def cluster() -> Iterator[tuple[str, psutil.Process]]:
    """Two nodes of one core each, until the block ends: their address, and the process of the second."""
    folder = tempfile.mkdtemp(prefix="ray")  # its sockets need a short path
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_TMPDIR=folder, OMP_NUM_THREADS="1")
    node = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args={**node, "_system_config": HEALTH})
    second = nodes.add_node(num_cpus=1, object_store_memory=MEMORY)
    try:
        yield nodes.address, psutil.Process(second.all_processes["raylet"][0].process.pid)
    finally:
        nodes.shutdown()
        end([child for child in psutil.Process().children(True) if "ray" in child.name()])
        shutil.rmtree(folder, ignore_errors=True)


def end(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, 5)


def sweep_with_a_killed_node(engine: RayCluster, second: psutil.Process, out: Path) -> dict[str, object]:
    """Run a sweep here, and on Ray, where the second node is killed once it has trained for an epoch."""
    plan = open_sweep(read_sweep(TREE))
    killed = []

    def kill_the_second_node(board):
        if killed:
            return
        with suppress(psutil.NoSuchProcess):  # a process that has just ended
            titles = " ".join(word for child in second.children() for word in child.cmdline())
            for path in board.under_way:
                if path.name in titles and (path / "metrics.csv").exists():
                    killed.append(path.name)
        if killed:
            end([second, *second.children(True)])

    on_ray = run_sweep(
        plan, out / "ray", lambda jobs, folder: nullcontext(engine), 0, {}, kill_the_second_node
    )
    run_sweep(plan, out / "here", lambda jobs, folder: nullcontext(Here()), 1)
    return {
        "killed": killed,
        "failed": [str(error) for error in on_ray.failed.values()],
        "done": on_ray.done,
        "begun_again": on_ray.begun_again,
        "runs": [str(run.folder(Path())) for run in plan.runs],
        "rows": [
            [row | {"sweep": "", "seconds": 0.0} for row in rows_of_sweep(out / name)]
            for name in ("ray", "here")
        ],
    }


def run_with_opened_data(engine: RayCluster, out: Path) -> None:
    """Train one run whose data are open and whose splits were chosen by hand, on Ray and here."""
    spec = open_sweep(read_sweep(TREE)).runs[0].spec
    spec = replace(spec, training=replace(spec.training, epochs=1))
    data = DataModule(
        spec.data, splits={**DataModule(spec.data).dataset.split_table(), "val": ["scene000008"]}
    )
    run_jobs([TrainingJob(spec, out / "opened/ray", data)], engine)
    run_jobs([TrainingJob(spec, out / "opened/here", data)], Here())


def sweep_without_the_data(engine: RayCluster, out: Path, folder: Path) -> list[str]:
    """Open data, remove their images, train, and return what the failed runs say."""
    tree = TREE | {"data": str(folder), "batch": 4, "epochs": 1, "grid": {"lr": [0.01]}, "arms": ["none"]}
    plan = open_sweep(read_sweep(tree))
    shutil.rmtree(folder / "images")
    board = run_sweep(plan, out / "absent", lambda jobs, folder: nullcontext(engine), 0)
    return [f"{type(error).__name__}: {error}" for error in board.failed.values()]


def compare_with_a_killed_driver(address: str, out: Path) -> dict[str, object]:
    """Compare on Ray by the command, which is killed in its first run and given again, and here."""
    words = ["compare", "synthetic:8:32x48", "--arms", "se@decoder", "--seeds", "2", "--epochs", "3"]
    words += ["--batch", "2", "--precision", "32", "--encoder", "tu-test_resnet", "--encoder-weights", "none"]
    words += ["--options", "{encoder_depth: 2, decoder_channels: [16, 8]}"]
    on_ray = [*words, "--engine", "ray", "--address", address, "--out", str(out / "compared/ray")]
    driver = subprocess.Popen([sys.executable, "-m", "foveate", *on_ray], stdout=subprocess.DEVNULL)
    begun = []
    while not begun and driver.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            driver.wait(0.1)
        begun = list(out.glob("compared/ray/runs/*/*/metrics.csv"))
    driver.kill()
    driver.wait()
    codes = [command(on_ray), command([*words, "--jobs", "1", "--out", str(out / "compared/here")])]
    return {"begun_before_the_kill": len(begun), "codes": codes}


def main(out: Path, folder: Path) -> None:
    torch.set_num_threads(1)  # as many as a task on Ray has: bits depend on it
    with cluster() as (address, second):
        with RayCluster(address) as engine:
            story = sweep_with_a_killed_node(engine, second, out)
            run_with_opened_data(engine, out)
            story["absent"] = sweep_without_the_data(engine, out, folder)
        story["compared"] = compare_with_a_killed_driver(address, out)
    opened = [Run(out / "opened" / name) for name in ("ray", "here")]
    story["splits"] = [run.splits for run in opened]
    (out / "story.json").write_text(json.dumps(story | {"host": socket.gethostname()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
