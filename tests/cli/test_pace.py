import pytest

from foveate.cli.pace import Pace


def test_the_first_report_gives_no_pace():
    """The first image took twenty seconds of loading: it says nothing of the other 63."""
    pace = Pace()
    assert pace.left(1, 64, 20.0) is None
    assert pace.left(2, 64, 21.5) is None  # one image alone
    assert pace.left(3, 64, 23.0) == 1.5 * 61


def test_fast_reports_give_no_pace_within_two_seconds():
    pace = Pace()
    assert all(pace.left(done, 1000, 0.1 * done) is None for done in range(1, 20))
    assert pace.left(22, 1000, 2.2) == pytest.approx(0.1 * 978)


def test_a_new_task_has_a_new_pace():
    pace = Pace()
    assert [pace.left(done, 10, float(done)) for done in (4, 5, 6)] == [None, None, 4.0]
    assert pace.left(1, 10, 7.0) is None
