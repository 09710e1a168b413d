"""The receptive field, against what the layers' kernels and strides give by hand."""

import pytest
import torch

from foveate.models.attaching.attach import attach
from foveate.models.create import create_model
from foveate.models.receptive_field import receptive_field


@pytest.mark.parametrize(("stages", "pixels"), [(1, 11), (2, 25)])
def test_of_a_resnet_by_hand(stages, pixels):
    """conv1 3; layer1 four 3x3 at stride 1: 3 + 8; layer2 one at stride 1, three at stride 2: 11 + 2 + 12."""
    model = create_model("classifier", "resnet18", stem="small", stages=stages)
    assert receptive_field(model, (64, 96)) == (pixels, pixels)


def test_a_global_gate_makes_it_the_whole_image():
    model = create_model("unet", "resnet18", encoder_depth=2, decoder_channels=[8, 8])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert receptive_field(model, (96, 128)) < (60, 60)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert receptive_field(attach(model, "se@encoder2", gate="none"), (96, 128)) == (96, 128)
