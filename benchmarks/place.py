"""Measure whether cheap scores of `foveate place` rank candidates as full training does.

    python benchmarks/place.py --out FOLDER [--small] [--tasks search cue light roads polyps] [--jobs 2]
                               [--only-count] [--page FILE.md]

Three drawn tasks, on which it is known which mechanism helps a host that sees only locally, and two real
datasets of FOVEATE_DATA at 64x64. On each, every candidate (mechanism x place) is trained in full beside the
host, and its true gain is the paired difference on the test images, averaged over seeds. Each cheap score is
computed on a host that was trained for a quarter of the epochs; `short` is the paired difference on the
validation images after training everything for a quarter of the epochs, which successive halving rests on.
Spearman's rank correlation with the true gain is printed for each task.

--small takes fewer mechanisms and one seed. One run takes one folder in FOLDER. Complete runs are skipped,
and an incomplete one resumes. Of a task that is not done, the candidates that are trained count.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from foveate.data.open import open_dataset
from foveate.evaluation.evaluate import evaluate, read_scores
from foveate.experiments.defaults import default_comparison
from foveate.experiments.engines.local import local_engine
from foveate.experiments.jobs import TrainingJob, run_jobs
from foveate.experiments.placing.candidates import find_candidates
from foveate.experiments.placing.screen import score_candidates
from foveate.loading.module import DataModule
from foveate.models.checkpoints import load_model
from foveate.specs.arm import parse_arm
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.placement import SCORES
from foveate.specs.training import TrainingSpec
from foveate.training.build import build_loss, build_task
from foveate.training.run_directory import Run
from measuring import machine, replace_section, save, setting_line, table

NARROW = ("se(reduction=2)", "global_context(reduction=2)", "cbam(reduction=2)", "coord(reduction=2)", "eca")
"""Mechanisms for the few channels of the drawn tasks' host."""

WIDE = ("se", "coord", "cbam", "nonlocal")
DRAWN = ("search", "cue", "light")
REAL = {"roads": ("epfl_roads", 20), "polyps": ("polyp_cvc612", 4)}
"""Folder in FOVEATE_DATA and epochs."""

FORMS = ("short", "full")
AGREEMENT = "one seed with the others"

SIZE = (64, 64)
FLAGS = {"accelerator": "cpu"}


@dataclass(frozen=True)
class Size:
    """How much is trained. narrow, wide: numbers of mechanisms."""

    narrow: int
    wide: int
    seeds: int


FULL, SMALL = Size(5, 4, 3), Size(3, 2, 1)


