import numpy as np
import pytest
import torch

from foveate.attention.maps import SpatialMap
from foveate.inspection.subjects import RecordedMap, View
from foveate.prediction.assemble import Prediction


@pytest.mark.parametrize(
    ("gate", "title"),
    [
        (None, "cbam@decoder"),
        (0.25, "cbam@decoder, gate 0.25"),
        (0.0101, "cbam@decoder, gate 0.01"),
        (0.0099, "cbam@decoder, gate 0.0099 (nearly closed)"),
        (-0.001, "cbam@decoder, gate -0.001 (nearly closed)"),
    ],
)
def test_a_title_names_a_nearly_closed_gate(gate: float | None, title: str):
    view = View("photo", np.zeros((2, 2, 3), np.uint8), Prediction(("a",), ((0, 0, 0),), np.ones((2, 2))))
    assert RecordedMap(view, "cbam@decoder", 0, SpatialMap(torch.ones(1, 2, 2)), gate=gate).title == title
