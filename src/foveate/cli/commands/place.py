"""`foveate place`: where in a host does attention pay?"""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.engine import EngineChoice
from foveate.cli.flags import DataFlags, DeviceFlags, ModelFlags, TrainingFlags, build_settings
from foveate.specs.placement import PlacementSpec

if TYPE_CHECKING:
    from foveate.experiments.placing.forecast import PlacementForecast
    from foveate.experiments.placing.plan import PlacementPlan

USUAL = PlacementSpec.__dataclass_fields__
SHOWN = 6
"""Candidates that a line names at most."""


def place(
    data: str,
    model: ModelFlags,
    training: TrainingFlags,
    images: DataFlags,
    devices: DeviceFlags,
    engine: EngineChoice,
    *,
    attention: list[str] | None = None,
    latency_budget: float | None = None,
    places: list[str] | None = None,
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
    out: str | None = None,
    budget: str | None = None,
    jobs: str = "auto",
    dry_run: bool = False,
) -> None:
    """Search all places of a host for those where attention pays.

    Every mechanism at every place is a candidate, if it is fast enough. Candidates are trained in rounds
    beside the host, shortly at first, and the better part of each round longer. The survivors meet the host
    in a comparison with new seeds, on test images that no round has seen. Ctrl-C keeps finished work; the
    same command continues.

    Args:
        data: as for foveate compare. All runs have one split.
        attention: mechanisms without places, such as cbam,se,nonlocal or "smooth(threshold=0.4)"; cbam if
            not given.
        latency_budget: the most that an image may take, in latencies of the bare host, such as 1.1; no limit
            if not given. Latencies are measured in pairs with the host's.
        places: names or patterns of places, such as "encoder*" decoder; all named places of the host if not
            given.
        screen: a cheap score that halves the candidates before any is trained: signal, gradient or trial;
            none trains all.
        survivors: candidates that reach the final comparison.
        trial_seeds: trainings of each candidate in a round.
        seeds: trainings of each arm in the final comparison; at least 2.
        epochs: passes over the training images in the final comparison; about 800 steps if not given. Rounds
            have a half, a quarter and an eighth of them.
        seed: the first seed; the others count up from it.
        placebo: also train a placebo beside each arm of the final comparison.
        judge: the score that the verdicts are about, as for foveate compare. Rounds go by the validation
            score.
        margin: a difference below it does not matter to you, in points.
        beside_own: search also a host that has attention of its own.
        out: the folder of the search; runs/ and the name of the data and -places if not given.
        budget: how long this command may take, such as 2h or 90min. Rounds are shortened or left out to fit.
        jobs: runs to train at once; auto chooses by cores, memory and the duration.
        dry_run: say what would be done and how long it takes, and train nothing.

    Example:
      foveate place photos/ --attention cbam,se,nonlocal --latency-budget 1.1 --dry-run
      foveate place photos/ --attention cbam,se,nonlocal --latency-budget 1.1 --out runs/places
    """
    from foveate.api.place import conclude, expect, open_placement
    from foveate.api.settings import check_jobs, parse_duration
    from foveate.cli.progress import progress

    engine.check_answers()
    at_once = check_jobs(jobs, "--jobs")
    seconds = None if budget is None else parse_duration(budget, "--budget")
    settings = build_settings(data, images, model, training)
    asked = {
        "attention": tuple(attention or USUAL["attention"].default),
        "places": tuple(places or ()),
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
    with progress("Opening the data"):
        opened = open_placement(settings, asked, epochs, out)
    from foveate.experiments.briefing import weights_note
    from foveate.experiments.placing.place import load_if_finished
    from foveate.experiments.placing.plan import make_placement_plan

    print(opened.dataset.describe(), flush=True)
    with progress("Timing candidates") as advance:
        plan = make_placement_plan(opened.spec, opened.folder, devices.trainer(), advance)
    if (done := load_if_finished(opened.folder)) is not None:
        print(f"\nThis search was finished by {done[0].finished}.\n")
    else:
        note = weights_note(opened.spec.model, plan.spec.model)
        print("\n".join(["", *([note, ""] if note else []), _candidates(plan)]), flush=True)
        with progress("Timing a few steps of the host"):
            expected = expect(plan, opened.folder, at_once, engine, seconds)
        print(f"\n{_stages(plan, expected)}\n", flush=True)
        if dry_run:
            return
        _run(plan, opened.folder, expected, seconds, engine)
    result = conclude(opened.folder)
    print(f"{result.summary}\n\n{result.report}")


def _candidates(plan: "PlacementPlan") -> str:
    """Return the candidates and what is none, in lines of text."""
    from foveate.experiments.placing.plan import slowdown_words
    from foveate.report.words import counted

    spec = plan.spec
    height, width = plan.data.size
    lines = [
        f"{counted(len(plan.candidates), 'candidate')} on {spec.model.host} at {height}x{width}; in "
        "brackets, the latency in latencies of the bare host with its 95% interval:"
    ]
    lines += [f"  {one.arm}  [{slowdown_words(plan.slowdowns[one.arm])}]" for one in plan.candidates]
    if plan.too_slow:
        lines.append(f"Left out, slower than {spec.latency_budget:g}:")
        lines += [f"  {one.arm}  [{slowdown_words(plan.slowdowns[one.arm])}]" for one in plan.too_slow]
    budget = spec.latency_budget
    unclear = [arm for arm, one in plan.slowdowns.items() if budget and one.low <= budget < one.high]
    if unclear:
        lines.append(
            f"The intervals of {counted(len(unclear), 'candidate')} hold the budget, and the medians decide; "
            "an idle machine measures more narrowly."
        )
    reasons: dict[str, list[str]] = defaultdict(list)
    for one in plan.left_out:
        reasons[one.why].append(one.arm)
    for why, arms in reasons.items():
        more = f" and {len(arms) - SHOWN} more" if len(arms) > SHOWN else ""
        lines.append(f"Left out, {', '.join(arms[:SHOWN])}{more}: {why}")
    return "\n".join(lines)


def _stages(plan: "PlacementPlan", expected: "PlacementForecast") -> str:
    """Return what the search will do, with the time that each stage takes."""
    from foveate.durations import duration
    from foveate.experiments.placing.forecast import COMPARISON, HOST, SCORES
    from foveate.report.words import counted
    from foveate.verdicts.statistics import detectable_difference
    from foveate.verdicts.verdict import detectable_words

    spec, rounds = plan.spec, expected.rounds.planned
    seeds = counted(spec.trial_seeds, "seed")
    words = {
        HOST: "the host alone, shortly",
        SCORES: f"the score '{spec.screen}' of all candidates; the better half goes on",
        COMPARISON: f"{counted(_survivors(plan), 'candidate')} and the host, {spec.seeds} new seeds, "
        f"{counted(spec.training.epochs, 'epoch')}, on the test images",
    }
    for number, one in enumerate(rounds, start=1):
        words[f"round {number}"] = (
            f"{one.entering} candidates and the host, {seeds}, {counted(one.epochs, 'epoch')}; "
            f"the best {one.keep} go on"
        )
    lines = [f"  {name}: {words[name]}: about {duration(took)}" for name, took in expected.stages.items()]
    at_once = f", {expected.jobs} runs at once" if expected.jobs > 1 else ""
    images = len(plan.data.dataset.index("test"))
    smallest = detectable_difference(spec.seeds, images, arms=_survivors(plan))
    detectable = f"Forecast for {images} test images: {detectable_words(smallest, 'forecast')}"
    return "\n".join([f"About {duration(expected.seconds)} in all{at_once}:", *lines, detectable])


def _survivors(plan: "PlacementPlan") -> int:
    return min(plan.spec.survivors, len(plan.candidates))


def _run(
    plan: "PlacementPlan",
    folder: Path,
    expected: "PlacementForecast",
    seconds: float | None,
    engine: EngineChoice,
) -> None:
    from foveate.cli.progress import progress
    from foveate.cli.typed import command_line
    from foveate.experiments.placing.place import place as run
    from foveate.experiments.placing.progress import PlacementEvent
    from foveate.training.run import Interrupted

    with progress("Searching", even=False) as advance:

        def show(event: PlacementEvent) -> None:
            advance(event.share, 1.0, event.text, event.seconds_left)

        try:
            run(plan, folder, expected, show, command_line(), seconds, engine.opener())
        except Interrupted as stop:
            raise KeyboardInterrupt(str(stop)) from stop
