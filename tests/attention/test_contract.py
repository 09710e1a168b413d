"""What every registered attention must do, whatever it computes."""

import copy
import io

import pytest
import torch
from torch import Tensor, nn

from foveate.attention.maps import (
    AttentionMap,
    ChannelMap,
    ChannelPairsMap,
    MaskMap,
    MemoryMap,
    PairwiseMap,
    SpatialMap,
)
from foveate.attention.registry import attention_names, create_attention, is_refiner

from .cases import CASES, Case, every_case, every_mechanism

# Their kernels bring a backward of their own, which has to be traced too.
OWN_BACKWARD = {"smooth", "nonlocal", "dual"}
SIZES = [(1, 1), (1, 3), (5, 9), (7, 7)]
every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def images(channels: int = 8, size: tuple[int, int] = (5, 9), dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(1), dtype=dtype)


def gradients(function, module: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    weight = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    return torch.autograd.grad((function(x) * weight).sum(), (x, *module.parameters()))


def test_every_registered_attention_has_a_case():
    # Refiners see more than a feature map and have tests of their own.
    assert {case.name for case in CASES} == {name for name in attention_names() if not is_refiner(name)}


@every_case
@every_size
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_agrees_with_the_naive_form(case: Case, size: tuple[int, int], training: bool):
    module = case.create(dtype=torch.float64).train(training)
    x = images(size=size, dtype=torch.float64).requires_grad_()
    torch.testing.assert_close(module(x), case.naive(module, x), rtol=1e-9, atol=1e-9)
    ours = gradients(module, module, x)
    plain = gradients(lambda x: case.naive(module, x), module, x)
    torch.testing.assert_close(ours, plain, rtol=1e-8, atol=1e-8)


@every_mechanism
@pytest.mark.parametrize("channels", [1, 3, 17])
def test_takes_any_number_of_channels(case: Case, channels: int):
    torch.manual_seed(0)
    module = create_attention(case.name, channels).double().eval()
    x = images(channels, dtype=torch.float64)
    torch.testing.assert_close(module(x), case.naive(module, x), rtol=1e-9, atol=1e-9)


@every_mechanism
@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_keeps_shape_dtype_and_memory_format(case: Case, format: torch.memory_format):
    x = images().contiguous(memory_format=format)
    module = case.create().eval()
    y = module(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert y.is_contiguous(memory_format=format)
    torch.testing.assert_close(y, module(x.contiguous()), rtol=1e-5, atol=1e-5)


@every_mechanism
def test_leaves_its_input_alone(case: Case):
    x = images()
    before = x.clone()
    case.create()(x)
    assert torch.equal(x, before)


@every_mechanism
def test_evaluation_repeats_itself(case: Case):
    module, x = case.create().eval(), images()
    assert torch.equal(module(x), module(x))
    one_by_one = torch.cat([module(one) for one in x.split(1)])
    torch.testing.assert_close(module(x), one_by_one, rtol=1e-5, atol=1e-5)


@every_mechanism
def test_starts_at_the_identity_if_it_says_so(case: Case):
    module, x = create_attention(case.name, 8, **case.options).eval(), images()
    assert torch.equal(module(x), x) == module.starts_at_identity


@pytest.mark.parametrize("name", ["smooth", "nonlocal", "criss_cross", "dual"])
def test_a_closed_gamma_lets_nothing_pass(name: str):
    module, x = create_attention(name, 8).eval(), images()
    for parameter in module.parameters():
        if parameter.numel() > 1:
            torch.nn.init.constant_(parameter, float("inf"))
    assert torch.equal(module(x), x)


@every_mechanism
def test_every_parameter_learns(case: Case):
    module, x = case.create(), images().requires_grad_()
    module(x).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@every_mechanism
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_autocast(case: Case, dtype: torch.dtype):
    module, x = case.create(), images(size=(7, 7)).to(dtype).requires_grad_()
    exact = module(x.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = module(x)
    assert y.dtype == dtype
    y.float().sum().backward()
    assert x.grad.isfinite().all()
    if "threshold" not in case.options:  # rounding of Q and K moves positions across a threshold
        torch.testing.assert_close(y.float(), exact, rtol=0.1, atol=0.1)


@every_mechanism
def test_gradcheck(case: Case):
    module = case.create(3, torch.float64).eval()
    assert torch.autograd.gradcheck(module, images(3, (2, 3), torch.float64).requires_grad_())


@every_mechanism
def test_compiles_in_one_graph(case: Case, unchecked: None):
    # Under jaxtyping every forward is one code object, of which the compiler keeps only a few versions.
    torch.compiler.reset()
    module, x = case.create().eval(), images()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    with torch.set_grad_enabled(case.name in OWN_BACKWARD):
        torch.testing.assert_close(compiled(x), module(x), rtol=1e-5, atol=1e-5)


@every_mechanism
def test_exports_for_any_size(case: Case, unchecked: None):
    module, x = case.create().eval(), images().repeat(2, 1, 1, 1)
    batch, height, width = (torch.export.Dim(axis, min=3, max=64) for axis in ("batch", "height", "width"))
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch, 2: height, 3: width},))
    other = images(size=(8, 4)).repeat(3, 1, 1, 1)
    torch.testing.assert_close(program.module()(other), module(other), rtol=1e-5, atol=1e-5)


@every_mechanism
def test_survives_copy_and_state_dict(case: Case):
    module, x = case.create().eval(), images()
    fresh = create_attention(case.name, 8, **case.options).eval()
    fresh.load_state_dict(module.state_dict())
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for other in (fresh, copy.deepcopy(module), torch.load(file, weights_only=False)):
        assert torch.equal(other(x), module(x))


@every_case
@every_size
def test_weights_are_what_forward_applies(case: Case, size: tuple[int, int]):
    for module in (case.create(dtype=torch.float64).eval(), case.create(dtype=torch.float64).train()):
        x = images(size=size, dtype=torch.float64)
        maps = module.weights(x)
        assert tuple(map(type, maps)) == case.kinds
        for one in maps:
            check_map(one, x, case.least)
        torch.testing.assert_close(case.apply(module, x, *maps), module(x), rtol=1e-9, atol=1e-9)


def check_map(one: AttentionMap, x: Tensor, least: float) -> None:
    batch, channels, height, width = x.shape
    assert one.values.dtype == x.dtype
    match one:
        case ChannelMap():
            assert one.values.shape == (batch, channels)
        case SpatialMap():
            assert one.values.shape == (batch, height, width)
        case MaskMap():
            assert one.values.shape == x.shape
        case MemoryMap():
            assert one.values.shape == (batch, one.values.shape[1], height, width)
            torch.testing.assert_close(one.values.sum(1), torch.ones_like(x[:, 0]))
        case ChannelPairsMap():
            assert one.values.shape == (batch, channels, channels)
            torch.testing.assert_close(one.values.sum(-1), torch.ones_like(one.values[..., 0]))
        case PairwiseMap():
            assert one.values.shape == (batch, len(one.values[0]), height * width, height * width)
            assert one.grid == (height, width)
            assert one.queries.tolist() == list(range(height * width))
            torch.testing.assert_close(one.values.sum(-1), torch.ones_like(one.values[..., 0]))
    assert least <= one.values.min() <= one.values.max() <= 1 + 1e-9


@every_mechanism
def test_weights_leave_no_trace(case: Case):
    module, x = case.create().train(), images()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.weights(x)
    assert module.training
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
    module(x)
    moved = any(not torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert moved == any(isinstance(part, nn.BatchNorm2d) for part in module.modules())
