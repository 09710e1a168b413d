"""Say what the verdicts mean, how the result was reached, and the limits of what it says."""

import math
from itertools import pairwise

from foveate.experiments.result import Comparison, Contender
from foveate.report import words
from foveate.verdicts.statistics import detectable_difference
from foveate.verdicts.verdict import detectable_words

FEW_GROUPS = 10
"""With fewer groups, intervals are wide and less certain."""


def meanings(comparison: Comparison) -> dict[str, str]:
    """Return what each verdict means for the user."""
    margin, reference = words.margin(comparison), words.reference(comparison)
    same = "Leave it out" if reference == "the host" else "Take the cheaper of the two"
    return {
        "helps": "The score is higher, and chance is an unlikely explanation: the interval lies above 0. Use"
        " it if the gain is worth its cost.",
        "hurts": "The score is lower, and chance is an unlikely explanation: the interval lies below 0. Leave"
        " it out.",
        "no difference": f"The whole interval lies within the margin of {margin} on either side of 0."
        f" {same}.",
        "not shown": "This comparison cannot tell. That does not mean “no difference”: more seeds"
        " (--until-decided) or more test images can decide it.",
        "not tested": "The runs are too short for its gate to open, so they say nothing about it. Train for"
        " more epochs, or without a gate (--gate none).",
        "no verdict": "There is no interval, for example because there is a single seed.",
    }


def notes(comparison: Comparison) -> list[str]:
    """Return how the intervals come about, and the limits of what they say."""
    score, reference = words.score_name(comparison.score), words.reference(comparison)
    return [
        f"Every arm was trained with the same seeds as {reference} ({words.seed_count(comparison)}). Runs of"
        " one seed share the host's initial weights, the order of the batches and the random augmentations. A"
        " difference therefore comes from the arm or from chance.",
        "The intervals cover two sources of chance: the seed of the training, and the choice of the"
        f" {words.test_images(comparison)}. They are 95% intervals for the difference of {score} on images"
        f" like these.{_groups(comparison)}",
        "“Helps” and “hurts” need an interval without 0, and a p-value of at most 0.05 after it was adjusted"
        " for the number of arms and contrasts (Holm). Placebos do not count, and their p-values are not"
        " adjusted.",
        *_folds(comparison),
        *_looks(comparison),
        *_stops(comparison),
        *_detectable(comparison),
        *_placebos(comparison),
        "The verdicts hold for this data, this host, this image size and this length of training.",
    ]


def detectable(comparison: Comparison) -> float | None:
    """Return the smallest detectable difference (0 to 1), the largest over the arms.

    None if it is unknown, for instance if no prediction differs, so that the size of chance cannot be
    measured.
    """
    known = [comparison.result(arm.arm).detectable for arm in comparison.arms]
    return max((value for value in known if math.isfinite(value) and value > 0), default=None)


def _groups(comparison: Comparison) -> str:
    groups, images = comparison.findings.groups, comparison.findings.images
    if groups >= images:
        return ""
    few = (
        f" There are only {groups}, so the intervals are wide and less certain: test on {FEW_GROUPS} groups"
        " or more if you can."
    )
    text = " Images of one group are not independent, so the intervals leave out one group at a time."
    return text + few * (groups < FEW_GROUPS)


def _folds(comparison: Comparison) -> list[str]:
    if not comparison.folds:
        return []
    return [
        f"Each seed tests another of {comparison.folds} folds, and trains on the others. Scores are those of"
        " the images of all seeds together. Training images of the seeds overlap: a verdict is about networks"
        " trained on data like these on average, not about a single one."
    ]


def _looks(comparison: Comparison) -> list[str]:
    looks = comparison.findings.looks
    if not looks:
        return []
    if len(looks) == 1:
        return [
            f"The result was looked at once, with {words.counted(looks[0], 'seed')}. The intervals are a"
            " little wider than they need to be for a single look, so that seeds may still be added."
        ]
    every = all(after == before + 1 for before, after in pairwise(looks))
    at = (
        f"{looks[0]} to {looks[-1]} seeds, after every seed"
        if every and len(looks) > 2
        else f"{words.listed([str(look) for look in looks])} seeds"
    )
    return [
        f"The result was looked at {len(looks)} times: with {at}. Every look is a further chance of a false"
        " alarm. The intervals are wider to pay for it, so that all looks together keep to 5%."
    ]


def _stops(comparison: Comparison) -> list[str]:
    if not comparison.until_decided:
        return []
    ends = {
        "decided": "is decided and stopped after {}",
        "undecidable": "stopped after {}, because as many more as were allowed would not decide it",
        "not tested": "stopped after {}, because its gate cannot open in so short a run",
        "": "got as many seeds as the most allowed, or the budget, permitted: {}",
    }

    def end(arm: Contender) -> str:
        return f"{arm.label} {ends[arm.stopped].format(words.counted(len(arm.seeds), 'seed'))}"

    stopped = "; ".join(end(arm) for arm in comparison.arms)
    return [f"Each arm got seeds until it was decided or could not be: {stopped}."] if stopped else []


def _detectable(comparison: Comparison) -> list[str]:
    if (smallest := detectable(comparison)) is None:
        return []
    text, looks = detectable_words(smallest, "measured"), comparison.findings.looks
    if len(looks) == 1:
        arms = max(1, len(comparison.contenders) - len(comparison.placebos) - 1)
        forecast = detectable_difference(looks[0], comparison.findings.images, arms=arms)
        words = detectable_words(forecast, "forecast")
        text += f" The forecast before training was: {words[0].lower()}{words[1:]}"
    return [f"{text} Smaller effects need more seeds or test images."]


def _placebos(comparison: Comparison) -> list[str]:
    if not comparison.placebos:
        return []
    return [
        "A placebo is a plain convolution with as many parameters as its arm. The arm's gain over its"
        " placebo comes from attention. A gain that both share comes from more parameters."
    ]
