"""What all attention between pairs of positions promises of memory and of rows at chosen positions."""

import pytest
import torch

from foveate.attention import pairwise
from foveate.attention.criss_cross import CrissCrossAttention
from foveate.attention.dual import DualAttention
from foveate.attention.nonlocal_ import NonLocal
from foveate.attention.smooth import SmoothAttention
from foveate.attention.swin_window import WindowAttention
from foveate.errors import UserError

MECHANISMS = (SmoothAttention, NonLocal, DualAttention, CrissCrossAttention, WindowAttention)


@pytest.mark.parametrize("attention", MECHANISMS)
def test_never_allocates_the_matrix_of_positions(attention: type):
    module, x = attention(8), torch.randn(1, 8, 64, 64, requires_grad=True)
    with torch.profiler.profile(profile_memory=True) as profile:
        module(x).sum().backward()
    matrix = 4 * 4096**2
    assert max(event.self_cpu_memory_usage for event in profile.events()) < matrix / 4


@pytest.mark.parametrize("attention", MECHANISMS)
def test_weights_at_chosen_positions_are_rows_of_the_whole(attention: type):
    module, x = attention(8), 2 * torch.randn(2, 8, 5, 9)
    for whole, chosen in zip(module.weights(x), module.weights(x, queries=[44, 0, 7]), strict=True):
        if hasattr(chosen, "queries"):
            assert chosen.queries.tolist() == [44, 0, 7]
            torch.testing.assert_close(chosen.values, whole.values[:, :, [44, 0, 7]])


@pytest.mark.parametrize("queries", [[45], [-1], [], [0.5], [[0, 1]], [True]])
def test_queries_lie_inside_the_map(unchecked: None, queries: list):
    with pytest.raises(UserError, match="expected flat positions from 0 to 44 in a map of 5x9"):
        NonLocal(8).weights(torch.randn(1, 8, 5, 9), queries=queries)


def test_a_matrix_above_the_limit_is_an_error_that_suggests_queries(monkeypatch):
    monkeypatch.setattr(pairwise, "MATRIX_LIMIT", 1000)
    x = torch.randn(1, 8, 5, 9)
    with pytest.raises(UserError, match="choose at most 22 positions with queries="):
        NonLocal(8).weights(x)
    assert NonLocal(8).weights(x, queries=range(22))[0].values.shape == (1, 1, 22, 45)
    with pytest.raises(UserError, match="choose at most 11 positions with queries="):
        WindowAttention(8, heads=2).weights(x)
