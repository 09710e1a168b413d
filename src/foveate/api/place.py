"""`foveate.place`: where in a host does attention pay?"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.compare import ComparisonResult, open_comparison
from foveate.api.engine import EngineChoice
from foveate.api.settings import Settings, check_jobs, parse_duration, parse_settings, warn_of
from foveate.errors import UserError
from foveate.specs.placement import PlacementSpec

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset
    from foveate.experiments.placing.forecast import PlacementForecast
    from foveate.experiments.placing.placement import FrontPoint, Placement
    from foveate.experiments.placing.plan import PlacementPlan
    from foveate.experiments.placing.progress import PlacementEvent

USUAL = PlacementSpec.__dataclass_fields__


class PlacementResult:
    """A finished search for places, read from its folder.

    `foveate.api.place.PlacementResult("runs/photos-places")` opens one again. Attributes raise `UserError` if
    the folder holds no finished search.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @cached_property
    def placement(self) -> "Placement":
        """All candidates: latency, cheap scores, gains in each round."""
        from foveate.experiments.placing.placement import load_placement

        return load_placement(self.folder)[0]

    @property
    def comparison(self) -> ComparisonResult:
        """The final comparison of the survivors with the host."""
        from foveate.experiments.placing.placement import COMPARISON

        return ComparisonResult(self.folder / COMPARISON)

    @property
    def front(self) -> "tuple[FrontPoint, ...]":
        """The host and the survivors, the fastest first, with whether they are on the Pareto front."""
        from foveate.experiments.placing.placement import pareto_front

        return pareto_front(self.placement, self.comparison.comparison)

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each survivor in the final comparison."""
        return self.comparison.verdicts

    @property
    def report(self) -> Path:
        """The path of the HTML report, which is written if it is missing."""
        from foveate.report.placement import REPORT, write_placement_report

        path = self.folder / REPORT
        return path if path.is_file() else write_placement_report(self.folder)

    @property
    def summary(self) -> str:
        """Where attention pays, in sentences."""
        from foveate.report.placement import summary_lines

        return "\n".join(summary_lines(self.placement, self.comparison.comparison))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each candidate: arm, place, latency with interval, scores, gains, verdict."""
        verdicts = self.verdicts
        return [
            {
                "arm": one.arm,
                "place": one.place,
                "latency": one.slowdown.ratio,
                "latency_low": one.slowdown.low,
                "latency_high": one.slowdown.high,
                "fits": one.fits,
                **one.scores,
                "rounds": one.rounds,
                "verdict": verdicts.get(one.arm),
            }
            for one in self.placement.candidates
        ]

    def __repr__(self) -> str:
        return f"{self.summary}\n{self.folder}"


@dataclass(frozen=True)
class OpenedPlacement:
    """A search with opened data: its complete spec, its data and its folder."""

    spec: PlacementSpec
    dataset: "Dataset"
    folder: Path


def place(
    data: str | Path,
    attention: Sequence[str] | str = "cbam",
    *,
    latency_budget: float | None = None,
    places: Sequence[str] | str = (),
    screen: str = USUAL["screen"].default,
    survivors: int = USUAL["survivors"].default,
    trial_seeds: int = USUAL["trial_seeds"].default,
    seeds: int = USUAL["seeds"].default,
    epochs: int | None = None,
    seed: int = 0,
    placebo: bool = False,
    judge: str | None = None,
    margin: float = 1.0,
    beside_own: bool = False,
    out: str | Path | None = None,
    budget: str | float | None = None,
    accelerator: str = "auto",
    jobs: int | str = "auto",
    engine: str = "local",
    address: str | None = None,
    cpus: int | None = None,
    gpus: float = 0.0,
    progress: "Callable[[PlacementEvent], None] | None" = None,
    **fields: Any,
) -> PlacementResult:
    """Search all places of a host for those where attention pays; `foveate place` in Python.

    Every mechanism at every place is a candidate, if it is fast enough. Candidates are trained in rounds
    beside the host, shortly at first; the better part of each round is trained longer. The survivors meet the
    host in a comparison with new seeds and on the test images, which no round has seen. The same call resumes
    a stopped search, and opens a finished one.

    Args:
        data: as in `foveate.compare`. All runs have one split.
        attention: mechanisms, such as ["cbam", "se(reduction=8)"] or "cbam,se,nonlocal".
        latency_budget: the most that an image may take, in latencies of the bare host, such as 1.1.
        places: names or patterns, such as ["encoder*", "decoder"]; all named places if not given.
        screen: a cheap score that halves the candidates before any is trained: "signal", "gradient", "trial",
            or "none".
        survivors: candidates that reach the final comparison.
        trial_seeds: trainings of each candidate in a round.
        seeds: trainings of each arm in the final comparison, 2 or more.
        epochs: of the final comparison; rounds have a half, a quarter and an eighth. As in `compare`.
        seed: the first seed.
        placebo, judge, margin: of the final comparison, as in `compare`.
        beside_own: search also a host that has attention of its own.
        out: the folder of the search; runs/ and the name of the data and "-places" if not given.
        budget: how long this call may take, such as "2h"; rounds are shortened or left out to fit.
        accelerator, jobs, engine, address, cpus, gpus, fields: as in `compare`.
        progress: called with a `PlacementEvent` as the search goes on.

    Warns as `foveate.fit` does. Raises `UserError` for wrong arguments or data before training begins, and
    `foveate.training.run.Interrupted` on Ctrl-C.

    Example:
        found = foveate.place("photos", "cbam,se", latency_budget=1.1, out="runs/photos-places")
        found.verdicts, found.front
    """
    at_once, choice = check_jobs(jobs), EngineChoice(engine, address, cpus, gpus)
    choice.check_answers()
    seconds = None if budget is None else parse_duration(budget)
    settings = parse_settings(data, fields, "foveate.place", signature(place).parameters)
    asked = {
        "attention": (attention,) if isinstance(attention, str) else tuple(attention),
        "places": (places,) if isinstance(places, str) else tuple(places),
        "latency_budget": latency_budget,
        "screen": screen,
        "survivors": survivors,
        "trial_seeds": trial_seeds,
        "seeds": seeds,
        "first_seed": seed,
        "placebo": placebo,
        "judge": judge,
        "margin": margin,
        "beside_own": beside_own,
    }
    opened = open_placement(settings, asked, epochs, out)
    warn_of(opened.dataset)
    from foveate.experiments.placing.place import load_if_finished
    from foveate.experiments.placing.place import place as run
    from foveate.experiments.placing.plan import make_placement_plan

    plan = make_placement_plan(opened.spec, opened.folder, {"accelerator": accelerator})
    if load_if_finished(opened.folder) is None:
        expected = expect(plan, opened.folder, at_once, choice, seconds)
        run(plan, opened.folder, expected, progress, "", seconds, choice.opener())
    _ = conclude(opened.folder).report
    return PlacementResult(opened.folder)


