"""Measure runs an hour with several runs at once: python benchmarks/jobs.py [--jobs 2] [--page FILE.md]

    python benchmarks/jobs.py [--hosts unet/resnet18 ...] [--jobs 2] [--threads 2] [--rounds 3] [--runs 4]
                              [--epochs 4] [--images 48] [--size 96 128] [--batch 8]
                              [--out FILE.json] [--page FILE.md]

A round trains the same runs one after the other with all threads, and then `--jobs` at once, each with its
share of the threads; the next round begins with the other way, so that other load on the machine affects both
equally. Processes are started before and take one run each to warm up: starting them is timed apart. At the
end, all runs are trained once more, one after the other, with as many threads as a job had: the weights must
be equal bit for bit. On a busy machine, set OMP_WAIT_POLICY=PASSIVE, as the program `foveate` does: threads
that spin would slow the runs with several threads only.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from foveate.experiments.engines.local import local_engine
from foveate.experiments.jobs import TrainingJob, run_jobs
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from measuring import machine, quartiles, ratios, replace_section, save, setting_line, table

HOSTS = {
    "unet/resnet18": (ModelSpec("unet", "resnet18", encoder_weights="none"), None),
    "small unet/mobilenet_v2, 64x64": (
        ModelSpec(
            "unet",
            "mobilenet_v2",
            encoder_weights="none",
            options={"encoder_depth": 2, "decoder_channels": [16, 8]},
        ),
        (64, 64),
    ),
}
"""Hosts, with a size of images of their own or None."""

FLAGS = {"accelerator": "cpu"}


def measure(name: str, given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the seconds of each round by way, the seconds to start, and whether the weights are equal."""
    model, size = HOSTS[name]
    data = DataSpec(f"synthetic:{given.images}", size=size or tuple(given.size), batch=given.batch)
    module = DataModule(data)
    module.setup()
    module.decode()
    training = TrainingSpec(epochs=given.epochs)

    def runs(where: str, count: int = given.runs) -> list[TrainingJob]:
        specs = [RunSpec(data, model, training, seed) for seed in range(count)]
        return [TrainingJob(spec, folder / where / f"seed{spec.seed}", module, FLAGS) for spec in specs]

    times: dict[str, list[float]] = {"one": [], "several": []}
    torch.set_num_threads(given.threads)
    with local_engine(1) as alone, local_engine(given.jobs) as pool:
        pools = {"one": alone, "several": pool}
        run_jobs(runs("warm/one", 1), alone)
        start = time.perf_counter()
        run_jobs(runs("warm/several", given.jobs), pool)
        warm = time.perf_counter() - start
        for round_ in range(given.rounds):
            for way in list(pools)[:: 1 if round_ % 2 else -1]:
                start = time.perf_counter()
                run_jobs(runs(f"{way}{round_}"), pools[way])
                times[way].append(time.perf_counter() - start)
    torch.set_num_threads(max(1, given.threads // given.jobs))
    with local_engine(1) as alone:
        run_jobs(runs("again"), alone)
    equal = all(
        (job.folder / "best.safetensors").read_bytes() == (other.folder / "best.safetensors").read_bytes()
        for job, other in zip(runs("several0"), runs("again"), strict=True)
    )
    return {"host": name, "seconds": times, "start_and_first_runs_s": warm, "equal": equal}


def row(result: dict[str, Any], runs: int) -> list[str]:
    """Return a row of the table: runs an hour both ways, their ratio, and whether the weights are equal."""
    hourly = {way: [3600 * runs / seconds for seconds in values] for way, values in result["seconds"].items()}
    gain = ratios(hourly["several"], hourly["one"])
    cells = [_spread(quartiles(hourly["one"]), 0), _spread(quartiles(hourly["several"]), 0), _spread(gain, 2)]
    return [result["host"], *cells, "equal" if result["equal"] else "**differ**"]


def _spread(values: tuple[float, float, float], digits: int) -> str:
    low, median, high = (f"{value:,.{digits}f}" for value in values)
    return f"{median} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", nargs="+", choices=list(HOSTS), default=list(HOSTS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of all jobs together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=4, help="in each round and way")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--page", type=Path, help="write the table into this page")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        results = [measure(name, given, Path(folder) / str(n)) for n, name in enumerate(given.hosts)]
    setting = machine(given.threads) | {
        name: value for name, value in vars(given).items() if name not in ("out", "page", "hosts")
    }
    setting |= {
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "not set"),
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    several = f"{given.jobs} at once with {max(1, given.threads // given.jobs)}"
    head = [
        "host",
        f"runs an hour, one after the other with {given.threads} threads",
        f"{several}",
        "ratio",
        "weights",
    ]
    lines = table(head, [row(result, given.runs) for result in results])
    print("\n".join([setting_line(setting), "", *lines]))
    if given.out:
        save(given.out, {"setting": setting, "results": results})
    if given.page:
        replace_section(given.page, "benchmarks/jobs.py", [*lines, "", setting_line(setting) + "."])


if __name__ == "__main__":
    main()
