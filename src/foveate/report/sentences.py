"""Say what was found about each arm: the verdict, what it means for the user, and what to do next."""

import math

from foveate.evaluation.cost import Cost
from foveate.experiments.result import Comparison, Contender
from foveate.report import words
from foveate.report.openings import opening_sentence
from foveate.verdicts.findings import ArmResult, Contrast
from foveate.verdicts.statistics import ALPHA, IntervalEstimate


def headline(comparison: Comparison) -> str:
    """Return all verdicts in one sentence; the arms that help come first."""
    arms, reference = comparison.arms, words.reference(comparison)
    by_verdict = {
        verdict: [arm.label for arm in arms if comparison.result(arm.arm).verdict == verdict]
        for verdict in words.MARKS
    }
    if not arms and reference != "the host":
        return f"{reference} is the reference; give other arms to set against it."
    if not arms:
        return "Only the bare host was trained; give arms to compare it with."
    parts = "; ".join(
        _said_of(names, verdict, len(names) == len(arms)) for verdict, names in by_verdict.items() if names
    )
    if reference != "the host":
        return f"Against {reference}: {parts}."
    if by_verdict["helps"]:
        lead = "Yes"
    elif by_verdict["not shown"] or by_verdict["no verdict"]:
        lead = "Not shown"
    else:
        lead = "Not tested" if by_verdict["not tested"] else "No"
    return f"{lead}: {parts}."


def _said_of(names: list[str], verdict: str, are_all: bool) -> str:
    """Say the verdict that arms share; many arms that are all of them are counted instead of listed."""
    one = len(names) == 1
    who = f"all {len(names)} arms" if are_all and len(names) > 2 else words.listed(names)
    return {
        "helps": f"{who} help{'s' * one}",
        "hurts": f"{who} hurt{'s' * one}",
        "no difference": f"{who} make{'s' * one} no difference that matters",
        "not shown": f"no effect is shown for {who}",
        "not tested": f"{who} {'was' if one else 'were'} not tested, because the runs are too short",
        "no verdict": f"there is no verdict on {who}",
    }[verdict]


def warnings(comparison: Comparison) -> list[str]:
    """Return why the reference was not trained well enough to compare with; empty if it was."""
    reference, texts = words.reference(comparison), []
    who = f"{reference[0].upper()}{reference[1:]}" if reference == "the host" else reference
    if comparison.rising > comparison.findings.margin:
        texts.append(
            f"{who} was still improving: its validation {words.image_score(comparison)} rose by"
            f" {100 * comparison.rising:.1f} points in the last fifth of the training. Train longer"
            " (--epochs) before you trust these verdicts."
        )
    if comparison.one_class:
        where = "on every pixel" if comparison.task == "segmentation" else "for every image"
        texts.append(
            f"{who} predicts {comparison.one_class} {where}, so there is nothing to compare with yet. Train"
            " longer (--epochs), weight the classes (--class-weights inverse_sqrt), and check the data with"
            " foveate doctor."
        )
    return texts


def verdict_sentences(comparison: Comparison, arm: Contender) -> list[str]:
    """Return the verdict on one arm in sentences: the change, what to do, the placebo's change, the cost."""
    result = comparison.result(arm.arm)
    return [
        *_change_sentences(comparison, arm, result, words.reference(comparison)),
        *filter(None, [opening_sentence(comparison, arm)]),
        *_placebo_sentences(comparison, arm),
        _cost_sentence(comparison, result),
    ]


def contrast_sentences(comparison: Comparison, contrast: Contrast) -> list[str]:
    """Return the verdict on a pair of arms in sentences."""
    labels = {item.arm: item.label for item in comparison.contenders} | {"none": "the host"}
    arm = next(item for item in comparison.contenders if item.arm == contrast.arm)
    return _change_sentences(comparison, arm, contrast, labels[contrast.reference])


