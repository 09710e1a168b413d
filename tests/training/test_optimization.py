import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import MultiStepLR, ReduceLROnPlateau

from foveate.models.attaching.attach import attach, attached
from foveate.specs.training import OPTIMIZERS, TrainingSpec
from foveate.training.optimization import (
    GATE_TRAVEL,
    Plateau,
    create_optimizer,
    create_schedule,
    gate_rate,
    parameter_groups,
    rate_factor,
)


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant"])
def test_rate_rises_linearly_then_falls(schedule):
    rates = [rate_factor(t, 100, TrainingSpec(warmup=0.1, schedule=schedule)) for t in range(100)]
    assert rates[:10] == pytest.approx([(t + 1) / 10 for t in range(10)])
    assert rates[10] == 1.0
    assert all(a >= b for a, b in pairwise(rates[9:]))
    assert rates[55] == pytest.approx({"cosine": 0.5, "poly": 0.5**0.9, "constant": 1.0}[schedule])
    assert schedule == "constant" or 0 < rates[-1] < 0.02


def test_a_single_step_has_the_full_rate():
    assert rate_factor(0, 1, TrainingSpec(warmup=0.05)) == 1.0
    assert rate_factor(0, 1, TrainingSpec(warmup=0.0)) == 1.0


def rates(schedule, steps):
    """Return the learning rate of each step."""
    rates = []
    for _ in range(steps):
        rates.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return rates


def sgd(lr=0.5):
    return SGD([nn.Parameter(torch.zeros(1))], lr=lr)


@pytest.mark.parametrize("milestones", [(3.0, 9.0), (0.25, 9.0), (0.25, 0.75)])
def test_steps_agree_with_multi_step_lr(milestones):
    spec = TrainingSpec(epochs=12, lr=0.5, schedule="step", milestones=milestones, lr_factor=0.3, warmup=0)
    theirs = MultiStepLR(sgd(), [3 * 4, 9 * 4], gamma=0.3)  # four steps an epoch
    assert rates(create_schedule(sgd(), 48, spec), 48) == pytest.approx(rates(theirs, 48))


def test_steps_begin_with_warm_up():
    spec = TrainingSpec(schedule="step", milestones=(0.5,), lr_factor=0.1, warmup=0.2)
    expected = [0.5, 1.0, *[1.0] * 3, *[0.1] * 5]
    assert [rate_factor(t, 10, spec) for t in range(10)] == pytest.approx(expected)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("patience", [0, 2])
def test_a_plateau_agrees_with_reduce_lr_on_plateau(mode, patience):
    values = torch.rand(60, generator=torch.Generator().manual_seed(patience)).cummax(0).values
    values = values - 1e-5 * torch.rand(
        60, generator=torch.Generator().manual_seed(1)
    )  # too little to count as progress
    values = (values if mode == "max" else 2 - values).tolist()
    ours = Plateau(sgd(), lambda step: 1.0, 0.7, patience)
    theirs = ReduceLROnPlateau(sgd(), mode, factor=0.7, patience=patience, eps=0)
    ours_rates, theirs_rates = [], []
    for value in values:
        ours.observe(value if mode == "max" else -value)
        theirs.step(value)
        ours_rates.append(ours.optimizer.param_groups[0]["lr"])
        theirs_rates.append(theirs.optimizer.param_groups[0]["lr"])
    assert ours_rates == pytest.approx(theirs_rates)
    assert len(set(ours_rates)) > 5


def test_patience_counts_epochs_not_validations():
    schedule = Plateau(sgd(1.0), lambda step: 1.0, 0.5, patience=4)
    rates = []
    for _ in range(7):
        schedule.observe(0.3, epochs=2)
        rates.append(schedule.optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_a_plateau_follows_the_warm_up_and_resumes_from_its_state():
    def begin():
        spec = TrainingSpec(lr=1.0, schedule="plateau", lr_factor=0.5, lr_patience=0, warmup=0.5)
        return create_schedule(sgd(1.0), 8, spec)

    schedule, later = begin(), begin()
    assert isinstance(schedule, Plateau)
    first = rates(schedule, 2)
    schedule.observe(0.3)
    schedule.observe(0.3)
    later.optimizer.load_state_dict(schedule.optimizer.state_dict())
    later.load_state_dict(schedule.state_dict())
    assert first + rates(schedule, 4) == [0.25, 0.5, 0.375, 0.5, 0.5, 0.5]
    assert rates(later, 4) == [0.375, 0.5, 0.5, 0.5]
    later.observe(0.2)
    assert later.optimizer.param_groups[0]["lr"] == 0.25


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
    spec = TrainingSpec(lr=0.1, weight_decay=0.2, encoder_lr_factor=0.5)
    groups = parameter_groups(model, encoder, spec, steps=1000)
    found = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert found == {
        id(encoder[0].weight): (0.05, 0.2),
        id(encoder[0].bias): (0.05, 0.0),
        id(encoder[1].weight): (0.05, 0.0),
        id(encoder[1].bias): (0.05, 0.0),
        id(model[1].weight): (0.1, 0.2),
        id(model[2].gate): (gate_rate(1000, spec), 0.0),
        id(model[3].weight): (0.1, 0.2),
    }


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant", "step"])
@pytest.mark.parametrize("steps", [100, 2000])
def test_a_gate_travels_as_far_in_any_run(schedule, steps):
    """Adam under a gradient that never turns, which is as far as it can go."""
    spec = TrainingSpec(schedule=schedule, epochs=100, lr=1e-4)
    gate = (model := nn.Sequential(Gated()))[0].gate
    optimizer = create_optimizer(parameter_groups(model, None, spec, steps), spec, fused=False)
    rates = create_schedule(optimizer, steps, spec)
    for _ in range(steps):
        gate.grad = torch.full_like(gate, -1.0)
        optimizer.step()
        rates.step()
    assert gate.item() == pytest.approx(GATE_TRAVEL, rel=0.01)


def test_the_published_form_trains_its_gate_at_the_rate_of_the_rest():
    spec = TrainingSpec(lr=0.1)
    for gate, rate in (("none", 0.1), ("zero", gate_rate(50, spec))):
        model = attach(nn.Sequential(nn.Conv2d(3, 4, 3)), "nonlocal@0", gate, example=torch.zeros(1, 3, 8, 8))
        groups = parameter_groups(model, None, spec, steps=50)
        (found,) = (
            group["lr"]
            for group in groups
            for p in group["params"]
            if p is attached(model)["nonlocal@0"].gamma
        )
        assert found == rate


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_schedule_reaches_every_group(name):
    model = nn.Linear(2, 2)
    spec = TrainingSpec(optimizer=name, lr=0.1, warmup=0.0)
    optimizer = create_optimizer(parameter_groups(model, None, spec, steps=4), spec, fused=True)
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
def test_the_first_step_follows_the_formula_of_the_optimiser(name, first):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    spec = TrainingSpec(optimizer=name, lr=0.1, weight_decay=0.5)
    optimizer = create_optimizer(parameter_groups(model, None, spec, steps=4), spec, fused=True)
    model.weight.grad = torch.full((1, 1), 3.0)
    optimizer.step()
    assert model.weight.item() == pytest.approx(2.0 - first, rel=1e-5)
