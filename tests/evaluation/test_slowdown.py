from types import SimpleNamespace

import torch
from torch import nn

from foveate.evaluation import cost
from foveate.evaluation.slowdown import GLANCE, TURNS, median_of, slowdown


class Clock:
    """Time that passes only while a network of it computes."""

    def __init__(self) -> None:
        self.now = 0.0

    def network(self, seconds: float) -> nn.Module:
        def compute(network: nn.Module, inputs: tuple) -> None:
            self.now += seconds

        network = nn.Identity()
        network.register_forward_pre_hook(compute)
        return network


def test_a_network_is_slower_by_its_share_and_one_that_is_far_too_slow_is_timed_no_further(monkeypatch):
    clock, image = Clock(), torch.zeros(1, 8, 16, 16)
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    found = slowdown(clock.network(6.0), clock.network(2.0), image, most=1.1, seconds=0.0)
    assert (found.ratio, found.turns) == (3.0, GLANCE)
    found = slowdown(clock.network(4.0), clock.network(2.0), image, most=1.1, seconds=0.0)
    assert (found.ratio, found.turns) == (2.0, TURNS)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says():
    draws = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(400):
        found = median_of(torch.empty(15).exponential_(generator=draws).tolist())
        hits += found.low <= torch.log(torch.tensor(2.0)).item() <= found.high
    assert 0.93 <= hits / 400 <= 0.99
