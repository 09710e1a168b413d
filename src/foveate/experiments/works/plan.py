"""A work at a scale: its sweeps on the data that are there, what is missing, and the runs of each sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from foveate.errors import UserError
from foveate.experiments.sweeps.marker import Mark, read_mark
from foveate.experiments.sweeps.plan import CELLS, load_cells
from foveate.experiments.sweeps.sweep import FAILURES
from foveate.experiments.works.sources import Missing, find_source
from foveate.specs.sweep import Cell, SweepSpec
from foveate.specs.work import Datum, Scale, WorkSpec, WorkSweep


@dataclass(frozen=True)
class PlacedRun:
    """A run of a sweep: what it was asked for as, and its folder."""

    cell: Cell
    folder: Path

    @property
    def mark(self) -> Mark | None:
        """What the run noted when it was finished; None if it is not, or is not as it was left."""
        try:
            return read_mark(self.folder)
        except UserError:
            return None

    @property
    def why_not(self) -> str:
        """Why the run has no score yet."""
        told = self.folder.parents[1] / FAILURES / f"{self.folder.name}.txt"
        if told.is_file():
            return f"failed: {told.read_text(encoding='utf-8').partition(chr(10))[0]}"
        return "not finished yet; the same command goes on"


@dataclass(frozen=True)
class WorkRuns:
    """The runs of a part of a work on one of its data, as they lie on disk."""

    sweep: WorkSweep
    spec: SweepSpec
    folder: Path

    @cached_property
    def placed(self) -> tuple["PlacedRun", ...]:
        """The runs of the sweep; none before it is begun."""
        if not (self.folder / CELLS).is_file():
            return ()
        return tuple(
            PlacedRun(cell, self.folder / "runs" / digest) for digest, cell in load_cells(self.folder)
        )


@dataclass(frozen=True)
class WorkPlan:
    """A work at a scale.

    name, scale_name: of the work and its scale. out: the folder of the results. runs: of each sweep whose
    data are there. missing: data that are not there. data: what stands for each of the published data.
    """

    work: WorkSpec
    name: str
    scale_name: str
    out: Path
    runs: tuple[WorkRuns, ...]
    missing: tuple[Missing, ...]
    data: Mapping[str, tuple[Datum, ...]] = field(default_factory=dict)

    @property
    def scale(self) -> Scale:
        return self.work.scale(self.scale_name)

    def find(self, part: str | None, datum: Datum) -> WorkRuns | str:
        """Return the runs of a part on data, or why there are none. part: None if only one fits."""
        fits = [each for each in self.runs if part in (None, each.sweep.part) and each.sweep.datum == datum]
        if fits:
            return fits[0]
        gone = [each for each in self.missing if each.datum == datum]
        return f"{datum.title} is missing at {gone[0].path}" if gone else self.scale.without

    def without(self, key: str | None) -> str:
        """Return why nothing stands for published data at this scale."""
        title = self.work.data[key].title if key else "the data"
        return (
            f"no stand-in for {title} at scale {self.scale_name}" if self.scale_name != "paper" else "no data"
        )


def plan_work(
    work: WorkSpec, name: str, scale: str, data_root: Path | None, out: Path, configs: Sequence[Path]
) -> WorkPlan:
    """Plan a work on the data that are there. configs: where the files of its parts are looked for.

    Raises `UserError` if the work does not have the scale, and for wrong keys of a part.
    """
    runs: list[WorkRuns] = []
    missing: dict[str, Missing] = {}
    sources: dict[str, str | Missing] = {}
    for sweep in work.sweeps(scale):
        key = repr(sweep.datum)
        if key not in sources:
            sources[key] = find_source(sweep.datum, data_root, out)
        source = sources[key]
        if isinstance(source, Missing):
            missing[key] = source
            sweep.spec("missing", configs)  # its keys are checked even so
            continue
        runs.append(WorkRuns(sweep, sweep.spec(source, configs), out / sweep.name))
    return WorkPlan(work, name, scale, out, tuple(runs), tuple(missing.values()), work.data_at(scale))
