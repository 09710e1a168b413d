import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from foveate.training.optimization import create_optimizer, create_schedule, parameter_groups, rate_factor
from foveate.training.spec import OPTIMIZERS, TrainingSpec


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant"])
def test_rate_rises_linearly_then_falls(schedule):
    rates = [rate_factor(t, 100, 0.1, schedule) for t in range(100)]
    assert rates[:10] == pytest.approx([(t + 1) / 10 for t in range(10)])
    assert rates[10] == 1.0
    assert all(a >= b for a, b in pairwise(rates[9:]))
    assert rates[55] == pytest.approx({"cosine": 0.5, "poly": 0.5**0.9, "constant": 1.0}[schedule])
    assert schedule == "constant" or 0 < rates[-1] < 0.02


def test_a_single_step_has_the_full_rate():
    assert rate_factor(0, 1, 0.05, "cosine") == 1.0
    assert rate_factor(0, 1, 0.0, "cosine") == 1.0


class Gated(nn.Module):
    """A mechanism with a gate of its own, as wide as what it is multiplied with."""

    starts_at_identity = True

    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1, 1, 1, 1))


def test_encoder_has_its_rate_and_only_matrices_decay():
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    model = nn.Sequential(encoder, nn.Conv2d(4, 2, 1), Gated(), nn.Conv2d(1, 1, 1, bias=False))
    model[1].bias.requires_grad_(False)
    groups = parameter_groups(model, encoder, TrainingSpec(lr=0.1, weight_decay=0.2, encoder_lr_factor=0.5))
    found = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert found == {
        id(encoder[0].weight): (0.05, 0.2),
        id(encoder[0].bias): (0.05, 0.0),
        id(encoder[1].weight): (0.05, 0.0),
        id(encoder[1].bias): (0.05, 0.0),
        id(model[1].weight): (0.1, 0.2),
        id(model[2].gate): (0.1, 0.0),
        id(model[3].weight): (0.1, 0.2),
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_schedule_reaches_every_group(name):
    model = nn.Linear(2, 2)
    spec = TrainingSpec(optimizer=name, lr=0.1, warmup=0.0)
    optimizer = create_optimizer(parameter_groups(model, None, spec), spec, fused=True)
    schedule = create_schedule(optimizer, 4, spec)
    before = model.weight.detach().clone()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule.step()
    assert not torch.equal(before, model.weight)
    expected = 0.1 * 0.5 * (1 + math.cos(math.pi / 4))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([expected] * 2)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("adamw", 0.1 + 0.1 * 0.5 * 2),  # lr sign(g) + lr decay w
        ("adam", 0.1),  # lr sign(g + decay w)
        ("rmsprop", 0.1 / math.sqrt(0.01)),  # lr g / sqrt((1 - 0.99) g^2)
        ("sgd", 0.1 * (1 + 0.9) * (3 + 0.5 * 2)),  # lr (1 + momentum) (g + decay w)
    ],
)
def test_the_first_step_is_that_of_the_name(name, first):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    spec = TrainingSpec(optimizer=name, lr=0.1, weight_decay=0.5)
    optimizer = create_optimizer(parameter_groups(model, None, spec), spec, fused=True)
    model.weight.grad = torch.full((1, 1), 3.0)
    optimizer.step()
    assert model.weight.item() == pytest.approx(2.0 - first, rel=1e-5)
