"""A cheap score of one candidate: what its attention gains alone in a few steps, on a frozen host."""

from collections.abc import Sequence

import torch
from torch.optim import AdamW

from foveate.experiments.placing.frozen import LabelledBatch, attached_to_frozen
from foveate.models.attaching.attach import gate_parameters
from foveate.models.host import Host
from foveate.training.losses import Loss

RATE, GATE_RATE = 0.01, 0.1
"""Learning rates of the attention and of its gate: high, because the steps are few."""


def trial_gain(
    host: Host,
    arm: str,
    training: Sequence[LabelledBatch],
    validation: Sequence[LabelledBatch],
    loss: Loss,
    before: float,
    seed: int = 0,
) -> float:
    """Train an attention with a step on each batch, and return by how much the validation loss has dropped.

    host: trained; it is left as it was, in evaluation mode. before: the validation loss of the host alone
    (`mean_loss`). seed: of the attention's first weights.
    """
    torch.manual_seed(seed)
    with attached_to_frozen(host, [arm]) as attachments:
        gates = {id(host.get_parameter(name)) for name in gate_parameters(host)}
        parameters = [parameter for module in attachments.values() for parameter in module.parameters()]
        groups = [
            {"params": [one for one in parameters if id(one) in gates], "lr": GATE_RATE},
            {"params": [one for one in parameters if id(one) not in gates], "lr": RATE},
        ]
        optimizer = AdamW([group for group in groups if group["params"]], weight_decay=0.0)
        for batch in training:
            optimizer.zero_grad()
            loss(host(batch.image), batch.target).backward()
            optimizer.step()
        host.attached.eval()
        return before - mean_loss(host, validation, loss)


@torch.no_grad()
def mean_loss(host: Host, batches: Sequence[LabelledBatch], loss: Loss) -> float:
    """Return the loss of a host in evaluation mode, averaged over images."""
    host.eval()
    total = sum(loss(host(batch.image), batch.target).item() * len(batch.target) for batch in batches)
    return total / sum(len(batch.target) for batch in batches)
