"""The files on the page on clusters work as they stand; programs that write down their calls take part."""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from foveate.cli.main import find_command
from foveate.cli.parser import build_parser, normalise

PAGE = Path(__file__).parents[3] / "docs" / "clusters.md"


def block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[0]


@pytest.fixture
def programs(tmp_path) -> Path:
    """A folder of programs that write down how they were called; `srun` runs what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    note = f'echo "$(basename "$0") $*" >> {tmp_path}/calls\n'
    bodies = {
        "ray": note,
        "foveate": f"until [[ $(grep -c '^ray start' {tmp_path}/calls) == 2 ]]; do :; done\n{note}",
        "scontrol": "printf 'localhost\\nlocalhost\\n'\n",
        "srun": 'while [[ $1 == -* ]]; do [[ $1 == -w ]] && shift; shift; done; "$@"\n',
    }
    for name, body in bodies.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}")
        (folder / name).chmod(0o755)
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/activate").write_text("")
    return folder


def test_the_slurm_file_starts_the_cluster_and_the_sweep(programs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # as if Ray listened there
        text = block("sh").replace("$((20000 + SLURM_JOB_ID % 10000))", str(port))
        subprocess.run(
            ["bash", "-c", text, "sweep.sbatch", "grid.yaml", "/shared/runs/grid"],
            env={
                "PATH": f"{programs}:{os.environ['PATH']}",
                "FOVEATE_VENV": str(tmp_path / "venv"),
                "SLURM_JOB_ID": "7",
                "SLURM_JOB_NODELIST": "node[1-2]",
                "SLURM_CPUS_PER_TASK": "16",
            },
            check=True,
            timeout=30,
        )
    calls = sorted((tmp_path / "calls").read_text().splitlines())
    common = "--num-cpus 16 --num-gpus 0 --disable-usage-stats --block"
    assert calls == [
        f"foveate sweep grid.yaml --out /shared/runs/grid --engine ray --address localhost:{port} --cpus 4",
        f"ray start --address localhost:{port} {common}",
        f"ray start --head --port {port} --include-dashboard=false {common}",
    ]


def test_the_kubernetes_file_runs_a_valid_command():
    job = yaml.safe_load(block("yaml"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    command, program, words = find_command(job["spec"]["entrypoint"].split()[1:])
    parser = build_parser(command, program)
    parser.parse_args(normalise(words, parser))
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        claims = [volume["name"] for volume in pod["volumes"]]
        assert all(mount["name"] in claims for each in pod["containers"] for mount in each["volumeMounts"])
