"""The course of a comparison: its looks, which runs each look needs, and which arms got no more seeds.

Recorded in `looks.json` of the comparison's folder, so that a comparison that goes on pays for the looks that
were taken.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from foveate.errors import UserError
from foveate.experiments.arms import PlannedArm
from foveate.experiments.plan import Plan
from foveate.files import write_whole
from foveate.plain import from_plain, to_plain
from foveate.specs.comparison import ComparisonSpec
from foveate.verdicts.findings import Contrast
from foveate.verdicts.looks import LookPlan, Looks
from foveate.verdicts.outlook import can_decide
from foveate.verdicts.verdict import DECIDED

FILE = "looks.json"


@dataclass(frozen=True)
class Stop:
    """Why an arm got no more seeds: "decided", "undecidable" or "not tested", after this many seeds.

    reachable: the seeds with which an undecidable arm could not be decided.
    """

    seeds: int
    why: str
    reachable: int = 0


@dataclass(frozen=True)
class Course:
    """The looks at a comparison, and the arms that have stopped, by canonical text."""

    looks: Looks
    stopped: dict[str, Stop] = field(default_factory=dict)

    @classmethod
    def open(cls, spec: ComparisonSpec, out: Path) -> "Course":
        """Return the course in `out`, planned on for the looks of the spec; a fresh one if there is none.

        Stopped arms go on if the spec asks for more seeds outright, and undecidable ones if it allows more
        than they could not be decided with.

        A finished comparison without a record of looks counts as looked at once, at its number of seeds.
        """
        planned = Looks((LookPlan(spec.looks),))
        path = out / FILE
        if path.is_file():
            try:
                recorded = from_plain(cls, json.loads(path.read_text(encoding="utf-8")))
            except ValueError as error:
                raise UserError(
                    f"{path}: is not JSON ({error}). It records how often the result was looked at; put it "
                    "back, or compare into another folder"
                ) from None
        elif (seeds := _seeds_of_finished(out)) > 0:
            recorded = cls(Looks.once(seeds).take(seeds))
        else:
            return cls(planned)
        if not recorded.looks.taken:
            return cls(planned)
        most, stopped = max(spec.looks), recorded.stopped
        if most > recorded.last:
            stopped = {
                arm: stop
                for arm, stop in stopped.items()
                if spec.until_decided and (stop.why != "undecidable" or most <= stop.reachable)
            }
        return Course(recorded.looks.plan(spec.looks), stopped)

    def save(self, out: Path) -> None:
        """Write the record completely or not at all."""
        with write_whole(out / FILE, "w") as file:
            json.dump(to_plain(self), file, indent=1)

    def looks_left(self, spec: ComparisonSpec) -> tuple[int, ...]:
        """Return the looks of the spec that were not taken yet."""
        return tuple(look for look in spec.looks if look > self.last)

    @property
    def last(self) -> int:
        """The number of seeds of the last look that was taken; 0 before the first."""
        return max(self.looks.taken, default=0)

    def seeds_of(self, plan: Plan, arm: PlannedArm, look: int) -> int:
        """Return how many seeds an arm has at a look: fewer if it stopped before.

        A reference has as many as any arm that is set against it, and a placebo as the arms beside it.
        """
        spec = plan.spec
        pairs = [(other.arm, spec.reference_arm) for other in plan.arms if other.role != "placebo"]
        followers = {one for one, reference in (*pairs, *spec.contrast_pairs) if reference == arm.arm}
        needed = followers | set(arm.beside)
        if arm.role != "placebo" and arm.arm != spec.reference_arm:
            needed.add(arm.arm)
        if spec.reference_arm in needed:
            needed |= {other.arm for other in plan.judged}
        return max(self._own_seeds(name, look) for name in needed - {spec.reference_arm})

    def _own_seeds(self, arm: str, look: int) -> int:
        stop = self.stopped.get(arm)
        return look if stop is None else min(look, stop.seeds)

    def runs(self, plan: Plan, look: int) -> list[tuple[PlannedArm, int]]:
        """Return the runs that a look needs, seed by seed."""
        first = plan.spec.first_seed
        return [
            (arm, first + number)
            for number in range(look)
            for arm in plan.arms
            if number < self.seeds_of(plan, arm, look)
        ]

    def after(self, plan: Plan, look: int, contrasts: Sequence[Contrast], reachable: int) -> "Course":
        """Return the course after a look: arms that are decided stop, and those that cannot be decided.

        reachable: how many seeds the budget allows. Placebos are not judged. An arm goes on if its verdict
        no longer stands, for instance because arms were added.
        """
        looks = self.looks.take(look)
        if not plan.spec.until_decided:
            return replace(self, looks=looks)
        margin, level = plan.spec.margin / 100, looks.levels[look]
        placebos = {arm.arm for arm in plan.arms if arm.role == "placebo"}
        stopped = dict(self.stopped)
        for arm in {contrast.arm for contrast in contrasts} - placebos:
            own = [c for c in contrasts if c.arm == arm]
            open_ones = [c for c in own if c.verdict not in (*DECIDED, "not tested")]
            before = stopped.pop(arm, None)
            if not open_ones:
                tested = all(c.verdict in DECIDED for c in own)
                stopped[arm] = before or Stop(look, "decided" if tested else "not tested")
            elif not any(can_decide(c.difference, reachable, level, margin) for c in open_ones):
                stopped[arm] = before or Stop(look, "undecidable", reachable)
        return Course(looks, stopped)

    def ended(self, before: "Course") -> "Course":
        """Return the course if no look follows it. before: the course at its last look.

        An arm that had stopped and was to go on with the next look has no more seeds than it had then.
        """
        return replace(self, stopped={**before.stopped, **self.stopped})

    def is_over(self, plan: Plan) -> bool:
        """Return whether no look is left, or no arm to look at."""
        return not self.looks_left(plan.spec) or {arm.arm for arm in plan.judged} <= set(self.stopped)


def _seeds_of_finished(out: Path) -> int:
    """Return the number of seeds of the finished comparison in `out`, 0 without one."""
    try:
        return len(json.loads((out / "comparison.json").read_text(encoding="utf-8"))["seeds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
