"""Networks of other libraries keep exactly their function when attention is attached to them."""

import copy

import segmentation_models_pytorch as smp
import torch
import torchvision
from torch import nn

from foveate.models.attaching.attach import attach

X = torch.rand(1, 3, 64, 64)


def test_a_network_that_returns_a_dict():
    model = torchvision.models.segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3
    ).eval()
    before = model(X)["out"]
    assert torch.equal(attach(model, "se@backbone.4(reduction=4)", example=X)(X)["out"], before)


def test_a_network_with_a_second_output():
    options = {"encoder_weights": None, "decoder_channels": (16, 8, 8, 8, 8), "classes": 2}
    model = smp.Unet("mobilenet_v2", aux_params={"classes": 3}, **options).eval()
    before = model(X)
    after = attach(model, "cbam@decoder(reduction=2)", example=X)(X)
    assert [tuple(output.shape) for output in after] == [(1, 2, 64, 64), (1, 3)]
    assert all(map(torch.equal, before, after))


def test_an_activation_in_place_behind_the_attention():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1))
    attach(model, "cbam@1(reduction=2)", example=X).train()
    model(torch.rand(2, 3, 32, 32)).mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_weights_of_the_bare_network_are_loaded_afterwards():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    state = copy.deepcopy(model.state_dict())
    told = attach(model, "se@0(reduction=2)", example=X).load_state_dict(state, strict=False)
    assert told.unexpected_keys == []
    assert told.missing_keys
    assert all(name.startswith("attached.") for name in told.missing_keys)
