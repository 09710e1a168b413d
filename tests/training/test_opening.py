"""How far attention is open: measured against what a hook on the place itself sees."""

import pytest
import torch

from foveate.models.attaching.attach import attach, attached
from foveate.training.opening import OpeningMeter


def conv() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 2, 1)).eval()


@pytest.mark.parametrize("gate", ["zero", "none"])
def test_change_is_that_of_the_attention_over_all_images(gate):
    x = torch.rand(5, 3, 12, 12)
    host = conv()
    features = host[0](x)
    model = attach(host, "se@0", gate, example=x)
    meter = OpeningMeter(model)
    meter.start()
    for part in x.split(2):  # as the batches of a validation
        model(part)
    meter.stop()
    change = (attached(model)["se@0"](features) - features).norm() / features.norm()
    values = meter.values()
    assert values["change:se@0"] == pytest.approx(change.item(), rel=1e-5)
    assert values.get("gate:se@0") == (0.0 if gate == "zero" else None)


def test_a_gate_of_its_own_is_reported_too():
    x = torch.rand(1, 3, 12, 12)
    model = attach(conv(), "dual@0", example=x)
    torch.nn.init.constant_(attached(model)["dual@0"].position_gamma, 0.2)
    torch.nn.init.constant_(attached(model)["dual@0"].channel_gamma, -0.7)
    meter = OpeningMeter(model)
    meter.start()
    model(x)
    assert meter.values()["gate:dual@0"] == pytest.approx(-0.7)


def test_nothing_is_measured_outside_and_a_second_pass_starts_anew():
    x = torch.rand(1, 3, 12, 12)
    model = attach(conv(), "se@0", example=x)
    meter = OpeningMeter(model)
    meter.start()
    model(x)
    meter.stop()
    first = meter.values()
    model(10 * x)
    assert meter.values() == first
    meter.start()
    model(x)
    meter.stop()
    assert meter.values() == first
    assert not any(module._forward_hooks for module in attached(model).values())
