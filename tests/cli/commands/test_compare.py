import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.cli.main import main
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec

FLAGS = [
    *("--arms", "none", "se@decoder(reduction=4)", "--seeds", "2", "--epochs", "2", "--size", "32x48"),
    *(
        "--batch",
        "4",
        "--precision",
        "32",
        "--options",
        "{encoder_depth: 2, decoder_channels: [16, 8]}",
        "--arch",
        "unet",
        "--encoder",
        "tu-test_resnet",
    ),
]


def command(out: Path) -> list[str]:
    return ["compare", "synthetic:8:32x48", *FLAGS, "--out", str(out)]


COMMAND = """
import sys
from foveate.cli.main import main

sys.stdout, sys.stderr = (open(f"{folder}/{name}", "w", buffering=1) for name in ("stdout", "stderr"))
sys.exit(main(argv))
"""


@dataclass(frozen=True)
class Stopped:
    """A comparison that got Ctrl-C when its first run was done."""

    out: Path
    exitcode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def stopped(begin, tmp_path_factory) -> Stopped:
    folder = tmp_path_factory.mktemp("compare")
    out = folder / "c"
    child = begin(COMMAND, argv=command(out), folder=str(folder))
    deadline = time.monotonic() + 200
    while not (out / "runs/none/seed0/result.json").exists() and child.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGINT)
    child.join(60)
    return Stopped(out, child.exitcode, *((folder / name).read_text() for name in ("stdout", "stderr")))


def test_the_plan_is_printed_before_training(stopped):
    output = stopped.stdout
    assert "8 train" in output
    host = "unet with tu-test_resnet (decoder_channels 16,8; encoder_depth 2)"
    assert f"{host} at 32x48, 2 seeds of each arm:\n  none\n  se@decoder(reduction=4)\n" in output
    assert "4 runs of 2 epochs: about" in output
    assert "points is detected four times out of five" in output


def test_ctrl_c_says_what_is_kept_and_how_to_continue(stopped):
    assert stopped.exitcode == 130
    assert stopped.stderr.splitlines()[-1].startswith("foveate: stopped: the training so far is kept")
    assert f"kept in {stopped.out}; run the same command again to resume" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_the_same_command_continues_and_ends_with_the_report(stopped, capsys):
    out = stopped.out
    first = (out / "runs/none/seed0/result.json").stat().st_mtime_ns
    assert main(command(out)) == 0
    output = capsys.readouterr().out
    assert "3 left of 4 runs" in output
    assert "\n  se@decoder(reduction=4): " in output
    assert output.splitlines()[-1] == str(out / "report.html")
    assert (out / "runs/none/seed0/result.json").stat().st_mtime_ns == first
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((out / "comparison.json").read_text())["command"].startswith(
        "foveate compare synthetic:8:"
    )

    found = (out / "comparison.json").stat().st_mtime_ns
    assert main(command(out)) == 0
    output = capsys.readouterr().out
    assert output.startswith("This comparison was finished by 20")
    assert "Forecast" not in output
    assert output.splitlines()[-1] == str(out / "report.html")
    assert (out / "comparison.json").stat().st_mtime_ns == found


def test_a_folder_with_a_comparison_of_other_data_is_refused_by_name(stopped, capsys):
    out = stopped.out
    assert main(["compare", "synthetic:9:32x48", *FLAGS, "--out", str(out)]) == 2
    output = capsys.readouterr().err
    assert f"{out} holds a comparison of synthetic:8:32x48, not of synthetic:9:32x48" in output


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--seeds", "1"], "no verdict is possible from one seed"),
        (["--epochs", "0"], "epochs is 0; it must be at least 1"),
        (["--devices", "2"], "a comparison trains each of its runs on one device"),
        (["--arms", "none"], "no arm to compare"),
        (["--arms", "none", "se@decodr"], "did you mean 'decoder'?"),
        (["--arms", "se@decoder(reduction=4"], "se@decoder(reduction=4"),
    ],
)
def test_wrong_flags_are_reported_before_anything_is_written(flags, words, tmp_path, capsys):
    out = tmp_path / "deep" / "c"
    assert main([*command(out), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not out.parent.exists()


def test_without_out_the_folder_has_the_name_of_the_data(tmp_path, monkeypatch, capsys):
    random = np.random.default_rng(0)
    for index in range(8):
        for folder, shape in (("images", (32, 48, 3)), ("masks", (32, 48))):
            path = tmp_path / "cells" / folder / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 2, shape, dtype=np.uint8) * np.uint8(255)).save(path)
    other = ComparisonSpec(DataSpec("streets"))
    (tmp_path / "runs/cells").mkdir(parents=True)
    (tmp_path / "runs/cells/comparison.yaml").write_text(other.to_yaml())
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "cells"]) == 2
    assert "runs/cells holds a comparison of streets, not of cells" in capsys.readouterr().err
