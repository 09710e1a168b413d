"""Search the places of a host: score candidates, halve their number round by round, compare the survivors."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

from foveate.durations import duration
from foveate.errors import UserError
from foveate.experiments.compare import ComparisonEvent, compare, train_runs
from foveate.experiments.engines.engine import Engine, OpenEngine
from foveate.experiments.engines.local import local_engine
from foveate.experiments.placing.forecast import (
    COMPARISON,
    HOST,
    SCORES,
    PlacementForecast,
    entering,
    short_epochs,
)
from foveate.experiments.placing.placement import FILE, Placed, Placement, load_placement
from foveate.experiments.placing.plan import SPEC, PlacementPlan
from foveate.experiments.placing.progress import Report, Timeline
from foveate.experiments.placing.rounds import FinishedRound, PlannedRound, Rounds, ranked
from foveate.experiments.placing.screen import Found, score_candidates
from foveate.experiments.result import Comparison
from foveate.files import folder_lock, leftover_parts, write_whole
from foveate.models.checkpoints import load_model
from foveate.training.build import build_loss
from foveate.training.run import Interrupted
from foveate.training.run_directory import Run, claim

KEPT_SCORES = "scores.json"
"""The file of the cheap scores."""


def place(
    plan: PlacementPlan,
    out: str | Path,
    expected: PlacementForecast,
    report: Report | None = None,
    command: str = "",
    budget: float | None = None,
    open_engine: OpenEngine = local_engine,
) -> tuple[Placement, Comparison]:
    """Run a search, or what is left of it, and return its result and that of the final comparison.

    Writes into `out`: placement.yaml, splits.json, latency.json, scores.json (with a screen), host (the run
    that candidates are scored on), roundN (its runs, without weights), rounds.json (who goes on), comparison
    (as `compare` writes it), placement.json and .csv. The same call goes on after any stop. A finished search
    is returned as it is.

    Args:
        plan: the search.
        out: its folder.
        expected: the forecast, with the number of runs at once; its rounds are those that a new search takes.
        report: called as it goes on.
        command: recorded as the command that made the search.
        budget: seconds that this call may take. Rounds after the first that would leave too little time for
            the final comparison are left out, which the result says.
        open_engine: opens what trains the runs.

    Raises `UserError` for an `out` that cannot be written or is in use, and if all candidates fail;
    `Interrupted` on Ctrl-C.
    """
    out = Path(out)
    if (finished := load_if_finished(out)) is not None:
        return finished
    if not (out / SPEC).is_file():
        claim(out, resume=False)
    timeline = Timeline(expected.stages, report or (lambda event: None))
    with folder_lock(out), _resumable(out):
        for path in leftover_parts(out):
            path.unlink()
        plan.save(out)
        rounds = Rounds.load(out) or expected.rounds
        end = None if budget is None else time.monotonic() + budget
        with open_engine(expected.jobs, out) as engine:
            scores = _scores(plan, out, engine, timeline)
            if not rounds.finished:
                rounds = _entering(rounds, plan, scores)
                rounds.save(out)
            rounds = _halve(plan, out, rounds, engine, timeline, end)
        timeline.begin(COMPARISON)
        final = plan.spec.final(rounds.arms)
        comparison = compare(
            final,
            out / COMPARISON,
            lambda event: _show(timeline, event, "comparison: "),
            command,
            plan=plan.comparison(final),
            jobs=expected.jobs,
            open_engine=open_engine,
        )
        placement = _placement(plan, rounds, scores, command)
        placement.save(out)
    return placement, comparison


def load_if_finished(out: Path) -> tuple[Placement, Comparison] | None:
    """Return the result in a folder, None if no search has finished there that can be read."""
    if not (out / FILE).is_file():
        return None
    try:
        return load_placement(out)
    except UserError:
        return None


def _scores(plan: PlacementPlan, out: Path, engine: Engine, timeline: Timeline) -> Found:
    """Train the host shortly and score all candidates on it, unless the search has no screen."""
    spec = plan.spec
    if spec.screen == "none":
        return {}
    arms = [candidate.arm for candidate in plan.candidates]
    known = _read_scores(out)
    if all(spec.screen in known.get(arm, {}) for arm in arms):
        return known
    trials = plan.trials(spec.trials(arms, short_epochs(spec.training.epochs)))
    host = next(arm for arm in trials.arms if arm.role == "host")
    timeline.begin(HOST)
    train_runs(
        trials,
        out / HOST,
        lambda event: _show(timeline, event, "the host: "),
        engine,
        [(host, spec.first_seed)],
    )
    timeline.end()
    timeline.begin(SCORES)
    model = load_model(trials.folder(out / HOST, host, spec.first_seed))

    def keep(found: Found) -> None:
        with write_whole(out / KEPT_SCORES, "w") as file:
            json.dump(found, file, indent=1)

    found = score_candidates(
        model,
        arms,
        [spec.screen],
        plan.data,
        build_loss(spec.training, plan.data),
        plan.device,
        lambda done, total: timeline.show(done / total, f"scoring {len(arms)} candidates"),
        known,
        keep,
    )
    timeline.end()
    return found


def _entering(rounds: Rounds, plan: PlacementPlan, scores: Found) -> Rounds:
    """Return the rounds with the arms of the first: all candidates, or those with the best cheap score."""
    spec = plan.spec
    arms = [candidate.arm for candidate in plan.candidates]
    if spec.screen != "none":
        arms.sort(key=lambda arm: -scores[arm][spec.screen])
    count = entering(len(arms), spec.survivors, spec.screen)
    return Rounds(tuple(arms[:count]), rounds.planned)


def _halve(
    plan: PlacementPlan, out: Path, rounds: Rounds, engine: Engine, timeline: Timeline, end: float | None
) -> Rounds:
    """Run the rounds to go; return them with the arms that survive."""
    while rounds.left:
        number, one = len(rounds.finished) + 1, rounds.left[0]
        stage = f"round {number}"
        needed = timeline.seconds_of(stage) + timeline.seconds_of(COMPARISON)
        if rounds.finished and end is not None and needed > end - time.monotonic():
            why = (
                f"The budget left too little time for round {number} of {len(rounds.planned)} and the "
                f"comparison, which need about {duration(needed)}: the best {plan.spec.survivors} so far "
                "went on."
            )
            rounds = rounds.cut(plan.spec.survivors, why)
        else:
            timeline.begin(stage)
            rounds = rounds.after(_round(plan, out / f"round{number}", one, rounds, engine, timeline, number))
            timeline.end()
        rounds.save(out)
    return rounds


def _round(
    plan: PlacementPlan,
    folder: Path,
    one: PlannedRound,
    rounds: Rounds,
    engine: Engine,
    timeline: Timeline,
    number: int,
) -> FinishedRound:
    """Train the candidates that are left beside the host, and say which go on."""
    spec = plan.spec
    trials = plan.trials(spec.trials(rounds.arms, one.epochs))
    wanted = [(arm, seed) for seed in spec.trial_seed_numbers for arm in trials.arms]
    failed: dict[str, str] = {}

    def fail(arm: str, error: Exception) -> None:
        if arm == "none":
            raise error
        failed[arm] = str(error)

    before = f"round {number} of {len(rounds.planned)}: "
    train_runs(
        trials,
        folder,
        lambda event: _show(timeline, event, before),
        engine,
        wanted,
        failed=fail,
        keep_weights=False,
    )
    scores = {
        arm.arm: [Run(trials.folder(folder, arm, seed)).result.best_score for seed in spec.trial_seed_numbers]
        for arm in trials.arms
        if arm.arm not in failed
    }
    host = scores.pop("none")
    if not scores:
        raise UserError(
            f"every candidate has failed in {before[:-2]}; the first: {next(iter(failed.values()))}"
        )
    differences = {
        arm: tuple(own - its for own, its in zip(values, host, strict=True)) for arm, values in scores.items()
    }
    return FinishedRound(one.epochs, differences, tuple(ranked(differences)[: one.keep]), failed)


def _placement(
    plan: PlacementPlan, rounds: Rounds, scores: Mapping[str, dict[str, float]], command: str
) -> Placement:
    spec, data = plan.spec, plan.data
    survivors = set(rounds.arms)
    failed = {arm: why for one in rounds.finished for arm, why in one.failed.items()}
    candidates = [
        Placed(
            one.arm,
            one.mechanism,
            one.place,
            one.channels,
            one.stride,
            plan.slowdowns[one.arm],
            one not in plan.too_slow,
            scores.get(one.arm, {}),
            tuple(fmean(r.differences[one.arm]) for r in rounds.finished if one.arm in r.differences),
            one.arm in survivors,
            failed.get(one.arm, ""),
        )
        for one in (*plan.candidates, *plan.too_slow)
    ]
    return Placement(
        Path(spec.data.source).resolve().name if Path(spec.data.source).exists() else spec.data.source,
        data.dataset.describe(),
        spec.model.host,
        tuple(map(str, spec.mechanisms)),
        tuple(data.size),
        spec.latency_budget,
        spec.screen,
        tuple(one.epochs for one in rounds.finished),
        spec.trial_seeds,
        tuple(candidates),
        plan.left_out,
        rounds.skipped,
        command,
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    )


def _show(timeline: Timeline, event: ComparisonEvent, before: str) -> None:
    """Report the progress of runs, or of the stages after the training, within a stage of the search."""
    if event.stage != "train":
        words = {"score": "runs scored", "cost": "arms measured", "gallery": "images chosen"}[event.stage]
        timeline.show(0.95, f"{before}{event.run} of {event.runs} {words}")
        return
    numbers = ", ".join(str(number) for number, *_ in event.running)
    runs = f"run {numbers}" if len(event.running) == 1 else f"runs {numbers}"
    timeline.show(0.95 * event.share, f"{before}{runs} of {event.runs}", event.seconds_left)


def _read_scores(out: Path) -> Found:
    try:
        return json.loads((out / KEPT_SCORES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say in an interruption that the search can be resumed."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        raise Interrupted(
            f"the search so far is kept in {out}; run the same command again to go on"
        ) from stop