def control_sentence(control: Comparison) -> str:
    """Return whether the same set-up found attention that is known to help, on drawn images."""
    (arm,) = control.arms
    result = control.result(arm.arm)
    change, score = result.paired, words.score_name(control.score)
    found = f"{words.points(change.mean)} points of {score} ({words.interval(change.low, change.high)})"
    set_up = "the same host, schedule, seeds, image size and number of images"
    begin = (
        f"On drawn images, where {arm.arm} is known to help a host that sees only locally, {set_up} gave"
        f" {found}: {result.verdict}."
    )
    if result.verdict == "helps":
        return f"{begin} A gain of that size would have been found."
    if not math.isfinite(result.detectable):
        return f"{begin} This set-up did not find it; train longer, or take more images or seeds."
    least = f"{100 * result.detectable:.1f}"
    return (
        f"{begin} This set-up finds gains from about {least} points on. Either this host solves the control"
        " without attention, or the training is too short to learn from it."
    )


def summary_lines(comparison: Comparison, control: Comparison | None = None) -> list[str]:
    """Return what the terminal shows: the headline, warnings, and a line for each arm and contrast.

    control: the control beside the comparison, if there is one.
    """
    labels = {item.arm: item.label for item in comparison.contenders}
    return [
        headline(comparison),
        *(f"Warning: {text}" for text in warnings(comparison)),
        *(f"  {arm.label}: {' '.join(verdict_sentences(comparison, arm))}" for arm in comparison.arms),
        *(
            f"  {labels[contrast.arm]} vs {labels[contrast.reference]}:"
            f" {' '.join(contrast_sentences(comparison, contrast))}"
            for contrast in comparison.findings.contrasts
        ),
        *([f"  Control: {control_sentence(control)}"] if control else []),
    ]


def _change_sentences(
    comparison: Comparison, arm: Contender, found: ArmResult | Contrast, reference: str
) -> list[str]:
    """Return the change that was found, and what it means."""
    difference = found.paired if isinstance(found, ArmResult) else found.difference
    score, margin = words.score_name(comparison.score), words.margin(comparison)
    against = "" if reference == "the host" else f" against {reference}"
    size, p = words.points(abs(difference.mean)).lstrip("+"), words.p_value(found.p_holm)
    bounds = f"95% interval {words.interval(difference.low, difference.high)}"
    seeds = f", {words.counted(len(found.seeds), 'seed')}" if _differ_in_seeds(comparison) else ""
    change = f"Changes {score} by {words.points(difference.mean)} points{against}"
    kind = "gain" if difference.mean > 0 else "loss"
    match found.verdict:
        case "helps" | "hurts":
            verb = "Raises" if found.verdict == "helps" else "Lowers"
            least = min(abs(difference.low), abs(difference.high))
            surely = "and" if least > comparison.findings.margin else "but"
            limit = "is above" if surely == "and" else "may be below"
            return [
                f"{verb} {score} by {size} points{against} ({bounds}, {p}{seeds}).",
                f"Chance is an unlikely explanation, {surely} the {kind} {limit} the margin of {margin}.",
            ]
        case "no difference":
            leave = "you can leave it out" if reference == "the host" else "take the cheaper of the two"
            real = difference.excludes_zero and found.p_holm <= ALPHA
            return [
                f"{change} ({bounds}{seeds}): within the margin of {margin}, {leave}.",
                *([f"The small {kind} is real ({p}), but below the margin."] if real else []),
            ]
        case "not shown":
            among = "in one of so many arms, " if difference.excludes_zero else ""
            return [
                f"{change} ({bounds}, {p}{seeds}): {among}chance alone could do this.",
                _next_step(comparison, arm, difference),
            ]
        case "not tested":
            without = "" if comparison.gate == "none" else ", or without a gate (--gate none)"
            return [
                f"{change} ({bounds}{seeds}), which says nothing about attention: in so short a run a gate"
                f" can move by {comparison.travel:.2g} at most.",
                f"Train for more epochs (--epochs){without}.",
            ]
    if difference.mean != difference.mean:
        return [f"{score[0].upper()}{score[1:]} is not defined on these test images, so there is no verdict."]
    one_group = comparison.findings.groups == 1 < comparison.findings.images
    lack = "all test images are of one group, which says nothing about others" if one_group else ""
    return [f"{change}; {lack or 'there are too few runs or test images'}, so there is no verdict."]


