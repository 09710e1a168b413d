"""The result of a search for places, and its files: `placement.json` and `placement.csv`."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.evaluation.slowdown import Slowdown
from foveate.experiments.placing.candidates import LeftOut
from foveate.experiments.result import Comparison, load_comparison
from foveate.files import write_whole
from foveate.plain import from_json, to_json

FILE = "placement.json"
FORMAT = 1
COMPARISON = "comparison"
"""The folder of the final comparison in that of the search."""


@dataclass(frozen=True)
class Placed:
    """One candidate, and how far it came.

    arm, mechanism, place, channels, stride: as in `Candidate`. slowdown: its latency in latencies of the bare
    host. fits: whether it is within the budget. scores: cheap scores by name. rounds: for each round it took
    part in, the mean paired difference of the validation score from the host. survived: whether it is in the
    final comparison. failed: why its run has failed, "" if it did not.
    """

    arm: str
    mechanism: str
    place: str
    channels: int
    stride: float
    slowdown: Slowdown
    fits: bool = True
    scores: dict[str, float] = field(default_factory=dict)
    rounds: tuple[float, ...] = ()
    survived: bool = False
    failed: str = ""


@dataclass(frozen=True)
class Placement:
    """The result of a search. The final comparison has a folder of its own.

    description: of the dataset, in words. attention: mechanisms. size: height and width in pixels.
    latency_budget: None for no limit. screen: the cheap score that chose half of the candidates, or "none".
    epochs: of each round. trial_seeds: of each round. skipped: why rounds were left out, "" if none was.
    command, finished: as in `Comparison`.
    """

    dataset: str
    description: str
    host: str
    attention: tuple[str, ...]
    size: tuple[int, int]
    latency_budget: float | None
    screen: str
    epochs: tuple[int, ...]
    trial_seeds: int
    candidates: tuple[Placed, ...]
    left_out: tuple[LeftOut, ...]
    skipped: str
    command: str
    finished: str

    @property
    def survivors(self) -> tuple[Placed, ...]:
        """The candidates of the final comparison."""
        return tuple(one for one in self.candidates if one.survived)

    def save(self, folder: Path) -> None:
        """Write `placement.json` and `placement.csv`, each completely or not at all."""
        names = list(dict.fromkeys(name for one in self.candidates for name in one.scores))
        head = ["arm", "place", "mechanism", "latency", "latency_low", "latency_high", "fits", *names]
        head += [f"round{number}" for number in range(1, len(self.epochs) + 1)] + ["survived", "failed"]
        with write_whole(folder / "placement.csv", "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(_row(one, names, len(self.epochs)) for one in self.candidates)
        with write_whole(folder / FILE, "w") as file:
            json.dump(
                {"format": FORMAT, **to_json(self)}, file, indent=1, ensure_ascii=False, allow_nan=False
            )


@dataclass(frozen=True)
class FrontPoint:
    """An arm of the final comparison in the plane of latency and score.

    slowdown: latency in latencies of the host. gain: paired difference from the host, with its 95% interval;
    0 for the host itself. on_front: whether no other arm is as fast and scores more, or scores as much and is
    faster.
    """

    arm: str
    label: str
    slowdown: Slowdown
    gain: float
    low: float
    high: float
    verdict: str
    on_front: bool


def pareto_front(placement: Placement, comparison: Comparison) -> tuple[FrontPoint, ...]:
    """Return the host and the survivors, the fastest first, and which of them are on the Pareto front."""
    times = {one.arm: one.slowdown for one in placement.candidates}
    rows: list[tuple[str, str, Slowdown, float, float, float, str]] = [
        ("none", "none", Slowdown(1.0, 1.0, 1.0, 0), 0.0, 0.0, 0.0, "")
    ]
    for item in comparison.arms:
        result = comparison.result(item.arm)
        change = result.paired
        rows.append(
            (item.arm, item.label, times[item.arm], change.mean, change.low, change.high, str(result.verdict))
        )
    points = [(row[2].ratio, row[3]) for row in rows]
    found = [
        FrontPoint(*row, on_front=not _is_dominated(point, points))
        for row, point in zip(rows, points, strict=True)
    ]
    return tuple(sorted(found, key=lambda point: point.slowdown.ratio))


def load_placement(folder: Path | str) -> tuple[Placement, Comparison]:
    """Read the result of a finished search, and of its final comparison, from its folder.

    Raises `UserError` if there is none, or if an incompatible version wrote it.
    """
    path = Path(folder) / FILE
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: holds no {FILE}, so no search has finished there; run the same `foveate place` again"
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path}: is not JSON ({error}); run `foveate place` again to write it anew"
        ) from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise UserError(
            f"{path}: was written by another version of foveate; run the same `foveate place` again"
        )
    return from_json(Placement, plain), load_comparison(Path(folder) / COMPARISON)


def _is_dominated(point: tuple[float, float], points: Sequence[tuple[float, float]]) -> bool:
    """Return whether another point is as fast and gains as much, and is better in one of the two.

    >>> points = [(1.0, 0.0), (1.1, 0.02), (1.2, 0.01)]
    >>> [_is_dominated(point, points) for point in points]
    [False, False, True]
    """
    return any(other[0] <= point[0] and other[1] >= point[1] and other != point for other in points)


def _row(one: Placed, names: Sequence[str], rounds: int) -> list[Any]:
    scores = [one.scores.get(name, "") for name in names]
    gains = [*one.rounds, *[""] * (rounds - len(one.rounds))]
    times = [one.slowdown.ratio, one.slowdown.low, one.slowdown.high]
    return [one.arm, one.place, one.mechanism, *times, one.fits, *scores, *gains, one.survived, one.failed]
