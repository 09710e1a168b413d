"""Run sweeps: every run that is not finished, on an engine, with results gathered as it goes."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.engines.engine import Job, OpenEngine
from foveate.experiments.jobs import run_jobs
from foveate.experiments.sweeps.board import Board
from foveate.experiments.sweeps.gather import write_results
from foveate.experiments.sweeps.plan import SPEC, PlannedRun, SweepPlan, take_look
from foveate.experiments.sweeps.swept_run import SweptRun
from foveate.files import folder_lock, write_whole
from foveate.training.run import Interrupted
from foveate.training.run_directory import Run, claim

FAILURES = "failures"
"""The folder of a sweep that tells why runs have failed, a file each."""

GATHER_SECONDS = 60.0
"""Least time between two writings of the results while the sweep goes on."""

LOG_LINES = 20


def run_sweep(
    plan: SweepPlan,
    out: str | Path,
    open_engine: OpenEngine,
    jobs: int,
    trainer_flags: Mapping[str, Any] | None = None,
    watch: Callable[[Board], None] | None = None,
) -> Board:
    """Train and score the runs that are not finished, as many at once as the engine takes; return the board.

    Writes into `out`: sweep.json, cells.jsonl and weights.json (what was asked for), runs/DIGEST (a run
    directory for each spec, with done.json written last), results.csv, and failures/DIGEST.txt for each run
    that has failed. The same call goes on after any stop. Runs may be added.

    watch: called about once a second.

    Raises `UserError` for an `out` that cannot be written, holds other things than a sweep, or is in use, and
    `Interrupted` on Ctrl-C. Errors of single runs are in the board: the other runs go on.
    """
    return run_sweeps({Path(out): plan}, Path(out), open_engine, jobs, trainer_flags, watch)


def run_sweeps(
    plans: Mapping[Path, SweepPlan],
    folder: Path,
    open_engine: OpenEngine,
    jobs: int,
    trainer_flags: Mapping[str, Any] | None = None,
    watch: Callable[[Board], None] | None = None,
) -> Board:
    """Run several sweeps as one list of runs, each in its own folder; return the board of all.

    plans: by the folder of each sweep. folder: of the experiment. The rest is as in `run_sweep`.
    """
    show = watch or (lambda board: None)
    work: list[SweptRun] = []
    runs: dict[Path, PlannedRun] = {}
    with ExitStack() as locks:
        for out, plan in plans.items():
            if not (out / SPEC).is_file():
                claim(out, resume=False)
            locks.enter_context(folder_lock(out))
            plan.save(out)
            own = list(plan.jobs(out, trainer_flags or {}))
            work += own
            runs |= {job.folder: run for job, run in zip(own, plan.runs, strict=True)}
        board = Board(runs, jobs)
        left = [job for job in work if not _was_done(job, board)]
        gathered = time.monotonic()

        def tick() -> None:
            nonlocal gathered
            board.at_once = engine.size
            show(board)
            if time.monotonic() - gathered > GATHER_SECONDS:
                _gather(plans)
                gathered = time.monotonic()

        def finish(job: Job) -> None:
            board.note_finished(job)
            _failure(job).unlink(missing_ok=True)

        def fail(job: Job, error: Exception) -> None:
            board.note_failed(job, error)
            _write_failure(_failure(job), job, error)

        try:
            with open_engine(jobs, folder) as engine:
                run_jobs(left, engine, None, finish, fail, tick, board.note_begun)
        except (Interrupted, KeyboardInterrupt) as stop:
            raise Interrupted(
                f"{board.done} of {len(board.runs)} runs are done; the same command goes on from the end of "
                "the last epochs"
            ) from stop
        finally:
            _gather(plans)
        for out, plan in plans.items():
            if not any(run.folder(out.absolute()) in board.failed for run in plan.runs):
                take_look(out, plan.spec.units)
    return board


def _gather(plans: Iterable[Path]) -> None:
    for out in plans:
        write_results(out)


def _was_done(job: SweptRun, board: Board) -> bool:
    done = job.is_complete
    if done:
        board.note_done_before(board.runs[job.folder], Run(job.folder).result.seconds)
    return done


def _failure(job: Job) -> Path:
    """Return the file that tells why a run has failed, in the folder of its sweep."""
    return job.folder.parents[1] / FAILURES / f"{job.folder.name}.txt"


def _write_failure(path: Path, job: Job, error: Exception) -> None:
    path.parent.mkdir(exist_ok=True)
    with write_whole(path, "w") as file:
        file.write("\n".join([error_words(error), *end_of_log(job.folder)]) + "\n")


def error_words(error: Exception) -> str:
    """Return the message of an error, with its type where it is not one that a user can fix."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def end_of_log(folder: Path) -> list[str]:
    """Return the last lines that the process of a run has printed."""
    with suppress(OSError):
        return Run(folder).log_file.read_text(errors="replace").splitlines()[-LOG_LINES:]
    return []
