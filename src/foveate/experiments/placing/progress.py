"""The progress of a search: which stage, how much of all is done, and the time left."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PlacementEvent:
    """stage: "host", "scores", "round 1" and so on, or "comparison". share: of all work that is done, from 0
    to 1. text: what is under way, in words. seconds_left: until all is done, None if unknown.
    """

    stage: str
    share: float
    text: str
    seconds_left: float | None = None


Report = Callable[[PlacementEvent], None]


class Timeline:
    """Turns the progress within stages into that of the whole search.

    stages: the seconds that each is expected to take, in their order. Stages to come are taken to be as much
    faster or slower than expected as those that are over.
    """

    def __init__(self, stages: Mapping[str, float], report: Report) -> None:
        self.stages, self.report = dict(stages), report
        self.expected = self.taken = 0.0
        self._begun: tuple[str, float] | None = None

    def begin(self, stage: str) -> None:
        """Begin a stage. What was not called begun was done before or left out."""
        self._begun = stage, time.monotonic()

    def end(self) -> None:
        """End the stage that was begun."""
        if self._begun is not None:
            stage, start = self._begun
            self.expected += self.stages.get(stage, 0.0)
            self.taken += time.monotonic() - start
            self._begun = None

    @property
    def pace(self) -> float:
        """How much longer stages take than expected."""
        return self.taken / self.expected if self.expected else 1.0

    def seconds_of(self, stage: str) -> float:
        """Return how long a stage will take at the pace of those that are over."""
        return self.pace * self.stages.get(stage, 0.0)

    def show(self, share: float, text: str, seconds_left: float | None = None) -> None:
        """Report the share of the present stage that is done, and the seconds it still needs, if known."""
        stage = self._begun[0] if self._begun else ""
        names = list(self.stages)
        at = names.index(stage) if stage in names else 0
        whole = sum(self.stages.values()) or 1.0
        done = sum(self.stages[name] for name in names[:at]) + share * self.stages.get(stage, 0.0)
        left = (1 - share) * self.seconds_of(stage) if seconds_left is None else seconds_left
        left += sum(self.seconds_of(name) for name in names[at + 1 :])
        self.report(PlacementEvent(stage, done / whole, text, left))
