"""`foveate.reproduce`: a published work, with its tables beside the published ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.engine import EngineChoice
from foveate.api.settings import check_jobs
from foveate.api.sweep import open_sweeps
from foveate.errors import UserError, choose
from foveate.specs.work import SCALES, load_work

if TYPE_CHECKING:
    from foveate.experiments.sweeps.board import Board
    from foveate.experiments.sweeps.forecast import SweepForecast
    from foveate.experiments.sweeps.plan import SweepPlan
    from foveate.experiments.works.plan import WorkPlan
    from foveate.experiments.works.tables import Filled

RECORD = "work.json"
"""The file that tells which work, at which scale, a folder holds."""


@dataclass(frozen=True)
class Reproduction:
    """What a call of `reproduce` leaves.

    plan: what was run, and what is missing. tables: ours beside the published ones. page: the HTML page.
    board: of the runs. left_out: figures that could not be drawn, and why.
    """

    plan: "WorkPlan"
    tables: "list[Filled]"
    page: Path
    board: "Board"
    left_out: list[str] = field(default_factory=list)


def reproduce(
    work: str,
    data_root: str | Path | None = None,
    *,
    scale: str = "paper",
    out: str | Path | None = None,
    engine: str = "local",
    address: str | None = None,
    jobs: int | str = "auto",
    cpus: int | None = None,
    gpus: float = 0.0,
    accelerator: str = "auto",
    watch: "Callable[[Board], None] | None" = None,
) -> Reproduction:
    """Run a published work, and set its tables beside the published ones; `foveate reproduce` in Python.

    The same call goes on after any stop: finished runs are kept.

    Args:
        work: "afma", "mssa", "reduce-misclassification", "residual-attention", "smooth-attention", or the
            YAML file of another work.
        data_root: the folder that holds the data of the work; not needed for "smoke".
        scale: "paper" (as published), "small" (on images at hand) or "smoke" (drawn images, in seconds).
        out: the folder of the results; runs/reproduce/WORK-SCALE if not given.
        engine, address, jobs, cpus, gpus, accelerator, watch: as in `foveate.sweep`.

    Data that are missing are told, and the rest is run. Raises `UserError` for wrong arguments, and if
    nothing is there to run.

    Example:
        result = foveate.reproduce("mssa", scale="smoke", out="runs/mssa")
        result.tables[0].cells, result.page
    """
    at_once, choice = check_jobs(jobs), EngineChoice(engine, address, cpus, gpus)
    choice.check_answers()
    plan = plan_reproduction(work, data_root, scale, out)
    sweeps = open_reproduction(plan)
    count = at_once or jobs_of_work(plan, sweeps, choice, accelerator)
    board = run_reproduction(plan, sweeps, choice, count, accelerator, watch)
    tables, page, left_out = write_reproduction(plan, f"foveate.reproduce({work!r}, scale={scale!r})")
    return Reproduction(plan, tables, page, board, left_out)


def plan_reproduction(
    work: str, data_root: str | Path | None, scale: str, out: str | Path | None
) -> "WorkPlan":
    """Read the file of a work and find its data. Raises `UserError` as `reproduce` does."""
    choose(scale, SCALES, "scale")
    from foveate.experiments.works.find import find_work, parts_folders
    from foveate.experiments.works.plan import plan_work
    from foveate.experiments.works.tables import check_tables
    from foveate.report.works.pictures import check_pictures

    path = find_work(work)
    spec = load_work(path)
    try:
        check_tables(spec.tables)
        check_pictures(spec.figures)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    root = None if data_root is None else Path(data_root)
    if root is not None and not root.is_dir():
        raise UserError(f"--data-root: {root}: there is no such folder; name the one that holds the data")
    folder = Path(out) if out is not None else Path("runs", "reproduce", f"{path.stem}-{scale}")
    if folder.is_file():
        raise UserError(f"--out: {folder} is a file; name a folder for the results")
    _check_record(folder, path.stem, scale)
    plan = plan_work(spec, path.stem, scale, root, folder, parts_folders(path))
    if not plan.runs:
        told = "\n  ".join(str(each) for each in plan.missing)
        raise UserError(f"there are no data of this work to run on:\n  {told}")
    return plan


def open_reproduction(plan: "WorkPlan") -> "dict[Path, SweepPlan]":
    """Open the data of all sweeps, and build every network once; return the plans by the sweeps' folders.

    Drawn sets that are files are written first.
    """
    from foveate.experiments.works.sources import make

    for runs in plan.runs:
        make(runs.sweep.datum, runs.spec.data[0])
    opened = open_sweeps([runs.spec for runs in plan.runs])
    return dict(zip((runs.folder for runs in plan.runs), opened, strict=True))


def forecast_work(
    sweeps: "dict[Path, SweepPlan]",
    accelerator: str,
    progress: Callable[[int, int], None] | None = None,
) -> "SweepForecast":
    """Return how long all sweeps take and how much disk they fill, from a few timed steps of each kind."""
    from foveate.experiments.sweeps.forecast import SweepForecast, forecast_sweep

    total = SweepForecast(0, 0, 0.0, 0.0, 0.0, 0, 0)
    for number, (folder, sweep) in enumerate(sweeps.items(), start=1):
        total = total + forecast_sweep(sweep, folder, accelerator, steps=1)
        if progress:
            progress(number, len(sweeps))
    return total


def jobs_of_work(
    plan: "WorkPlan",
    sweeps: "dict[Path, SweepPlan]",
    choice: EngineChoice,
    accelerator: str,
    seconds: float | None = None,
) -> int:
    """Return how many runs to train at once; 0 for as many as a cluster has room for.

    seconds: forecast of all runs, one after the other.
    """
    import torch

    from foveate.experiments.job_count import choose_jobs

    if choice.is_cluster:
        return 0
    if choice.cpus is not None:
        return max(1, torch.get_num_threads() // choice.cpus)
    if plan.scale_name == "smoke":
        return 1

    def expected() -> float:
        return forecast_work(sweeps, accelerator).seconds if seconds is None else seconds

    return choose_jobs(None, sum(len(sweep.runs) for sweep in sweeps.values()), accelerator, expected)


def run_reproduction(
    plan: "WorkPlan",
    sweeps: "dict[Path, SweepPlan]",
    choice: EngineChoice,
    jobs: int,
    accelerator: str,
    watch: "Callable[[Board], None] | None" = None,
) -> "Board":
    """Train and score all runs that are left; return the board."""
    from foveate.experiments.sweeps.sweep import run_sweeps
    from foveate.files import write_whole

    plan.out.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"work": plan.name, "scale": plan.scale_name}
    with write_whole(plan.out / RECORD, "w") as file:
        json.dump(record, file)
    opener = choice.opener(
        processes=plan.scale_name != "smoke"
    )  # a process takes longer to start than its runs
    return run_sweeps(sweeps, plan.out, opener, jobs, {"accelerator": accelerator}, watch)


def write_reproduction(plan: "WorkPlan", command: str) -> "tuple[list[Filled], Path, list[str]]":
    """Fill the tables, draw the figures, and write tables.csv and index.html.

    Returns the tables, the page, and why figures could not be drawn. command: for the page.
    """
    from foveate.experiments.works.tables import fill_tables
    from foveate.report.works.cells import write_csv
    from foveate.report.works.page import write_page
    from foveate.report.works.pictures import draw_pictures

    tables = fill_tables(plan)
    write_csv(tables, plan.out / "tables.csv", plan.scale_name)
    pictures, left_out = draw_pictures(plan, tables)
    return tables, write_page(plan, tables, pictures, command), left_out


def _check_record(folder: Path, work: str, scale: str) -> None:
    """Raise `UserError` if the folder holds another work, or another scale of it."""
    try:
        held = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        before = held["work"], held["scale"]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / RECORD}: cannot be read ({error}); name another --out") from None
    if before != (work, scale):
        raise UserError(f"--out: {folder} holds {before[0]} at scale {before[1]}; name another folder")
