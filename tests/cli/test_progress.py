from foveate.cli import progress as module
from foveate.cli.progress import progress


def test_without_a_terminal_a_line_is_printed_every_20_seconds(capsys, monkeypatch):
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("Training") as advance:
        for done in range(1, 5):
            advance(done, 4, note=f"epoch {done}", left=60.0)
    assert capsys.readouterr().err.splitlines() == [
        "Training: 50%, 1 min left, epoch 2",
        "Training: 100%, 1 min left, epoch 4",
    ]


def test_on_a_terminal_a_bar_is_drawn_and_removed(capsys, monkeypatch):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    with progress("Scoring") as advance:
        advance(1, 2, note="[street] 7")
    assert capsys.readouterr().out == ""
