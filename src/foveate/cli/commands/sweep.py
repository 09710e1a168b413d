"""`foveate sweep`: train every combination of data, settings, arms, seeds and folds."""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.engine import EngineChoice

if TYPE_CHECKING:
    from foveate.experiments.sweeps.plan import SweepPlan


def sweep(
    file: str,
    choice: EngineChoice,
    *,
    out: str | None = None,
    jobs: str = "auto",
    folds: int | None = None,
    accelerator: str = "auto",
    dry_run: bool = False,
) -> int:
    """Train and score every combination of data, settings, arms, seeds and folds that a YAML file lists.

    Finished runs are kept; the same command goes on after any stop. A run that fails is tried twice and does
    not stop the others. foveate results FOLDER shows the results, also while the sweep goes on.

    Args:
        file: a YAML file with data (one or several), grid (for each swept field the list of its values), and
            as wanted arms, seeds, folds, variants, and any flag of foveate fit.
        out: the folder of the sweep; runs/ and the name of the file if not given.
        jobs: runs to train at once; auto chooses by cores, memory and duration, or takes what a cluster has.
        folds: replaces the folds of the file.
        accelerator: auto, cpu or gpu.
        dry_run: list the runs, the hours and the disk space, and train nothing.

    Example:
      foveate sweep rates.yaml --dry-run
      foveate sweep rates.yaml --out runs/rates
    """
    from dataclasses import replace

    from foveate.api.settings import check_jobs
    from foveate.api.sweep import jobs_of_sweep, open_sweep, read_sweep, sweep_folder
    from foveate.cli.progress import progress

    at_once = check_jobs(jobs, "--jobs")
    choice.check_answers()
    spec = read_sweep(file)
    if folds is not None:
        spec = replace(spec, folds=folds)
    folder = sweep_folder(file, out)
    with progress("Opening the data"):
        plan = open_sweep(spec)
    from foveate.experiments.sweeps.forecast import forecast_sweep

    with progress("Timing a few steps of each kind of run") as advance:
        expected = forecast_sweep(plan, folder, accelerator, progress=advance)
    count = at_once or jobs_of_sweep(plan, folder, choice, accelerator, expected.seconds)
    if dry_run:
        for run in plan.runs:
            print(f"{run.digest}  {run.cell}")
    print(f"{expected.describe(max(1, count))}", flush=True)
    return 0 if dry_run else run_and_show(plan, folder, choice, count, accelerator)


def run_and_show(plan: "SweepPlan", folder: Path, choice: EngineChoice, jobs: int, accelerator: str) -> int:
    """Run a sweep, show how it goes on and what failed, and return the exit code."""
    from foveate.cli.live import watching
    from foveate.experiments.sweeps.sweep import FAILURES, end_of_log, error_words, run_sweep
    from foveate.training.run import Interrupted

    try:
        with watching() as watch:
            opener, flags = choice.opener(processes=True), {"accelerator": accelerator}
            board = run_sweep(plan, folder, opener, jobs, flags, watch)
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from stop
    for path, error in board.failed.items():
        log = "".join(f"\n    {line}" for line in end_of_log(path))
        print(f"\nfailed: {board.runs[path].cell}\n  {error_words(error)}{log}")
    print(f"\n{board.done} of {len(board.runs)} runs are done. foveate results {folder} shows them.")
    if board.failed:
        print(
            f"{len(board.failed)} failed; {folder / FAILURES} tells why. The same command tries them again."
        )
    return 2 if board.failed else 0