class Task:
    """The candidates of one dataset, with their runs in a folder."""

    def __init__(self, name: str, out: Path, size: Size) -> None:
        self.name, self.out, self.seeds = name, out / name, range(size.seeds)
        self.spec = _spec(name)
        self.data = DataModule(self.spec.data, epochs=self.spec.training.epochs)
        self.mechanisms = NARROW[: size.narrow] if name in DRAWN else WIDE[: size.wide]

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The candidates."""
        host = build_task(self.spec.run("none", 0), self.data).model
        heads = [head for text in self.mechanisms for head in parse_arm(text).heads]
        return tuple(candidate.arm for candidate in find_candidates(host, heads)[0])

    def folder(self, form: str, arm: str, seed: int) -> Path:
        """Return the run directory of a "full" or a "short" run."""
        return self.out / form / arm / f"seed{seed}"

    def jobs(self, form: str, seed: int) -> list[TrainingJob]:
        """Return the runs of a form and a seed, the host first."""
        jobs = []
        for arm in ("none", *self.arms):
            spec = self.spec.run(arm, seed)
            epochs = self.short if form == "short" else spec.training.epochs
            spec = replace(spec, training=replace(spec.training, epochs=epochs))
            jobs.append(TrainingJob(spec, self.folder(form, arm, seed), self.data, FLAGS))
        return jobs

    @property
    def short(self) -> int:
        """The epochs of a short run."""
        return -(-self.spec.training.epochs // 4)

    def score(self) -> None:
        """Compute the cheap scores on the short host of the first seed, and keep them."""
        path = self.out / "scores.json"
        if path.is_file():
            return
        start = time.process_time()
        host = load_model(self.folder("short", "none", 0))
        found = score_candidates(
            host, self.arms, SCORES, self.data, build_loss(self.spec.training, self.data), "cpu"
        )
        save(path, {"scores": found, "cpu_seconds": time.process_time() - start})
        print(f"{self.name}: {len(self.arms)} candidates scored", flush=True)

    def is_trained(self, arm: str, seed: int) -> bool:
        """Whether both runs of an arm and seed are complete and scored."""
        return all(_is_scored(self.folder(form, arm, seed)) for form in FORMS)

    @property
    def done(self) -> list[int]:
        """The seeds with which the host and two candidates or more are trained."""
        return [seed for seed in self.seeds if self.is_trained("none", seed) and len(self._arms_of(seed)) > 1]

    @property
    def counted(self) -> list[str]:
        """The candidates that are trained with all of these seeds."""
        return [arm for arm in self.arms if all(self.is_trained(arm, seed) for seed in self.done)]

    def _arms_of(self, seed: int) -> list[str]:
        return [arm for arm in self.arms if self.is_trained(arm, seed)]

    def gains(self, form: str, seed: int) -> np.ndarray:
        """Return the paired differences from the host: on the test images, of short runs in validation."""

        def value(arm: str) -> float:
            run = self.folder(form, arm, seed)
            return read_scores(run).miou if form == "full" else Run(run).result.best_score

        return np.array([value(arm) for arm in self.counted]) - value("none")

    @cached_property
    def truth(self) -> np.ndarray:
        """The gain of each candidate in full training, averaged over seeds."""
        return np.mean([self.gains("full", seed) for seed in self.done], axis=0)

    def correlations(self) -> dict[str, float]:
        """Return the rank correlation of each cheap score with full training."""
        scores = json.loads((self.out / "scores.json").read_text())["scores"]
        columns = {name: [scores[arm][name] for arm in self.counted] for name in SCORES}
        columns["short"] = self.gains("short", self.done[0])
        found = {name: _rank_correlation(values, self.truth) for name, values in columns.items()}
        if len(self.done) > 1:
            first, *others = (self.gains("full", seed) for seed in self.done)
            found[AGREEMENT] = _rank_correlation(first, np.mean(others, axis=0))
        return found


def _rank_correlation(values: Sequence[float], truth: Sequence[float]) -> float:
    return float(spearmanr(values, truth).statistic)


def _spec(name: str) -> ComparisonSpec:
    if name in DRAWN:
        return default_comparison(open_dataset(f"synthetic:{name}"))
    folder, epochs = REAL[name]
    options = {"encoder_depth": 3, "decoder_channels": [32, 16, 8]}
    data = DataSpec(str(Path(os.environ["FOVEATE_DATA"], folder)), size=SIZE, batch=8)
    return ComparisonSpec(
        data, ModelSpec("unet", "tu-test_resnet", "none", options=options), TrainingSpec(epochs=epochs)
    )


def _is_scored(folder: Path) -> bool:
    return (folder / "scores.json").is_file()


def train(tasks: Sequence[Task], size: Size, at_once: int) -> None:
    """Train and score what is missing, seed by seed, task by task."""
    jobs = [
        (task, form, seed, task.jobs(form, seed))
        for seed in range(size.seeds)
        for task in tasks
        for form in FORMS
    ]
    total = sum(len(some) for *_, some in jobs)
    done = before = sum(_is_scored(job.folder) for *_, some in jobs for job in some)
    start = time.monotonic()

    def finish(task: Task, job: TrainingJob) -> None:
        nonlocal done
        Run(job.folder).last_checkpoint.unlink(missing_ok=True)
        evaluate(job.folder, device="cpu", opened=task.data)
        done += 1
        left = (time.monotonic() - start) / (done - before) * (total - done) / 60
        where = job.folder.relative_to(task.out)
        print(f"{done} of {total}: {task.name} {where}; {left:.0f} min left", flush=True)

    with local_engine(at_once) as engine:
        for task, form, seed, some in jobs:
            for job in some:
                if job.is_complete and not _is_scored(job.folder):
                    finish(task, job)
            run_jobs(some, engine, finished=partial(finish, task))
            if form == "short" and not seed:
                task.score()


def lines(tasks: Sequence[Task]) -> list[str]:
    """Return the table of rank correlations, with the mean over the tasks in the last row."""
    ready = [task for task in tasks if task.done and (task.out / "scores.json").is_file()]
    found: Mapping[str, dict[str, float]] = {task.name: task.correlations() for task in ready}
    if not found:
        return []
    names = [name for name in (*SCORES, "short", AGREEMENT) if all(name in f for f in found.values())]
    rows = [
        [
            f"`{task.name}`",
            f"{len(task.counted)} of {len(task.arms)}",
            str(len(task.done)),
            f"{100 * task.truth.min():+.1f} to {100 * task.truth.max():+.1f}",
            f"`{task.counted[int(task.truth.argmax())]}`",
            *(f"{found[task.name][name]:+.2f}" for name in names),
        ]
        for task in ready
    ]
    means = [f"{np.mean([f[name] for f in found.values()]):+.2f}" for name in names]
    rows.append(["mean", "", "", "", "", *means])
    return table(["task", "candidates", "seeds", "true gain, points", "best", *names], rows)


def main() -> None:
    """Train, score and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--small", action="store_true", help="fewer mechanisms, one seed")
    parser.add_argument("--tasks", nargs="+", default=[*DRAWN, *REAL], choices=[*DRAWN, *REAL])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--only-count", action="store_true", help="train nothing")
    parser.add_argument("--page", type=Path, help="a page whose section is replaced")
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    tasks = [Task(name, arguments.out, size) for name in arguments.tasks]
    if not arguments.only_count:
        train(tasks, size, arguments.jobs)
    printed = [
        setting_line(machine(int(os.environ.get("OMP_NUM_THREADS", "0")) or 1)) + ".",
        "",
        *lines(tasks),
    ]
    print("\n".join(printed))
    if arguments.page:
        replace_section(arguments.page, "benchmarks/place.py", printed)


if __name__ == "__main__":
    main()
