"""Two small results shared by all tests of the functions: a fitted arm, and its comparison with the host."""

from pathlib import Path
from typing import Any

import pytest

import foveate
from foveate.api.compare import ComparisonResult
from foveate.api.fit import FitResult

DATA = "synthetic:12"
ARM = "se@decoder(reduction=4)"


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """Keywords with which an epoch takes a second."""
    return {
        "size": (32, 64),
        "batch": 4,
        "arch": "unet",
        "encoder": "tu-test_resnet",
        "options": {"encoder_depth": 2, "decoder_channels": [8, 8]},
        "precision": "32",
        "epochs": 1,
        "accelerator": "cpu",
    }


@pytest.fixture(scope="session")
def fitted(small, tmp_path_factory) -> tuple[FitResult, list]:
    """The result of `fit`, and its progress events."""
    events: list = []
    out = tmp_path_factory.mktemp("fit") / "best"
    return foveate.fit(DATA, arm=ARM, out=out, progress=events.append, **small), events


@pytest.fixture(scope="session")
def compared(small, tmp_path_factory) -> tuple[ComparisonResult, list]:
    """The result of `compare`, and its progress events."""
    events: list = []
    out = tmp_path_factory.mktemp("compare") / "c"
    return foveate.compare(DATA, arms=ARM, seeds=2, out=out, progress=events.append, **small), events


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder that does not exist, nor does its parent."""
    return tmp_path / "deep" / "run"
