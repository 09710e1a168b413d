"""Smooth Attention beyond the contract: the published module's record, the decision, memory, weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

from foveate.attention import pairwise
from foveate.attention.kernels import disagreement, rowwise
from foveate.attention.kernels.disagreement import by_largest, by_rows, decisive_keys
from foveate.attention.kernels.rowwise import attend_by_rows
from foveate.attention.nonlocal_ import NonLocal
from foveate.attention.smooth import SmoothAttention

from . import naive

GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "smooth_attention.safetensors")


# Where float32 leaves the record (or ours) further from a float64 computation than the tolerance: sums of
# large terms that cancel. Of the key bias they cancel wholly: a constant added to all scores of a row changes
# nothing, so that its gradient is 0, and what float32 gives is rounding alone.
CANCELLING = {(3, "grad.query.weight"), (6, "grad_x"), *((number, "grad.key.bias") for number in range(1, 7))}
# Of these the record itself is 9.7e-5 off float64, and chunks of rows are 7.6e-5 off to the other side.
CANCELLING_IN_CHUNKS = CANCELLING | {(6, "grad.key.weight")}
every_golden_case = pytest.mark.parametrize("number", [1, 2, 3, 5, 6])
every_kernel = pytest.mark.parametrize(
    "many", [0, pairwise.MIN_CHUNKED_POSITIONS], ids=["chunks of rows", "fused kernel"]
)


def golden(
    number: int, dtype: torch.dtype = torch.float32
) -> tuple[SmoothAttention, dict[str, torch.Tensor]]:
    case = {key.split(".", 1)[1]: GOLDEN[key].to(dtype) for key in GOLDEN if key.startswith(f"case{number}.")}
    module = SmoothAttention(case["x"].shape[1], threshold=float(case["threshold"])).to(dtype)
    module.load_state_dict({key[6:]: case[key] for key in case if key.startswith("param.")})
    return module, case


def with_gradients(
    function, module: SmoothAttention, case: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The output and all gradients of the record's loss, named as in the record."""
    x = case["x"].clone().requires_grad_()
    y = function(x)
    names, parameters = zip(*module.named_parameters(), strict=True)
    gradients = torch.autograd.grad((y * case["loss_weight"]).sum(), (x, *parameters))
    return {"y": y.detach(), **dict(zip(["grad_x", *(f"grad.{n}" for n in names)], gradients, strict=True))}


@every_golden_case
@every_kernel
def test_reproduces_the_published_module(monkeypatch, number: int, many: int):
    monkeypatch.setattr(pairwise, "MIN_CHUNKED_POSITIONS", many)
    module, case = golden(number)
    assert torch.equal(module.smoothed(case["x"]), case["smoothed"].bool())
    ours = with_gradients(module, module, case)
    largest = max(float(case[name].abs().max()) for name in ours)
    cancelling = CANCELLING if many else CANCELLING_IN_CHUNKS
    for name, value in ours.items():
        atol = 2e-6 * largest if (number, name) in cancelling else 1e-5
        torch.testing.assert_close(value, case[name], rtol=1e-4, atol=max(1e-5, atol), msg=f"{name} differs")


@every_golden_case
@every_kernel
def test_the_record_is_what_ours_computes_in_float64_to_its_own_rounding(monkeypatch, number: int, many: int):
    monkeypatch.setattr(pairwise, "MIN_CHUNKED_POSITIONS", many)
    module, case = golden(number, torch.float64)
    ours = with_gradients(module, module, case)
    twin = with_gradients(lambda x: naive.smooth(module, x), module, case)
    torch.testing.assert_close(ours, twin, rtol=1e-9, atol=1e-9)
    assert ours["grad.key.bias"].abs().max() < 1e-12
    for name, value in ours.items():
        slack = 2 if number == 6 and (number, name) in CANCELLING else 1  # the record is off by up to 1.74
        torch.testing.assert_close(
            case[name], value, rtol=slack * 1e-4, atol=slack * 1e-5, msg=f"{name} differs"
        )


@pytest.mark.parametrize("number", [1, 2, 3, 6])
@pytest.mark.parametrize("chunk", [1, 500, 2**21])
def test_both_ways_to_decide_agree_in_chunks_of_any_size(monkeypatch, number: int, chunk: int):
    for module in (disagreement, rowwise):
        monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(rowwise, "ROWS", 1)
    module, case = golden(number)
    q, k = (pairwise.positions_first(f(case["x"])).detach() for f in (module.query, module.key))
    height, threshold = case["x"].shape[2], module.threshold
    expected = case["smoothed"].bool().flatten(1)
    assert torch.equal(by_rows(q, k, height, threshold), expected)
    peaks = attend_by_rows(q, k, k)[1]
    assert torch.equal(by_largest(q, k, peaks, height, threshold, decisive_keys(threshold)), expected)


@pytest.mark.parametrize("threshold", [0.003, 0.05, 0.1, 0.25, 0.3333333, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0])
def test_decides_as_the_whole_matrix_does(threshold: float, sharpness: float):
    torch.manual_seed(0)
    module = SmoothAttention(2, threshold).double()
    x = sharpness * torch.randn(3, 2, 11, 13, dtype=torch.float64)
    expected, _ = naive.decide_and_smooth(module, x)
    assert torch.equal(module.smoothed(x).flatten(1), expected)
    q, k = (pairwise.positions_first(f(x)).detach() for f in (module.query, module.key))
    count = min(decisive_keys(threshold), q.shape[1])
    assert torch.equal(by_largest(q, k, attend_by_rows(q, k, k)[1], 11, threshold, count), expected)


def test_smooths_nothing_from_threshold_one_on():
    smooth, plain = SmoothAttention(8, threshold=1), NonLocal(8)
    torch.nn.init.ones_(smooth.gamma)
    plain.load_state_dict(smooth.state_dict())
    x = 5 * torch.randn(2, 8, 5, 9)
    assert not smooth.smoothed(x).any()
    assert torch.equal(smooth(x), plain(x))


def test_the_product_that_decides_is_counted():
    x, operations = torch.randn(2, 8, 5, 9), {}
    for threshold in (0.4, 1.0):
        with FlopCounterMode(display=False) as counter:
            SmoothAttention(8, threshold)(x)
        operations[threshold] = counter.get_total_flops()
    assert operations[0.4] - operations[1.0] == 2 * 2 * 45 * 45 * 8


def test_the_decision_is_taken_in_float32_under_autocast(monkeypatch):
    dtypes = []
    monkeypatch.setattr(disagreement, "_opaque", lambda q, k, *_: dtypes.append(q.dtype) or q[..., 0] > 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        SmoothAttention(8)(torch.randn(1, 8, 5, 9))
    assert dtypes == [torch.float32]


def test_compiles_to_machine_code(unchecked: None):
    module, x = golden(2)[0], golden(2)[1]["x"]
    compiled = torch.compile(module, fullgraph=True)
    with torch.no_grad():  # machine code of the backward would take as long again
        torch.testing.assert_close(compiled(x), module(x), rtol=1e-5, atol=1e-5)
