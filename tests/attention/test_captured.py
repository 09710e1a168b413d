import pytest
import torch
from torch import nn

from foveate.attention.captured import captured


def test_returns_the_output_and_that_of_a_submodule():
    module = nn.Sequential(nn.Linear(3, 3), nn.Sigmoid())
    output, inner = captured(module, module[0], x := torch.randn(2, 3))
    assert torch.equal(output, module(x))
    assert torch.equal(inner, module[0](x))


def test_leaves_no_hook_and_tracks_statistics_again_after_an_exception():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(4, 3))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        captured(module, module[1], torch.randn(2, 3))
    assert not module[1]._forward_hooks
    assert module[0].track_running_stats
    assert module[0].num_batches_tracked == 0
