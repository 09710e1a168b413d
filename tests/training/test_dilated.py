"""Gradients of dilated convolutions in bf16, which the library alone gets wrong on some CPUs."""

import copy

import pytest
import torch
from torch import nn

from foveate.training.dilated import keep_dilated_in_float32


@pytest.mark.parametrize(("channels", "groups"), [(24, 24), (24, 1), (40, 2), (64, 8), (64, 1)])
def test_gradients_in_bf16_agree_with_float32(channels: int, groups: int):
    torch.manual_seed(0)
    image = torch.randn(2, channels, 33, 30).contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, groups=groups)
    plain = copy.deepcopy(conv)
    model = nn.Sequential(conv, nn.BatchNorm2d(channels)).to(memory_format=torch.channels_last)
    keep_dilated_in_float32(model)
    with torch.autocast("cpu", torch.bfloat16):
        out = model[0](image)
    assert out.dtype == torch.bfloat16
    gradient = torch.randn(out.shape)
    out.backward(gradient.to(out.dtype))
    plain(image).backward(gradient)
    error = (conv.weight.grad - plain.weight.grad).norm() / plain.weight.grad.norm()
    assert error < 0.01
    torch.testing.assert_close(out.float(), plain(image), atol=0.05, rtol=0.05)


def test_only_affected_convolutions_change_and_can_be_copied():
    names = {"depthwise": (8, 8, 2), "plain": (8, 1, 1), "wide": (32, 1, 2)}
    convs = {
        name: nn.Conv2d(channels, channels, 3, padding=rate, dilation=rate, groups=groups)
        for name, (channels, groups, rate) in names.items()
    }
    model = nn.ModuleDict(convs)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    keep_dilated_in_float32(model)
    keep_dilated_in_float32(model)
    assert {name: type(conv).__name__ for name, conv in model.items()} == {
        "depthwise": "Float32Conv2d",
        "plain": "Conv2d",
        "wide": "Conv2d",
    }
    twin = copy.deepcopy(model)
    assert all(torch.equal(state[key], value) for key, value in twin.state_dict().items())
    with torch.no_grad():
        twin["depthwise"].weight.zero_()
        x = torch.rand(1, 8, 9, 9)
        assert not torch.equal(twin["depthwise"](x), model["depthwise"](x))
