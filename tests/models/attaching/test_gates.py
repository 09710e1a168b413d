import pytest
import torch
from torch import nn

from foveate.models.attaching.gates import ResidualGate

GATES = pytest.mark.parametrize("channels", [None, 3], ids=["scalar", "channels"])


@GATES
def test_starts_as_the_identity_and_its_gate_learns_first(channels):
    torch.manual_seed(0)
    gate = ResidualGate(nn.Conv2d(3, 3, 1), channels)
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    out = gate(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert gate.gate.grad.abs().gt(0).all()
    assert all(parameter.grad.eq(0).all() for parameter in gate.attention.parameters())


def test_open_it_is_the_attention_and_between_it_is_the_mixture():
    torch.manual_seed(0)
    gate, x = ResidualGate(nn.Conv2d(3, 3, 1)), torch.randn(2, 3, 4, 5)
    for value in (0.25, 0.75, 1.0, -0.5):
        nn.init.constant_(gate.gate, value)
        torch.testing.assert_close(gate(x), x + value * (gate.attention(x) - x))


def test_each_channel_has_its_own_mixture():
    torch.manual_seed(0)
    gate, x = ResidualGate(nn.Conv2d(3, 3, 1), 3), torch.randn(2, 3, 4, 5)
    with torch.no_grad():
        gate.gate[:, 0, 0] = torch.tensor([0.0, -0.5, 1.0])
    change = gate.attention(x) - x
    out = gate(x)
    assert torch.equal(out[:, 0], x[:, 0])
    torch.testing.assert_close(out[:, 1], x[:, 1] - 0.5 * change[:, 1])
    torch.testing.assert_close(out[:, 2], x[:, 2] + change[:, 2])
    assert gate.opening == pytest.approx(0.5)  # the mean size


@GATES
def test_keeps_the_dtype_of_its_input(channels):
    gate = ResidualGate(nn.Conv2d(3, 3, 1), channels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for dtype in (torch.float32, torch.bfloat16):
            x = torch.randn(1, 3, 4, 4).to(dtype)
            assert gate(x).dtype == dtype
            assert torch.equal(gate(x), x)


class Broken(nn.Module):
    """An attention that gives values which are not finite."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.tensor([float("inf"), float("nan"), -float("inf")])[:, None, None]


@GATES
@pytest.mark.parametrize("compiled", [False, True])
def test_closed_it_is_exact_whatever_the_attention_gives(compiled, channels, monkeypatch):
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)  # runtime checks do not trace
    gate, x = ResidualGate(Broken(), channels), torch.randn(2, 3, 4, 5, requires_grad=True)
    run = torch.compile(gate, backend="eager", fullgraph=True) if compiled else gate
    out = run(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert gate.gate.grad.isfinite().all()


def test_open_it_hides_nothing_that_is_not_finite():
    gate = ResidualGate(Broken())
    nn.init.constant_(gate.gate, 0.1)
    assert not gate(torch.randn(2, 3, 4, 5)).isfinite().any()
