from collections.abc import Callable
from dataclasses import replace

import pytest

from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec


@pytest.fixture(scope="session")
def small_spec() -> Callable[..., RunSpec]:
    """`small_spec(epochs=2, ...)`: a run of three steps an epoch on twelve small images, seconds of work."""
    spec = RunSpec(
        DataSpec("synthetic:12", size=(32, 64), batch=4),
        ModelSpec("unet", "tu-test_resnet", options={"encoder_depth": 2, "decoder_channels": [8, 8]}),
        TrainingSpec(epochs=2, precision="32"),
    )

    def make(**training) -> RunSpec:
        return replace(spec, training=replace(spec.training, **training))

    return make
