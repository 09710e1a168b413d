"""Residual attention beyond the contract: what was published of it, and words for wrong options."""

import pytest
import torch
from torch import nn

from foveate.attention.residual import ResidualAttention, ResidualUnit
from foveate.errors import UserError

from . import naive_residual


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_attention_56_has_about_the_published_number_of_parameters():
    with torch.device("meta"):  # shapes alone
        parts = [
            nn.Conv2d(3, 64, 7, bias=False),
            ResidualUnit(64, 256),
            ResidualAttention(256, depth=3),
            ResidualUnit(256, 512, stride=2),
            ResidualAttention(512, depth=2),
            ResidualUnit(512, 1024, stride=2),
            ResidualAttention(1024, depth=1),
            ResidualUnit(1024, 2048, stride=2),
            ResidualUnit(2048),
            ResidualUnit(2048),
            nn.Linear(2048, 1000),
        ]
    assert sum(map(parameters, parts)) == pytest.approx(31.9e6, rel=0.005)


@pytest.mark.parametrize(("depth", "r", "expected"), [(1, 1, 2), (2, 1, 5), (3, 1, 8), (2, 3, 13)])
def test_the_mask_branch_has_r_units_a_level_each_way_and_one_a_skip(depth: int, r: int, expected: int):
    branch = ResidualAttention(8, r=r, depth=depth).mask
    assert sum(isinstance(module, ResidualUnit) for module in branch.modules()) == expected


@pytest.mark.parametrize(("outputs", "stride"), [(12, 1), (8, 2), (12, 2)])
def test_a_unit_that_changes_its_shape_projects_the_activated_input(outputs: int, stride: int):
    torch.manual_seed(0)
    unit, x = ResidualUnit(8, outputs, stride).double().eval(), torch.randn(2, 8, 5, 9, dtype=torch.float64)
    y = torch.relu(naive_residual.batch_norm(unit.activation.bn, x))
    projected = torch.einsum("oc,bchw->bohw", unit.shortcut.weight[:, :, 0, 0], y[..., ::stride, ::stride])
    nn.init.zeros_(unit.residual[-1].weight)
    torch.testing.assert_close(unit(x), projected)


def test_a_mask_sees_more_of_the_image_the_deeper_it_goes():
    reach = []
    for depth in (1, 2, 3):
        torch.manual_seed(0)
        module, x = ResidualAttention(4, p=0, depth=depth).eval(), torch.rand(1, 4, 64, 64).requires_grad_()
        module.weights(x)[0].values[0, :, 32, 32].sum().backward()
        reach.append(int((x.grad != 0).any(1).sum()))
    assert reach == sorted(reach)
    assert reach[0] < reach[1] < reach[2]


def test_negligible_channels_give_no_infinite_mask():
    module = ResidualAttention(4, mask="channel").eval()
    nn.init.zeros_(module.mask.score[-1].weight)
    assert not module.weights(torch.rand(1, 4, 5, 9))[0].values.any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mask": "chanel"}, "unknown mask 'chanel'; did you mean 'channel'"),
        ({"learning": "residul"}, "unknown learning 'residul'; did you mean 'residual'"),
        ({"p": -1}, "p=-1: expected a whole number of at least 0"),
        ({"t": 0}, "t=0: expected a whole number of at least 1"),
        ({"r": 0}, "r=0: expected a whole number of at least 1"),
        ({"depth": 0}, "depth=0: expected a whole number of at least 1"),
    ],
    ids=str,
)
def test_wrong_options_raise_a_clear_error(options: dict, words: str):
    with pytest.raises(UserError, match=words):
        ResidualAttention(8, **options)
