"""`foveate.sweep`: train and score every combination of data, fields, arms, seeds and folds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.engine import EngineChoice
from foveate.api.settings import Settings, check_jobs, parse_settings
from foveate.errors import UserError
from foveate.specs.augmentation import CHANGES
from foveate.specs.data import DataSpec
from foveate.specs.sweep import Cell, SweepSpec

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset
    from foveate.experiments.sweeps.board import Board
    from foveate.experiments.sweeps.plan import SweepPlan
    from foveate.loading.module import DataModule
    from foveate.specs.run import RunSpec


def sweep(
    sweep: str | Path | Mapping[str, Any] | SweepSpec,
    out: str | Path | None = None,
    *,
    engine: str = "local",
    address: str | None = None,
    jobs: int | str = "auto",
    cpus: int | None = None,
    gpus: float = 0.0,
    accelerator: str = "auto",
    watch: "Callable[[Board], None] | None" = None,
) -> "Board":
    """Train and score every run of a sweep; `foveate sweep` in Python.

    The same call goes on after any stop: finished runs are kept, others resume at the end of their last
    epoch. Runs may be added.

    Args:
        sweep: a YAML file, its content, or a `SweepSpec`.
        out: the folder of the sweep; runs/ and the name of the file if not given.
        engine: "local" or "ray".
        address: of a Ray cluster; the one of this machine if not given.
        jobs: runs to train at once; "auto" chooses by cores, memory and duration.
        cpus, gpus: of each run; cpus is also its number of threads.
        accelerator: "auto", "cpu" or "gpu".
        watch: called about once a second with the state of the sweep.

    Returns the final state: `board.done`, and `board.failed` with the error of each run that failed. Raises
    `UserError` for a wrong spec or wrong data before anything is trained.

    Example:
        foveate.sweep({"data": "photos", "grid": {"lr": [1e-3, 3e-4]}, "seeds": 3}, out="runs/rates")
    """
    at_once, choice = check_jobs(jobs), EngineChoice(engine, address, cpus, gpus)
    choice.check_answers()
    spec = read_sweep(sweep)
    folder = sweep_folder(sweep, out)
    plan = open_sweep(spec)
    from foveate.experiments.sweeps.sweep import run_sweep

    count = at_once or jobs_of_sweep(plan, folder, choice, accelerator)
    return run_sweep(plan, folder, choice.opener(processes=True), count, {"accelerator": accelerator}, watch)


def read_sweep(sweep: str | Path | Mapping[str, Any] | SweepSpec) -> SweepSpec:
    """Return the spec of a sweep from a file or its content."""
    if isinstance(sweep, SweepSpec):
        return sweep
    return SweepSpec.from_tree(sweep) if isinstance(sweep, Mapping) else SweepSpec.load(Path(sweep))


def sweep_folder(sweep: object, out: str | Path | None) -> Path:
    """Return the folder of a sweep: `out`, or runs/ and the name of its file."""
    if out is not None:
        return Path(out)
    if not isinstance(sweep, str | Path):
        raise UserError("out is missing: name the folder of the sweep")
    return Path("runs", Path(sweep).stem)


def jobs_of_sweep(
    plan: "SweepPlan", out: Path, choice: EngineChoice, accelerator: str, seconds: float | None = None
) -> int:
    """Return how many runs to train at once; 0 for as many as a cluster has room for.

    seconds: forecast of all runs on this machine, one after the other.
    """
    import torch

    from foveate.experiments.job_count import choose_jobs
    from foveate.experiments.sweeps.forecast import forecast_sweep

    if choice.is_cluster:
        return 0
    if choice.cpus is not None:
        return max(1, torch.get_num_threads() // choice.cpus)

    def expected() -> float:
        return forecast_sweep(plan, out, accelerator, steps=1).seconds if seconds is None else seconds

    return choose_jobs(None, len(plan.runs), accelerator, expected)


def open_sweep(spec: SweepSpec) -> "SweepPlan":
    """Open all data, complete every run with the defaults for its data, and build every network once.

    Raises `UserError` for wrong data, arms, hosts and values, and for two runs that are the same.
    """
    return open_sweeps([spec])[0]


def open_sweeps(specs: Sequence[SweepSpec]) -> "list[SweepPlan]":
    """Open several sweeps, as `open_sweep` does; data and networks that they share are opened once."""
    from foveate.experiments.sweeps.plan import PlannedRun, SweepPlan
    from foveate.models.attaching.check import check_arm
    from foveate.specs.arm import parse_named_arm

    for arm in dict.fromkeys(arm for spec in specs for arm in spec.arms):
        check_arm(parse_named_arm(arm)[1])
    opener = _Opener()
    plans = []
    for spec in specs:
        runs = (PlannedRun(cell, opener.run(cell, spec.settings)) for cell in spec.cells())
        plans.append(SweepPlan(spec, tuple(runs)))
    opener.build_networks()
    return plans


SHOWING = (
    "size",
    "crop",
    "crop_schedule",
    "augment",
    *CHANGES,
    "test_scales",
    "test_flip",
    "batch",
    "workers",
    "memory_gb",
)
"""Fields that say how images are shown, and not which images, masks and splits there are."""


class _Opener:
    """Completes the runs of sweeps; each dataset is opened once, and each network built once."""

    def __init__(self) -> None:
        self.opened: dict[str, DataModule] = {}
        self.datasets: dict[str, Dataset] = {}
        self.networks: dict[str, tuple[RunSpec, Dataset, Cell]] = {}
        self.settings: dict[str, Settings] = {}

    def run(self, cell: Cell, shared: Mapping[str, Any]) -> "RunSpec":
        """Return the spec of a run with the defaults for its data. shared: fields of all of its sweep."""
        from foveate.experiments.defaults import default_comparison
        from foveate.loading.module import check_suits
        from foveate.specs.run import RunSpec

        fields = {**shared, **dict(cell.values)}
        epochs = fields.pop("epochs", None)
        settings = self._parsed(cell.source, fields)
        dataset = self._dataset(replace(settings.data, fold=cell.fold))
        default = default_comparison(dataset)
        data = replace(settings.images(default.data), fold=cell.fold)
        data = replace(data, size=data.size or default.data.size, batch=data.batch or default.data.batch)
        training = settings.schedule(default.training.epochs if epochs is None else _whole(epochs, "epochs"))
        spec = RunSpec.of_arm(cell.arm, data, settings.host(default.model), training, cell.seed)
        check_suits(spec.data.policy, dataset)
        self.networks.setdefault(repr((spec.model, dataset.task, dataset.classes)), (spec, dataset, cell))
        return spec

    def _parsed(self, source: str, fields: Mapping[str, Any]) -> Settings:
        key = repr((source, fields))
        if key not in self.settings:
            self.settings[key] = parse_settings(source, fields, "a sweep")
        return self.settings[key]

    def _dataset(self, data: DataSpec) -> "Dataset":
        """Return the opened data in the splits of their fold. What does not decide on them is left out."""
        from foveate.data.open import require_source
        from foveate.loading.module import DataModule

        opening = replace(data, **{name: getattr(DataSpec(""), name) for name in SHOWING})
        if repr(opening) not in self.datasets:
            unfolded = repr(replace(opening, fold=None))
            if unfolded not in self.opened:
                require_source(data.source)
                self.opened[unfolded] = DataModule(opening)
            opened = self.opened[unfolded]
            same = opened.spec.fold == data.fold
            self.datasets[repr(opening)] = (opened if same else opened.in_fold(data.fold)).dataset
        return self.datasets[repr(opening)]

    def build_networks(self) -> None:
        """Build every network once, without its weights, to find places and options that do not fit."""
        from foveate.training.build import seeded_model

        for spec, dataset, cell in self.networks.values():
            try:
                model = seeded_model(
                    replace(spec.model, encoder_weights="none"), len(dataset.classes), seed=0
                )
            except UserError as error:
                raise UserError(f"{cell}: {error}") from None
            if model.task != dataset.task:
                raise UserError(
                    f"{cell}: the host '{spec.model.arch}' is for {model.task}, but {cell.source} is for "
                    f"{dataset.task}; sweep them apart"
                )


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{name} is {value!r}; expected a whole number")
    return value
