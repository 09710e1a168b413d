"""Attention by chunks of rows against whole matrices, its gradients, and when it is chosen."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from foveate.attention import pairwise
from foveate.attention.kernels import rowwise
from foveate.attention.kernels.rowwise import attend_by_rows
from foveate.attention.pairwise import attend


def inputs(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """q, k, v of two images with 23 positions; queries narrower than values."""
    torch.manual_seed(0)
    return [torch.randn(2, 23, width, dtype=dtype).requires_grad_() for width in (3, 3, 5)]


def naive(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(torch.einsum("bqd,bkd->bqk", q, k), -1) @ v


@pytest.mark.parametrize("chunk", [1, 100, 2**19])
def test_agrees_with_the_whole_matrix(monkeypatch, chunk: int):
    monkeypatch.setattr(rowwise, "CHUNK", chunk)
    monkeypatch.setattr(rowwise, "ROWS", 1)
    q, k, v = inputs()
    weight = torch.randn_like(v)
    actual, peaks = attend_by_rows(q, k, v)
    expected = naive(q, k, v)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad((y * weight).sum(), (q, k, v)) for y in (actual, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-11)
    scores = q @ k.mT
    torch.testing.assert_close(peaks.top, scores.amax(-1))
    torch.testing.assert_close(peaks.largest, scores.softmax(-1).amax(-1))
    assert not any(peak.requires_grad for peak in peaks)


def test_takes_gradients_that_are_one_number_repeated():
    q, k, v = inputs(torch.float32)
    gradients = [torch.autograd.grad(form(q, k, v).sum(), v)[0] for form in (attend, naive)]
    torch.testing.assert_close(*gradients)
    gradients = [torch.autograd.grad(y.sum(), v)[0] for y in (attend_by_rows(q, k, v)[0], naive(q, k, v))]
    torch.testing.assert_close(*gradients)


def test_compiles_in_one_graph(unchecked: None):
    q, k, v = inputs(torch.float32)
    compiled = torch.compile(attend_by_rows, backend="aot_eager", fullgraph=True)
    outputs = [form(q, k, v)[0] for form in (compiled, attend_by_rows)]
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*(torch.autograd.grad(y.square().sum(), (q, k, v)) for y in outputs))
    torch.library.opcheck(rowwise._attend, (q, k, v))


def test_its_products_are_counted():
    q, k, v = inputs(torch.float32)
    with FlopCounterMode(display=False) as counter:
        attend_by_rows(q, k, v)[0].sum().backward()
    assert counter.get_total_flops() == 2 * 2 * 23 * 23 * ((3 + 5) + (3 + 5 + 5 + 3 + 3))


def test_few_positions_are_left_to_the_fused_kernel(monkeypatch):
    fused_calls = []
    kernel = F.scaled_dot_product_attention
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *a, **o: fused_calls.append(1) or kernel(*a, **o)
    )
    many, few = (
        torch.randn(1, n, 2) for n in (pairwise.MIN_CHUNKED_POSITIONS, pairwise.MIN_CHUNKED_POSITIONS - 1)
    )
    attend(many, many, many)
    assert not fused_calls
    attend(few, few, few)
    assert fused_calls
