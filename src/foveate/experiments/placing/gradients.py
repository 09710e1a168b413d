"""A cheap score of all candidates at once: what the loss of a trained host says of opening their gates.

All candidates are attached to one trained host with closed gates. The host then computes what it computed
before, and every gate g has the gradient dL/dg that it would have alone. The mean of the gradients of n
batches over its standard error, |mean| / (std / sqrt(n)), is the signal: large where the batches agree that
opening this gate changes the loss.

A mechanism that starts at the identity by itself is opened by a vector of parameters. Its signal is
sqrt(n) |mean| over the root of the summed variances: for one parameter the same number, and for gradients of
mean 0 its square is 1 on average, whatever the number of parameters.

The signal is that of a proxy at initialisation such as SNIP (Lee et al., 2019, arXiv 1810.02340), taken at
gates and after a short training of the host instead of at the weights of a new network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from foveate.experiments.placing.frozen import LabelledBatch, attached_to_frozen, openers, together
from foveate.models.host import Host
from foveate.training.losses import Loss


@dataclass(frozen=True)
class GateGradient:
    """The gradient of the loss by what opens an arm. signal: over batches. size: the norm of its mean."""

    signal: float
    size: float


def gate_gradients(
    host: Host,
    arms: Sequence[str],
    batches: Sequence[LabelledBatch],
    loss: Loss,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, GateGradient]:
    """Return the gradient of each arm, an attention at a place, over two batches or more.

    host: trained; it is left as it was, in evaluation mode. progress: called after each pass with the number
    of passes done, and of all.
    """
    groups = together(arms)
    found: dict[str, GateGradient] = {}
    for number, group in enumerate(groups):
        rows: dict[str, list[Tensor]] = {arm: [] for arm in group}
        with attached_to_frozen(host, group) as attachments:
            for done, batch in enumerate(batches, start=1):
                value = loss(host(batch.image), batch.target)
                by_arm = {arm: openers(attachment) for arm, attachment in attachments.items()}
                parameters = [parameter for opening in by_arm.values() for parameter in opening]
                gradients = iter(torch.autograd.grad(value, parameters, allow_unused=True))
                for arm, opening in by_arm.items():
                    flat = [_flat(next(gradients), parameter) for parameter in opening]
                    rows[arm].append(torch.cat(flat) if flat else torch.zeros(1))
                progress(number * len(batches) + done, len(groups) * len(batches))
        found |= {arm: gradient_of(torch.stack(gradients)) for arm, gradients in rows.items()}
    return {arm: found[arm] for arm in arms}


def gradient_of(rows: Float[Tensor, "n parameters"]) -> GateGradient:
    """Return signal and size of the gradients of n batches; a gradient that is always 0 has no signal.

    >>> found = gradient_of(torch.tensor([[1.0], [2.0], [3.0]]))
    >>> round(found.signal, 3), found.size
    (3.464, 2.0)
    """
    size = rows.mean(0).norm().item()
    spread = rows.var(0).sum().sqrt().item()
    return GateGradient(len(rows) ** 0.5 * size / spread if spread > 0 else 0.0, size)


def _flat(gradient: Tensor | None, parameter: Tensor) -> Float[Tensor, " n"]:
    value = torch.zeros_like(parameter) if gradient is None else gradient
    return value.detach().double().cpu().reshape(-1)
