import torch
from torch import nn

from foveate.evaluation.slowdown import GLANCE, median_of, slowdown


class Repeated(nn.Module):
    def __init__(self, times: int) -> None:
        super().__init__()
        self.layer, self.times = nn.Conv2d(8, 8, 3, padding=1), times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            x = self.layer(x)
        return x


def test_a_network_that_does_more_is_slower_and_one_that_is_far_too_slow_is_timed_no_further():
    image = torch.zeros(1, 8, 16, 16)
    found = slowdown(Repeated(8), Repeated(1), image, seconds=0.0)
    assert found.ratio > 2
    glance = slowdown(Repeated(64), Repeated(1), image, most=1.1)
    assert glance.turns == GLANCE
    assert glance.ratio > 2


def test_the_interval_of_a_median_covers_it_as_often_as_it_says():
    draws = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(400):
        found = median_of(torch.empty(15).exponential_(generator=draws).tolist())
        hits += found.low <= torch.log(torch.tensor(2.0)).item() <= found.high
    assert 0.93 <= hits / 400 <= 0.99
