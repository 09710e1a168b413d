"""The residual gate: an attention that starts as the identity and learns how far to go.

x + g (a(x) - x) with one learnable scalar g that starts at 0: at step 0 the gated module returns x bit for
bit, and the gradient of g tells whether a step towards a(x) lowers the loss. The same idea opens the residual
branch of ReZero (arXiv 2003.04887) and Flamingo's gated layers (arXiv 2204.14198, there through tanh).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.closed import finite_where_closed


class ResidualGate(nn.Module):
    """`forward(x: b c h w) = x + g (a(x) - x)`, g a scalar parameter that starts at 0.

    While g is exactly 0 the attention itself gets no gradient; g does, so the first step opens the gate. What
    a refiner sees beside x comes after it.

    >>> gate = ResidualGate(nn.Conv2d(4, 4, 1))
    >>> x = torch.randn(1, 4, 5, 5)
    >>> torch.equal(gate(x), x)
    True
    """

    def __init__(self, attention: nn.Module):
        super().__init__()
        self.attention = attention
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "b c h w"], *context: Tensor) -> Float[Tensor, "b c h w"]:
        return self._open(x, self.attention(x, *context))

    def forward_with_auxiliary(
        self, x: Float[Tensor, "b c h w"], *context: Tensor
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, ""]]:
        """The same of an attention that also gives a loss, which the gate leaves alone."""
        attended, loss = self.attention.forward_with_auxiliary(x, *context)
        return self._open(x, attended), loss

    def _open(self, x: Tensor, attended: Tensor) -> Tensor:
        # lerp is the formula above in one pass over memory, and exact at g = 0. It runs in the gate's
        # precision: rounded to bfloat16, a gate of 0.002 changes nothing.
        wide = x.to(self.gate.dtype)
        change = finite_where_closed(attended.to(self.gate.dtype), self.gate, otherwise=wide)
        return torch.lerp(wide, change, self.gate).to(x.dtype)