def _next_step(comparison: Comparison, arm: Contender, difference: IntervalEstimate) -> str:
    """Return what limits an arm that is not decided, and what would help."""
    found = comparison.findings
    grouped = found.groups < found.images
    images = f"{found.groups} groups of test images" if grouped else f"{found.images} test images"
    by_images = difference.image_variance > difference.seed_variance
    seeds = "seeds, each with its own test images" if comparison.folds else "seeds"
    cause = f"Most of the uncertainty comes from the {images if by_images else seeds}"
    if arm.stopped == "undecidable":
        if by_images:
            return (
                f"As many more seeds as were allowed (--max-seeds, --budget) would not decide it:"
                f" m{cause[1:]}, and more of them are needed."
            )
        return (
            "As many more seeds as were allowed (--max-seeds, --budget) would not decide it: it takes even"
            " more of them, or more test images."
        )
    if comparison.until_decided and not arm.stopped:
        return f"The seeds or the budget ended before it was decided (--max-seeds, --budget). {cause}."
    if by_images:
        return f"{cause}: more of them would help, more seeds hardly."
    return f"{cause}: more of them would help (--until-decided adds them)."


def _differ_in_seeds(comparison: Comparison) -> bool:
    return len({len(item.seeds) for item in comparison.contenders}) > 1


def _cost_sentence(comparison: Comparison, result: ArmResult) -> str:
    reference, base = words.reference(comparison), comparison.result(comparison.baseline.arm)
    cost = (
        f"{words.added(result.cost.parameters, base.cost.parameters)} parameters"
        f" and {latency(result.cost, base.cost, reference)}."
    )
    return f"Costs {cost}" if reference == "the host" else f"Compared with {reference}, it costs {cost}"


def latency(cost: Cost, base: Cost, of: str = "the host") -> str:
    """Compare latencies; they differ if the middle halves of timings are disjoint.

    >>> from dataclasses import replace
    >>> host = Cost(1, 1, latency_ms=8.0, latency_low_ms=7.0, latency_high_ms=9.0, memory_bytes=1)
    >>> latency(replace(host, latency_ms=12.0, latency_low_ms=11.0, latency_high_ms=13.0), host)
    "×1.50 the host's latency"
    >>> latency(replace(host, latency_ms=7.5, latency_high_ms=8.0), host)
    'no measurable change in latency (×0.94)'
    """
    times = words.ratio(cost.latency_ms, base.latency_ms)
    if cost.latency_low_ms > base.latency_high_ms or cost.latency_high_ms < base.latency_low_ms:
        return f"{times} {of}'s latency"
    return f"no measurable change in latency ({times})"


def _placebo_sentences(comparison: Comparison, arm: Contender) -> list[str]:
    placebo, difference = comparison.placebo_of(arm.arm), comparison.result(arm.arm).versus_placebo
    if placebo is None or difference is None:
        return []
    change = comparison.result(placebo.arm).difference.mean
    bounds = words.interval(difference.low, difference.high)
    text = f"Compared with the placebo, the arm changes it by {words.points(difference.mean)} points"
    text += f" (95% interval {bounds})" if bounds else ""
    if comparison.result(arm.arm).verdict == "helps" and not difference.low > 0:
        text += ", so the gain may come from more parameters rather than from attention"
    return [
        f"A plain convolution with as many parameters (placebo) changes it by {words.points(change)} points.",
        f"{text}.",
    ]
