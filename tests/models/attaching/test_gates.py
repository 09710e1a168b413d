import pytest
import torch
from torch import nn

from foveate.models.attaching.gates import ResidualGate


def test_starts_as_the_identity_and_its_gate_learns_first():
    torch.manual_seed(0)
    gate = ResidualGate(nn.Conv2d(3, 3, 1))
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    out = gate(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert gate.gate.grad.abs() > 0
    assert all(parameter.grad.eq(0).all() for parameter in gate.attention.parameters())


def test_open_it_is_the_attention_and_between_it_is_the_mixture():
    torch.manual_seed(0)
    gate, x = ResidualGate(nn.Conv2d(3, 3, 1)), torch.randn(2, 3, 4, 5)
    for value in (0.25, 0.75, 1.0, -0.5):
        nn.init.constant_(gate.gate, value)
        torch.testing.assert_close(gate(x), x + value * (gate.attention(x) - x))


def test_keeps_the_dtype_of_its_input():
    gate = ResidualGate(nn.Conv2d(3, 3, 1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for dtype in (torch.float32, torch.bfloat16):
            x = torch.randn(1, 3, 4, 4).to(dtype)
            assert gate(x).dtype == dtype
            assert torch.equal(gate(x), x)


class Broken(nn.Module):
    """An attention that gives values which are not finite."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.tensor([float("inf"), float("nan"), -float("inf")])[:, None, None]


@pytest.mark.parametrize("compiled", [False, True])
def test_closed_it_is_exact_whatever_the_attention_gives(compiled, monkeypatch):
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)  # runtime checks do not trace
    gate, x = ResidualGate(Broken()), torch.randn(2, 3, 4, 5, requires_grad=True)
    run = torch.compile(gate, backend="eager", fullgraph=True) if compiled else gate
    out = run(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert gate.gate.grad.isfinite()


def test_open_it_hides_nothing_that_is_not_finite():
    gate = ResidualGate(Broken())
    nn.init.constant_(gate.gate, 0.1)
    assert not gate(torch.randn(2, 3, 4, 5)).isfinite().any()
