"""When edges are taken to tell whether a mask belongs to its image."""

from pathlib import Path

import pytest

from foveate.data.dataset import Entry
from foveate.doctor.agreement import Agreement
from foveate.doctor.doubt import edges_are_informative
from foveate.doctor.exam import Exam


def exams(*own: float) -> list[Exam]:
    entry = Entry("a", Path("a.png"))
    return [Exam("all", entry, agreement=Agreement(value, value, (0, 0))) for value in own]


def test_of_few_pairs_a_median_that_just_suffices_is_not_enough():
    polyps = [0.2, 0.9, 1.1, 1.8, 2.6, 3.0, 4.1, 4.4, 5.2, 6.4, 7.0, 7.7, 9.1]  # as some 13 of them had
    assert not edges_are_informative(exams(*polyps))
    assert not edges_are_informative(exams(*polyps[1:]))
    assert edges_are_informative(exams(*polyps, *[8.0] * 40))


@pytest.mark.parametrize(("pairs", "displaced"), [(6, 1), (12, 3), (40, 14)])
def test_displaced_masks_among_clear_ones_do_not_hide_that_edges_tell(pairs: int, displaced: int):
    assert edges_are_informative(exams(*[0.0] * displaced, *[9.0] * (pairs - displaced)))
    assert not edges_are_informative(exams(*[0.0] * (pairs - 1), 9.0))


def test_fewer_than_six_pairs_are_not_judged():
    assert not edges_are_informative(exams(*[9.0] * 5))
