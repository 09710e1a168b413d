"""The attention gate with a gating signal of its own; without one it is among the cases of the contract."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.maps import SpatialMap
from foveate.attention.registry import attention_options, create_attention
from foveate.errors import UserError

from .naive_gates import gate_by

SIZES = [((1, 1), (1, 1)), ((2, 6), (1, 3)), ((5, 9), (3, 5)), ((5, 9), (2, 4)), ((7, 13), (2, 3))]
every_size = pytest.mark.parametrize(("size", "coarse"), SIZES, ids=str)


def maps(
    size: tuple[int, int] = (8, 12), coarse: tuple[int, int] = (4, 6), dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    x, signal = torch.randn(2, 6, *size, generator=random), torch.randn(2, 5, *coarse, generator=random)
    return x.to(dtype), signal.to(dtype)


def gate(dtype: torch.dtype = torch.float64, **options: object) -> nn.Module:
    torch.manual_seed(1)
    return create_attention("gate", 6, 5, **options).to(dtype)


@every_size
def test_agrees_with_the_equations(size: tuple[int, int], coarse: tuple[int, int]):
    module, (x, signal) = gate(), maps(size, coarse)
    passing = gate_by(module, x, signal)
    torch.testing.assert_close(module(x, signal), x * passing, rtol=1e-12, atol=1e-12)
    (spatial,) = module.weights(x, signal)
    assert isinstance(spatial, SpatialMap)
    torch.testing.assert_close(spatial.values, passing.squeeze(1), rtol=1e-12, atol=1e-12)


@every_size
def test_gradients_agree_with_the_equations(size: tuple[int, int], coarse: tuple[int, int]):
    module, (x, signal) = gate(), maps(size, coarse)
    to = (x.requires_grad_(), signal.requires_grad_(), *module.parameters())
    weight = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))
    ours = torch.autograd.grad((module(x, signal) * weight).sum(), to)
    plain = torch.autograd.grad((x * gate_by(module, x, signal) * weight).sum(), to)
    torch.testing.assert_close(ours, plain, rtol=1e-11, atol=1e-11)


def test_at_half_the_size_x_is_averaged_over_two_by_two_positions():
    module, (x, signal) = gate(), maps()
    means = F.avg_pool2d(x, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(module.weights(means, signal)[0].values, module.weights(x, signal)[0].values)


def test_the_signal_decides():
    """A single lit position of the signal opens the gate above it and nowhere far from it."""
    module, (x, signal) = gate(), maps()
    lit = signal.clone()
    lit[:, :, 1, 2] += 1
    moved = module.weights(x, lit)[0].values != module.weights(x, signal)[0].values
    assert moved[0].nonzero().amin(0).tolist() == [1, 3]
    assert moved[0].nonzero().amax(0).tolist() == [4, 6]


def test_the_channels_are_compared_in_those_of_x():
    module = create_attention("gate", 6, 5, reduction=3)
    shapes = {name: tuple(value.shape[:2]) for name, value in module.named_parameters() if value.ndim == 4}
    assert shapes == {"feature.weight": (2, 6), "signal.weight": (2, 5), "score.weight": (1, 2)}


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_keeps_dtype_and_memory_format(format: torch.memory_format):
    module, inputs = gate(torch.float32), maps(dtype=torch.float32)
    x, signal = (one.contiguous(memory_format=format) for one in inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = module(x, signal)
    assert y.dtype == x.dtype
    assert y.is_contiguous(memory_format=format)
    torch.testing.assert_close(y, module(*inputs), rtol=0.02, atol=0.02)


def test_compiles_and_exports_for_any_size(unchecked: None):
    module, inputs = gate(torch.float32), maps(dtype=torch.float32)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(*inputs), module(*inputs))
    batch, height, width = (torch.export.Dim(axis, min=2, max=64) for axis in ("batch", "height", "width"))
    shapes = {0: batch, 2: 2 * height, 3: 2 * width}, {0: batch, 2: height, 3: width}
    program = torch.export.export(module, inputs, dynamic_shapes=shapes)
    other = [one.repeat(2, 1, 1, 1) for one in maps((20, 6), (10, 3), torch.float32)]
    torch.testing.assert_close(program.module()(*other), module(*other))


def test_context_with_a_given_signal_is_an_error(unchecked: None):
    assert attention_options("gate") == {"reduction": 2, "context": None}
    with pytest.raises(UserError, match="context=5: the decoder gives the gating signal here"):
        create_attention("gate", 6, 5, context=5)


def test_other_counts_of_inputs_raise_a_clear_error():
    expected = r"gate takes the channels of one feature map, or of one and a gating signal; got \(6, 5, 4\)"
    with pytest.raises(UserError, match=expected):
        create_attention("gate", 6, 5, 4)
    with pytest.raises(UserError, match=r"se takes the channels of one feature map; got \(6, 5\)"):
        create_attention("se", 6, 5)
