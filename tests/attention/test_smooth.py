"""Smooth Attention beyond the contract: the published module's record, the decision, memory, weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from foveate.attention import disagreement, pairwise
from foveate.attention.disagreement import by_largest, by_rows, decisive_keys
from foveate.attention.nonlocal_ import NonLocal
from foveate.attention.smooth import SmoothAttention
from foveate.errors import UserError

from . import naive

GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "smooth_attention.safetensors")


def golden(number: int) -> tuple[SmoothAttention, dict[str, torch.Tensor]]:
    case = {key.split(".", 1)[1]: GOLDEN[key] for key in GOLDEN if key.startswith(f"case{number}.")}
    module = SmoothAttention(case["x"].shape[1], threshold=float(case["threshold"]))
    module.load_state_dict({key[6:]: case[key] for key in case if key.startswith("param.")})
    return module, case


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6])
def test_reproduces_the_published_module(number: int):
    module, case = golden(number)
    x = case["x"].requires_grad_()
    y = module(x)
    assert torch.equal(module.smoothed(x), case["smoothed"].bool())
    torch.testing.assert_close(y, case["y"], rtol=1e-4, atol=1e-5)
    (y * case["loss_weight"]).sum().backward()
    ours = {"grad_x": x.grad, **{f"grad.{name}": p.grad for name, p in module.named_parameters()}}
    # The record is float32: its own rounding grows with the gradients, and is all there is of the key bias,
    # whose gradient is 0 (a constant added to all scores of a row changes nothing).
    largest = max(1.0, *(float(case[name].abs().max()) for name in ours))
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, case[name], rtol=1e-4, atol=1e-5 * largest, msg=name)


@pytest.mark.parametrize("number", [1, 2, 3, 6])
@pytest.mark.parametrize("chunk", [1, 500, 2**21])
def test_both_ways_to_decide_agree_in_chunks_of_any_size(monkeypatch, number: int, chunk: int):
    monkeypatch.setattr(disagreement, "CHUNK", chunk)
    module, case = golden(number)
    q, k = (pairwise.positions_first(f(case["x"])).detach() for f in (module.query, module.key))
    height, threshold = case["x"].shape[2], module.threshold
    expected = case["smoothed"].bool().flatten(1)
    assert torch.equal(by_rows(q, k, height, threshold), expected)
    assert torch.equal(by_largest(q, k, height, threshold, decisive_keys(threshold)), expected)


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
    assert torch.equal(by_largest(q, k, 11, threshold, count), expected)


def test_smooths_nothing_from_threshold_one_on():
    smooth, plain = SmoothAttention(8, threshold=1), NonLocal(8)
    torch.nn.init.ones_(smooth.gamma)
    plain.load_state_dict(smooth.state_dict())
    x = 5 * torch.randn(2, 8, 5, 9)
    assert not smooth.smoothed(x).any()
    assert torch.equal(smooth(x), plain(x))


def test_the_decision_is_taken_in_float32_under_autocast(monkeypatch):
    seen = []
    monkeypatch.setattr(disagreement, "_opaque", lambda q, k, *_: seen.append(q.dtype) or q[..., 0] > 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        SmoothAttention(8)(torch.randn(1, 8, 5, 9))
    assert seen == [torch.float32]


@pytest.mark.parametrize("attention", [SmoothAttention, NonLocal])
def test_holds_no_matrix_of_positions(attention: type):
    module, x = attention(8), torch.randn(1, 8, 64, 64, requires_grad=True)
    with torch.profiler.profile(profile_memory=True) as profile:
        module(x).sum().backward()
    matrix = 4 * 4096**2
    assert max(event.self_cpu_memory_usage for event in profile.events()) < matrix / 4


@pytest.mark.parametrize("attention", [SmoothAttention, NonLocal])
def test_weights_at_chosen_positions_are_rows_of_the_whole(attention: type):
    module, x = attention(8), 2 * torch.randn(2, 8, 5, 9)
    (whole,), (chosen,) = module.weights(x), module.weights(x, queries=[44, 0, 7])
    assert chosen.queries.tolist() == [44, 0, 7]
    torch.testing.assert_close(chosen.values, whole.values[:, :, [44, 0, 7]])


@pytest.mark.parametrize("queries", [[45], [-1], [], [0.5], [[0, 1]], [True]])
def test_queries_lie_inside_the_map(unchecked: None, queries: list):
    with pytest.raises(UserError, match="expected flat positions from 0 to 44 in a map of 5x9"):
        SmoothAttention(8).weights(torch.randn(1, 8, 5, 9), queries=queries)


def test_a_matrix_that_does_not_fit_asks_for_queries(monkeypatch):
    monkeypatch.setattr(pairwise, "MATRIX_LIMIT", 1000)
    x = torch.randn(1, 8, 5, 9)
    with pytest.raises(UserError, match="choose at most 22 positions with queries="):
        SmoothAttention(8).weights(x)
    assert SmoothAttention(8).weights(x, queries=range(22))[0].values.shape == (1, 1, 22, 45)


def test_compiles_to_machine_code(unchecked: None):
    module, x = golden(2)[0], golden(2)[1]["x"]
    compiled = torch.compile(module, fullgraph=True)
    torch.testing.assert_close(compiled(x), module(x), rtol=1e-5, atol=1e-5)
