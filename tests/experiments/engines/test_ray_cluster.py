"""A sweep on a real Ray cluster of two nodes on this machine, one of which is killed while it trains."""

import os
import shutil
import socket
import tempfile
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from foveate.api.sweep import open_sweep, read_sweep
from foveate.errors import UserError
from foveate.experiments.engines.here import Here
from foveate.experiments.engines.ray_cluster import RayCluster
from foveate.experiments.jobs import TrainingJob, run_jobs
from foveate.experiments.sweeps.gather import rows_of_sweep
from foveate.experiments.sweeps.sweep import run_sweep
from foveate.loading.module import DataModule
from foveate.training.run_directory import Run

pytest.importorskip("ray")

TREE = {
    "data": "synthetic:8:32x48",
    "size": [32, 48],
    "batch": 2,
    "epochs": 12,
    "precision": "32",
    "arch": "unet",
    "encoder": "mobilenet_v2",
    "encoder_weights": "none",
    "options": {"encoder_depth": 2, "decoder_channels": [16, 8]},
    "arms": ["none", "se@decoder"],
    "grid": {"lr": [0.01, 0.003]},
}

MEMORY = 80 * 2**20
"""Bytes of the object store of a node, which tasks of a sweep do not use."""

HEALTH = {"health_check_period_ms": 1000, "health_check_failure_threshold": 10}
"""A node that is gone is noticed after 10 s at the latest; on a busy machine, one that is slow is not."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes of one core each, without dashboard and usage statistics; no process outlives the tests."""
    kept = dict(os.environ)
    folder = tempfile.mkdtemp(prefix="ray")  # its sockets need a short path
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_TMPDIR=folder, OMP_NUM_THREADS="1")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args={**node, "_system_config": HEALTH})
    second = found.add_node(num_cpus=1, object_store_memory=MEMORY)
    raylet = psutil.Process(second.all_processes["raylet"][0].process.pid)
    try:
        yield SimpleNamespace(address=found.address, raylet=raylet)
    finally:
        found.shutdown()
        _end([child for child in psutil.Process().children(True) if "ray" in child.name()])
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.clear()
        os.environ.update(kept)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, 5)


@pytest.fixture(scope="module")
def story(cluster, tmp_path_factory) -> SimpleNamespace:
    out = tmp_path_factory.mktemp("sweeps")
    plan = open_sweep(read_sweep(TREE))
    killed = []

    def kill_the_second_node(board):
        """Kill the node, and with it its processes, as soon as it has trained for an epoch."""
        if killed:
            return
        with suppress(psutil.NoSuchProcess):  # a process that has just ended
            titles = " ".join(word for child in cluster.raylet.children() for word in child.cmdline())
            for path in board.under_way:
                if path.name in titles and (path / "metrics.csv").exists():
                    killed.append(path.name)
        if killed:
            _end([cluster.raylet, *cluster.raylet.children(True)])

    on_ray = run_sweep(
        plan, out / "ray", lambda jobs, folder: RayCluster(cluster.address), 0, {}, kill_the_second_node
    )
    here = run_sweep(plan, out / "here", lambda jobs, folder: nullcontext(Here()), 1)
    return SimpleNamespace(out=out, plan=plan, on_ray=on_ray, here=here, killed=killed)


def test_no_run_is_lost_and_none_is_doubled(story):
    assert story.killed
    assert story.on_ray.failed == {}
    assert story.on_ray.done == 4
    assert story.on_ray.begun_again == 1
    assert len(list((story.out / "ray/runs").iterdir())) == 4


def test_the_weights_are_those_of_the_local_engine(story):
    for run in story.plan.runs:
        on_ray, here = (run.folder(story.out / name) / "best.safetensors" for name in ("ray", "here"))
        assert on_ray.read_bytes() == here.read_bytes()


def test_the_results_are_those_of_the_local_engine(story):
    on_ray, here = (
        [row | {"sweep": "", "seconds": 0.0} for row in rows_of_sweep(story.out / name)]
        for name in ("ray", "here")
    )
    assert on_ray == here


def test_a_run_with_opened_data_and_its_splits_is_sent_without_them(cluster, story, tmp_path):
    spec = story.plan.runs[0].spec
    spec = replace(spec, training=replace(spec.training, epochs=1))
    data = DataModule(
        spec.data, splits={**DataModule(spec.data).dataset.split_table(), "val": ["scene000008"]}
    )
    with RayCluster(cluster.address) as engine:
        run_jobs([TrainingJob(spec, tmp_path / "ray", data)], engine)
    run_jobs([TrainingJob(spec, tmp_path / "here", data)], Here())
    on_ray, here = Run(tmp_path / "ray"), Run(tmp_path / "here")
    assert on_ray.splits == here.splits
    assert on_ray.splits["val"] == ["scene000008"]
    assert on_ray.best_weights.read_bytes() == here.best_weights.read_bytes()


def test_a_machine_without_the_data_is_named(story, cluster, make):
    folder = make.pairs(count=8)
    tree = TREE | {"data": str(folder), "batch": 4, "epochs": 1, "grid": {"lr": [0.01]}, "arms": ["none"]}
    plan = open_sweep(read_sweep(tree))
    shutil.rmtree(folder / "images")
    board = run_sweep(plan, story.out / "absent", lambda jobs, out: RayCluster(cluster.address), 0)
    (error,) = board.failed.values()
    assert isinstance(error, UserError)
    assert str(error).startswith(f"on {socket.gethostname()}: {folder}")
