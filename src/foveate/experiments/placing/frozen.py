"""A trained host whose weights stay as they are, and the batches that attention on it is scored with."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.loading.module import DataModule
from foveate.loading.workers import dead_workers_told
from foveate.models.attaching.attach import attach, detach
from foveate.models.attaching.gates import ResidualGate
from foveate.models.host import Host
from foveate.specs.arm import parse_arm


@dataclass(frozen=True)
class LabelledBatch:
    """Images b c h w with their masks b h w, or labels b."""

    image: Tensor
    target: Tensor


def training_batches(data: DataModule, count: int, device: str) -> list[LabelledBatch]:
    """Return so many batches as training shows them, epoch after epoch."""
    loader = data.train_dataloader()

    def epochs() -> Iterator[dict]:
        for epoch in itertools.count():
            loader.sampler.set_epoch(epoch)
            yield from loader

    return _loaded(itertools.islice(epochs(), count), data, device)


def validation_batches(data: DataModule, count: int, device: str) -> list[LabelledBatch]:
    """Return the first batches of the validation images, at most so many."""
    return _loaded(itertools.islice(iter(data.val_dataloader()), count), data, device)


@contextmanager
def attached_to_frozen(host: Host, arms: Sequence[str]) -> Iterator[dict[str, nn.Module]]:
    """Attach attention to a host for the time of the block; yield what was attached, by arm.

    The host is in evaluation mode and none of its weights needs a gradient; what is attached is trained.
    arms: each one attention at one place, no two alike but for their options.
    """
    states = [(parameter, parameter.requires_grad) for parameter in host.parameters()]
    for parameter, _ in states:
        parameter.requires_grad_(False)
    attach(host.eval(), list(arms))
    try:
        labels = {arm: _label(arm) for arm in arms}
        host.attached.train()
        yield {arm: getattr(host.attached, host.attached.labels[label]) for arm, label in labels.items()}
    finally:
        detach(host)
        for parameter, requires_grad in states:
            parameter.requires_grad_(requires_grad)


def openers(attachment: nn.Module) -> list[nn.Parameter]:
    """Return what opens an attachment: its gate, or all parameters of one that starts at the identity."""
    if isinstance(attachment, ResidualGate):
        return [attachment.gate]
    return [parameter for parameter in attachment.parameters() if parameter.requires_grad]


def together(arms: Iterable[str]) -> list[list[str]]:
    """Return the arms in groups that can be attached at once: no mechanism twice at one place.

    >>> together(["se@decoder", "se@decoder(reduction=2)", "cbam@decoder"])
    [['se@decoder', 'cbam@decoder'], ['se@decoder(reduction=2)']]
    """
    groups: list[dict[str, str]] = []
    for arm in arms:
        label = _label(arm)
        free = next((group for group in groups if label not in group), None)
        if free is None:
            groups.append(free := {})
        free[label] = arm
    return [list(group.values()) for group in groups]


def _label(arm: str) -> str:
    (part,) = parse_arm(arm).attentions
    return f"{part.name}@{part.place}"


def _loaded(batches: Iterable[dict], data: DataModule, device: str) -> list[LabelledBatch]:
    target = "mask" if data.task == "segmentation" else "label"
    with dead_workers_told(), torch.random.fork_rng(devices=[]):
        return [LabelledBatch(batch["image"].to(device), batch[target].to(device)) for batch in batches]
