"""`foveate reproduce`: a published work, with its tables beside the published ones."""

import sys

from foveate.api.engine import EngineChoice


def reproduce(
    work: str,
    choice: EngineChoice,
    *,
    data_root: str | None = None,
    scale: str = "paper",
    out: str | None = None,
    jobs: str = "auto",
    accelerator: str = "auto",
    dry_run: bool = False,
) -> int:
    """Run a published work, and set its tables beside the published ones, cell by cell.

    Data that are missing are told with what to put where, and the rest is run. Finished runs are kept; the
    same command goes on after any stop. Writes index.html (tables and figures), tables.csv, and a sweep for
    each part, which foveate results shows, too.

    Args:
        work: afma, mssa, reduce-misclassification, residual-attention or smooth-attention, or the YAML file
            of another work.
        data_root: the folder that holds the data; not needed for smoke.
        scale: paper (as published), small (on images at hand, in hours) or smoke (on drawn images, in
            seconds).
        out: the folder of the results; runs/reproduce/WORK-SCALE if not given.
        jobs: runs to train at once; auto chooses by cores, memory and duration, or takes what a cluster has.
        accelerator: auto, cpu or gpu.
        dry_run: list the sweeps, what is missing, the hours and the disk space, and train nothing.

    Example:
      foveate reproduce mssa --scale smoke
      foveate reproduce smooth-attention --data-root data --scale small --dry-run
    """
    from foveate.api.reproduce import (
        forecast_work,
        jobs_of_work,
        open_reproduction,
        plan_reproduction,
        run_reproduction,
        write_reproduction,
    )
    from foveate.api.settings import check_jobs
    from foveate.cli.live import watching
    from foveate.cli.progress import progress

    at_once = check_jobs(jobs, "--jobs")
    choice.check_answers()
    plan = plan_reproduction(work, data_root, scale, out)
    print(f"{plan.work.title}, scale {scale}: {plan.work.paper}")
    for missing in plan.missing:
        print(f"  {missing}")
    with progress("Opening the data"):
        sweeps = open_reproduction(plan)
    seconds = None
    if dry_run or scale != "smoke":
        with progress("Timing a step of each kind of run") as advance:
            expected = forecast_work(sweeps, accelerator, advance)
        seconds = expected.seconds
    count = at_once or jobs_of_work(plan, sweeps, choice, accelerator, seconds)
    if dry_run:
        for runs in plan.runs:
            number = len(sweeps[runs.folder].runs)
            print(f"{number:>5} runs  {runs.sweep.name}  ({runs.sweep.datum.heading})")
    if seconds is not None:
        print(expected.describe(max(1, count)), flush=True)
    if dry_run:
        return 0
    from foveate.experiments.sweeps.sweep import error_words
    from foveate.report.works.cells import table_lines
    from foveate.training.run import Interrupted

    try:
        with watching() as watch:
            board = run_reproduction(plan, sweeps, choice, count, accelerator, watch)
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from stop
    for path, error in board.failed.items():
        print(f"\nfailed: {board.runs[path].cell}\n  {error_words(error)}")
    tables, page, left_out = write_reproduction(plan, _command())
    for table in tables:
        print("\n" + "\n".join(table_lines(table)))
    for text in left_out:
        print(f"figure left out: {text}")
    print(f"\n{board.done} of {len(board.runs)} runs are done.\n{page}")
    return 2 if board.failed else 0


def _command() -> str:
    import shlex

    return " ".join(["foveate", *map(shlex.quote, sys.argv[1:])])
