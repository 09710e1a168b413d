"""Successive halving: how many candidates are trained how long, and what became of each round.

In a round, every candidate that is left and the host are trained under identical conditions, with the seeds
of the search. The candidates with the largest mean paired difference of the validation score go on, and are
trained longer (Jamieson and Talwalkar, 2016, arXiv 1502.07943). Every round trains from the start, with a
learning rate that falls to 0 within it: a gate that has just begun to open is no evidence.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.plain import from_plain, to_plain

FILE = "rounds.json"

MOST_ROUNDS = 3
"""Rounds before the final comparison: the first trains for an eighth of the epochs."""


@dataclass(frozen=True)
class PlannedRound:
    """A round. entering: candidates that are trained, beside the host. keep: how many of them go on."""

    entering: int
    keep: int
    epochs: int


@dataclass(frozen=True)
class FinishedRound:
    """A round that is over.

    differences: of the validation score from the host, one for each seed, by arm. kept: the arms that go on,
    the best first. failed: why, for each arm whose run has failed.
    """

    epochs: int
    differences: dict[str, tuple[float, ...]]
    kept: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rounds:
    """The rounds of a search. entering: arms of the first. skipped: why rounds were left out, "" if not."""

    entering: tuple[str, ...]
    planned: tuple[PlannedRound, ...]
    finished: tuple[FinishedRound, ...] = ()
    skipped: str = ""

    @property
    def left(self) -> tuple[PlannedRound, ...]:
        """The rounds to go."""
        return () if self.skipped else self.planned[len(self.finished) :]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that are still in the search, the best first once a round is finished."""
        return self.finished[-1].kept if self.finished else self.entering

    def after(self, finished: FinishedRound) -> "Rounds":
        """Return the rounds after one more."""
        return replace(self, finished=(*self.finished, finished))

    def cut(self, survivors: int, why: str) -> "Rounds":
        """Return the rounds without those to go, after one or more: the best of the last are kept."""
        *before, last = self.finished
        return replace(self, finished=(*before, replace(last, kept=last.kept[:survivors])), skipped=why)

    def save(self, out: Path) -> None:
        """Write the record completely or not at all."""
        with write_whole(out / FILE, "w") as file:
            json.dump(to_plain(self), file, indent=1)

    @classmethod
    def load(cls, out: Path) -> "Rounds | None":
        """Return the rounds recorded in `out`, None if there are none."""
        path = out / FILE
        if not path.is_file():
            return None
        try:
            return from_plain(cls, json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UserError(
                f"{path}: is not JSON ({error}). It records which candidates go on; put it back, or search "
                "in another folder"
            ) from None


def plan_rounds(
    candidates: int, survivors: int, epochs: int, steps_per_epoch: int, shrink: int = 0
) -> tuple[PlannedRound, ...]:
    """Return the rounds that lead from so many candidates to the survivors.

    The last round trains for half of the `epochs` of the final comparison, the one before for a quarter, and
    so on, `shrink` times halved, but never for less than `least_epochs`. Each keeps the same share.

    >>> [(one.entering, one.keep, one.epochs) for one in plan_rounds(24, 3, 20, steps_per_epoch=40)]
    [(24, 12, 3), (12, 6, 5), (6, 3, 10)]
    >>> plan_rounds(3, 3, 20, steps_per_epoch=40)
    ()
    """
    if candidates <= survivors:
        return ()
    count = min(MOST_ROUNDS, math.ceil(math.log2(candidates / survivors)))
    sizes = [
        max(survivors, round(candidates * (survivors / candidates) ** (number / count)))
        for number in range(count + 1)
    ]
    floor = least_epochs(epochs, steps_per_epoch)
    lengths = [max(floor, math.ceil(epochs / 2 ** (count - number + shrink))) for number in range(count)]
    return tuple(map(PlannedRound, sizes, sizes[1:], lengths))


LEAST_STEPS = 40
"""Steps of a run in which a gate can open: it moves by at most 0.1 a step."""


def least_epochs(epochs: int, steps_per_epoch: int) -> int:
    """Return the fewest epochs of a round, of a search whose final comparison trains for so many.

    >>> least_epochs(20, steps_per_epoch=10), least_epochs(2, steps_per_epoch=10)
    (4, 2)
    """
    return min(epochs, math.ceil(LEAST_STEPS / steps_per_epoch))


def ranked(differences: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the arms by their mean difference, the largest first; equal ones stay in their order."""
    return sorted(differences, key=lambda arm: -fmean(differences[arm]))
