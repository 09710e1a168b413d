"""Select the pairs whose mask may not fit the image, for the expensive comparison of all with all."""

from collections.abc import Sequence

import numpy as np

from foveate.doctor.exam import Exam

MIN_AGREEMENT = 4.0
"""Median agreement, in standard deviations, from which edges show whether a mask belongs to its image."""

MIN_PAIRS = 6
"""Fewer pairs are not judged."""

MAX_PAIRS = 200
"""At most this many pairs are compared with one another."""


def with_agreement(exams: Sequence[Exam]) -> list[Exam]:
    """Return the exams whose edges and outlines could be compared."""
    return [exam for exam in exams if exam.agreement is not None]


def edges_are_informative(exams: Sequence[Exam]) -> bool:
    """Whether most masks of a dataset lie on edges of their images, so that exceptions can be found.

    The lower confidence limit of the median agreement (about 95%, one-sided) must reach `MIN_AGREEMENT`.
    """
    own = sorted(exam.agreement.own for exam in with_agreement(exams))
    rank = len(own) / 2 - 0.8 * len(own) ** 0.5  # 1.6 standard deviations of a binomial with one half
    return len(own) >= MIN_PAIRS and own[max(0, int(rank))] >= MIN_AGREEMENT


def doubtful(exams: Sequence[Exam]) -> list[Exam]:
    """Return the pairs that agree much less than the median pair, the worst first, `MAX_PAIRS` at most.

    If edges are not informative, return the first pairs. With fewer than `MIN_PAIRS`, return none.
    """
    measured = with_agreement(exams)
    if len(measured) < MIN_PAIRS:
        return []
    if not edges_are_informative(exams):
        return measured[:MAX_PAIRS]
    usual = float(np.median([exam.agreement.own for exam in measured]))
    low = [exam for exam in measured if exam.agreement.own < 0.6 * usual]
    return sorted(low, key=lambda exam: exam.agreement.own)[:MAX_PAIRS]
