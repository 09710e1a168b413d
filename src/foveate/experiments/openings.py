"""How far the attention of each run opened, and what a comparison therefore did not test."""

from collections.abc import Sequence
from math import ceil, nan
from pathlib import Path

from foveate.experiments.arms import PlannedArm
from foveate.experiments.plan import Plan
from foveate.experiments.result import OpeningPoint
from foveate.training.opening import CHANGE, GATE
from foveate.training.optimization import gate_travel
from foveate.training.run_directory import Run

NEEDED_TRAVEL = 0.5
"""A gate that cannot move this far from 0 may hide what its attention does."""


def read_openings(run: Run, arm: str, seed: int) -> list[OpeningPoint]:
    """Return the openings of a run by epoch; none for a run without attention."""
    return [
        OpeningPoint(
            arm,
            seed,
            int(row["epoch"]),
            column.removeprefix(CHANGE),
            row.get(GATE + column.removeprefix(CHANGE), nan),
            change,
        )
        for row in run.metrics()
        for column, change in row.items()
        if column.startswith(CHANGE) and change == change
    ]


def travel(plan: Plan) -> float:
    """Return how far a gate can move in the runs of a plan."""
    spec, data = plan.spec, plan.data
    steps = spec.training.epochs * ceil(len(data.dataset.index("train")) / data.batch)
    return gate_travel(steps, spec.training, published=spec.model.gate == "none")


def closed_arms(plan: Plan, points: Sequence[OpeningPoint]) -> set[str]:
    """Return the arms whose gates cannot open in the runs of a plan, because the runs are too short."""
    if travel(plan) >= NEEDED_TRAVEL:
        return set()
    gated = {point.arm for point in points if point.gate == point.gate}
    ungated = {point.arm for point in points if point.gate != point.gate}
    return gated - ungated


def openings_of(plan: Plan, out: Path, runs: Sequence[tuple[PlannedArm, int]]) -> tuple[OpeningPoint, ...]:
    """Return the openings of all given runs, each a planned arm and a seed."""
    return tuple(
        point
        for arm, seed in runs
        for point in read_openings(Run(plan.folder(out, arm, seed)), arm.arm, seed)
    )
