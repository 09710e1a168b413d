from functools import partial

import pytest

from foveate.cli.main import main
from foveate.evaluation.slowdown import slowdown
from foveate.experiments.placing import plan as planning

DATA = "synthetic:search:8/4/4:16x16"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--attention", "cbma"], "unknown attention 'cbma'; did you mean 'cbam'?"),
        (["--attention", "cbam,se(reductoin=2)"], "unknown se option 'reductoin'"),
        (["--attention", "cbam@decoder"], "says where the attention sits"),
        (["--latency-budget", "0.5"], "latency_budget is 0.5: it counts latencies of the bare host"),
        (["--latency-budget", "much"], "--latency-budget: "),
        (["--screen", "luck"], "screen is 'luck'"),
        (["--budget", "soon"], "--budget: 'soon' is no duration"),
        (["--jobs", "0"], "--jobs: '0' is no number of runs"),
        (["--places", "attic"], "place 'attic'"),
        (["--seeds", "1"], "seeds is 1"),
    ],
)
def test_wrong_flags_are_told_in_one_sentence(flags, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["place", DATA, *flags]) == 2
    error = capsys.readouterr().err
    assert words in error.replace("\n", " ")
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_a_dry_run_lists_candidates_and_stages_and_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planning, "slowdown", partial(slowdown, seconds=0.0))
    flags = [
        "--encoder",
        "tu-test_resnet",
        "--attention",
        "simam",
        "--places",
        "encoder*",
        "decoder",
        "--survivors",
        "1",
        "--epochs",
        "1",
        "--jobs",
        "1",
        "--dry-run",
    ]
    assert main(["place", DATA, *flags]) == 0
    printed = capsys.readouterr().out
    assert "2 candidates on unet" in printed
    assert "simam@encoder1  [" in printed
    assert "round 1: 2 candidates and the host, 2 seeds, 1 epoch; the best" in printed
    assert "comparison: 1 candidate and the host, 3 new seeds, 1 epoch, on the test images" in printed
    assert not list(tmp_path.iterdir())
