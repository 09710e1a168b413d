import pytest

from foveate.cli import progress as module
from foveate.cli.progress import progress


def test_away_from_a_terminal_lines_come_now_and_then(capsys, monkeypatch):
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("Training") as advance:
        for done in range(1, 5):
            advance(done, 4, note=f"epoch {done}", left=60.0)
    assert capsys.readouterr().err.splitlines() == [
        "Training: 50%, 1 min left, epoch 2",
        "Training: 100%, 1 min left, epoch 4",
    ]


def test_no_time_is_left_until_the_pace_is_known(monkeypatch):
    """The first image took twenty seconds of loading: it says nothing of the other 63."""
    now = 20.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    pace = module.Pace()
    assert pace.left(1, 64) is None
    now = 21.5
    assert pace.left(2, 64) is None  # one image alone
    now = 23.0
    assert pace.left(3, 64) == 1.5 * 61


def test_fast_reports_do_not_tell_a_pace_within_two_seconds(monkeypatch):
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    pace = module.Pace()
    for done in range(1, 20):
        now = 0.1 * done
        assert pace.left(done, 1000) is None
    now = 2.2
    assert pace.left(22, 1000) == pytest.approx(0.1 * 978)


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(capsys, monkeypatch):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    with progress("Scoring") as advance:
        advance(1, 2, note="[street] 7")
    assert capsys.readouterr().out == ""
