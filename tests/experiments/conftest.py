"""One small comparison for all tests: begun by a child process that is killed in its second run."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from foveate.experiments.compare import ComparisonEvent, compare
from foveate.experiments.result import Comparison
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.training import TrainingSpec

CHILD = """
import os, signal
from foveate.experiments.compare import compare

def kill_in_second_run(event):
    if event.run == 2 and event.training.step == 1:
        os.kill(os.getpid(), signal.SIGKILL)

compare(spec, out, kill_in_second_run)
"""


@dataclass(frozen=True)
class Continued:
    """A comparison that was begun in a process that died, and finished in this one."""

    spec: ComparisonSpec
    out: Path
    exitcode: int
    left_by_child: dict[str, str]
    events: list[ComparisonEvent]
    comparison: Comparison


@pytest.fixture(scope="session")
def small_spec() -> ComparisonSpec:
    options = {"encoder_depth": 2, "decoder_channels": [16, 8]}
    return ComparisonSpec(
        DataSpec("synthetic:8:32x48", size=(32, 48), batch=4),
        ModelSpec("unet", "tu-test_resnet", gate="none", options=options),
        TrainingSpec(epochs=1, lr=0.01, precision="32"),
        arms=("cbam@decoder", "none"),
        placebo=True,
        seeds=2,
    )


@pytest.fixture(scope="session")
def continued(small_spec, begin, tmp_path_factory) -> Continued:
    out = tmp_path_factory.mktemp("experiments") / "c"
    child = begin(CHILD, spec=small_spec, out=out)
    child.join()
    left = fingerprints(out)
    events: list[ComparisonEvent] = []
    comparison = compare(small_spec, out, events.append, command="foveate compare synthetic")
    return Continued(small_spec, out, child.exitcode, left, events, comparison)


def fingerprints(out: Path) -> dict[str, str]:
    """The content of every file, by its path in the folder."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
