import pytest
import torch

from foveate.attention.placebo import even_positions, kernel_shape
from foveate.attention.registry import attention_names, create_attention


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", sorted({*attention_names()} - {"placebo", "simam", "afma"}))
@pytest.mark.parametrize("channels", [1, 3, 16, 30, 64])
def test_has_exactly_the_parameters_of_any_other_attention(name: str, channels: int):
    wanted = count(create_attention(name, channels))
    assert count(create_attention("placebo", channels, parameters=wanted)) == wanted


@pytest.mark.parametrize("wanted", [1, 2, 3, 71, 72, 73, 575, 576, 577, 1600, 5000])
def test_every_learnable_weight_counts_once(wanted: int):
    placebo = create_attention("placebo", 8, parameters=wanted)
    assert placebo.weight.shape == (wanted,)
    assert (placebo.kernel() != 0).sum() == wanted
    assert placebo.kernel().shape == kernel_shape(8, wanted)


def test_weights_fill_the_centre_first():
    assert even_positions(8, 72).tolist() == [4 + 9 * channel for channel in range(8)]


def test_is_linear_and_local():
    placebo = create_attention("placebo", 6, parameters=100)
    x, y = torch.randn(2, 1, 6, 9, 9).double()
    placebo.double()
    torch.testing.assert_close(placebo(2 * x - y), 2 * placebo(x) - placebo(y))
    far = x.clone()
    far[..., 8, 8] += 1
    assert torch.equal(placebo(far)[..., :7, :], placebo(x)[..., :7, :])
