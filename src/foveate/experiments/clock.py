"""Estimate how long the remaining runs of a comparison will take."""

import heapq
from collections.abc import Sequence
from pathlib import Path

from foveate.experiments.arms import PlannedArm
from foveate.experiments.plan import Plan
from foveate.training.callbacks import ProgressEvent
from foveate.training.run_directory import Run

KNOWN_STEPS, KNOWN_SECONDS = 3, 2.0
"""Steps and seconds of an arm's first run before the remaining time is estimated from it."""


class Clock:
    """Estimate how long the remaining runs will take.

    A run takes as long as an earlier run of its arm, times the current pace. Without an earlier run it takes
    as long as the current run. The pace is the expected duration of the current run divided by that of an
    earlier run of the same arm, because the load of the machine may have changed. It is weighted by the share
    of the run that this process has trained: 1 at the start, the full ratio at the end.

    jobs: number of runs at once. A run that has not started takes the place of the first that ends. runs:
    those to train; all of the plan if not given.
    """

    def __init__(
        self, plan: Plan, out: Path, jobs: int = 1, runs: Sequence[tuple[PlannedArm, int]] | None = None
    ):
        wanted = plan.runs if runs is None else runs
        folders = {(arm.arm, seed): Run(plan.folder(out, arm, seed)) for arm, seed in wanted}
        self.done = {key: run.result.seconds for key, run in folders.items() if run.is_complete}
        self.order = list(folders)
        self.jobs = jobs
        self._events: dict[tuple[str, int], ProgressEvent] = {}

    @property
    def running(self) -> dict[tuple[str, int], ProgressEvent]:
        """The last progress of each run under way, by arm and seed, in the order of the runs."""
        return {key: self._events[key] for key in self.order if key in self._events}

    @property
    def share_done(self) -> float:
        """The share of all training that is done, from 0 to 1, with runs of equal length."""
        parts = sum(event.step / event.steps for event in self._events.values())
        return (len(self.done) + parts) / len(self.order)

    def record_finished(self, arm: str, seed: int, seconds: float) -> None:
        """Record how long a run took."""
        self.done[arm, seed] = seconds
        self._events.pop((arm, seed), None)

    def seconds_left(self, arm: str, seed: int, event: ProgressEvent) -> float | None:
        """Return the time until all incomplete runs are done, as of this progress of a run.

        None in the first steps of an arm's first run, because they are slower than later steps.
        """
        self._events[arm, seed] = event
        earlier = {name: seconds for (name, _), seconds in self.done.items()}
        early = event.step - event.resumed_at < KNOWN_STEPS or event.seconds_elapsed < KNOWN_SECONDS
        if arm not in earlier and early and event.step < event.steps:
            return None
        own_steps = max(1, event.steps - event.resumed_at)
        current = (event.seconds_elapsed + event.seconds_left) * event.steps / own_steps
        trained = (event.step - event.resumed_at) / event.steps
        pace = 1 + (current / earlier[arm] - 1) * trained if arm in earlier else 1.0
        ends = sorted(running.seconds_left for running in self._events.values())
        ends = [0.0] * (self.jobs - len(ends)) + ends
        for name, key in self.order:
            if (name, key) not in self.done and (name, key) not in self._events:
                heapq.heapreplace(ends, ends[0] + (pace * earlier[name] if name in earlier else current))
        return max(ends)