def open_placement(
    settings: Settings, asked: dict[str, Any], epochs: int | None = None, out: str | Path | None = None
) -> OpenedPlacement:
    """Open the data and complete the settings with defaults for it. asked: further fields of the spec.

    Raises `UserError` for wrong mechanisms, data or settings, before anything is read where it can.
    """
    from foveate.experiments.placing.plan import SPEC
    from foveate.models.attaching.check import check_arm
    from foveate.specs.arm import Arm, AttentionAt
    from foveate.specs.data import resumed_classes

    spec = PlacementSpec(settings.data, **asked)
    for mechanism in spec.mechanisms:
        check_arm(Arm((AttentionAt(mechanism.name, "decoder", mechanism.options),)))
    folder = Path(out) if out is not None else _usual_folder(settings.data.source)
    if (folder / SPEC).is_file():
        recorded = PlacementSpec.load(folder / SPEC).data
        if Path(recorded.source) != Path(settings.data.source):
            raise UserError(f"{folder} holds a search on {recorded.source}; choose another folder")
        settings = replace(
            settings, data=replace(settings.data, classes=resumed_classes(recorded, settings.data))
        )
    question = {name: asked[name] for name in ("judge", "margin") if name in asked}
    opened = open_comparison(settings, None, epochs=epochs, out=folder / "comparison", folds=0, **question)
    found = opened.spec
    spec = replace(spec, data=found.data, model=found.model, training=found.training)
    return OpenedPlacement(spec, opened.dataset, folder)


def expect(
    plan: "PlacementPlan", folder: Path, jobs: int | None, choice: EngineChoice, budget: float | None
) -> "PlacementForecast":
    """Return what a search will do, or what is left of the one in `folder`, how long, and runs at once."""
    from foveate.experiments.job_count import choose_jobs
    from foveate.experiments.placing.forecast import forecast_placement, measure_pace
    from foveate.experiments.placing.rounds import Rounds

    pace, begun = measure_pace(plan), Rounds.load(folder)
    alone = forecast_placement(pace, begun=begun)
    if choice.is_cluster:
        return replace(forecast_placement(pace, jobs or 1, budget, begun), jobs=jobs or 0)
    runs = (plan.spec.survivors + 1) * plan.spec.seeds
    accelerator = plan.trainer_flags.get("accelerator", "auto")
    at_once = choose_jobs(jobs, runs, accelerator, lambda: alone.seconds)
    return forecast_placement(pace, at_once, budget, begun)


def conclude(folder: Path) -> PlacementResult:
    """Write the reports of a finished search and of its comparison, and return the result."""
    from foveate.report.page import write_report
    from foveate.report.placement import write_placement_report

    result = PlacementResult(folder)
    write_report(result.comparison.folder)
    write_placement_report(folder)
    return result


def _usual_folder(source: str) -> Path:
    """Return the folder of a search that names none.

    >>> _usual_folder("synthetic:search").as_posix()
    'runs/synthetic-search-places'
    """
    name = (
        Path(source).resolve().name if Path(source).exists() else re.sub(r"[^\w.-]+", "-", source).strip("-")
    )
    return Path("runs", f"{name}-places")
