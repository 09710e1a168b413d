"""Pairs whose edges disagree although those of the others agree: these are looked at once more."""

from collections.abc import Sequence

import numpy as np

from foveate.doctor.exam import Exam

MIN_AGREEMENT = 4.0
"""Median agreement from which edges tell whether a mask belongs to its image, in standard deviations."""

MIN_PAIRS = 6
MAX_PAIRS = 200


def with_agreement(exams: Sequence[Exam]) -> list[Exam]:
    return [exam for exam in exams if exam.agreement is not None]


def edges_are_informative(exams: Sequence[Exam]) -> bool:
    """Whether most masks of a dataset lie on edges of their images, so that those that do not stand out.

    By the median's lower confidence limit (about 95%, one side): of few pairs the median alone tells little.
    """
    own = sorted(exam.agreement.own for exam in with_agreement(exams))
    rank = len(own) / 2 - 0.8 * len(own) ** 0.5  # 1.6 standard deviations of a binomial with one half
    return len(own) >= MIN_PAIRS and own[max(0, int(rank))] >= MIN_AGREEMENT


def doubtful(exams: Sequence[Exam]) -> list[Exam]:
    """The pairs that agree much less than the others; where none agrees, the first ones.

    At most `MAX_PAIRS`, and none where there are too few pairs to judge.
    """
    known = with_agreement(exams)
    if len(known) < MIN_PAIRS:
        return []
    if not edges_are_informative(exams):
        return known[:MAX_PAIRS]
    usual = float(np.median([exam.agreement.own for exam in known]))
    low = [exam for exam in known if exam.agreement.own < 0.6 * usual]
    return sorted(low, key=lambda exam: exam.agreement.own)[:MAX_PAIRS]
