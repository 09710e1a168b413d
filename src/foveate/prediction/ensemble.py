"""Several networks that predict together: the weighted mean of their class probabilities.

The mean can be made less or more sure by a temperature T: its logarithm is divided by T before it is
normalised again (Guo et al., "On Calibration of Modern Neural Networks", 2017,
https://arxiv.org/abs/1706.04599, for one network; here T comes after the mean, so that it mends the mean
itself). The class of highest probability stays what it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foveate.data.bands import BandScale
from foveate.errors import UserError
from foveate.models.host import Host
from foveate.prediction.backends.exported import ExportedNetwork
from foveate.prediction.facts import Facts, facts_of
from foveate.prediction.views import Views, needs_views
from foveate.specs.ensemble import EnsembleSpec

Network = Host | ExportedNetwork


@dataclass(frozen=True)
class Member:
    """A network of an ensemble, and what errors call it."""

    name: str
    network: Network

    @property
    def facts(self) -> Facts:
        return self.network.facts if isinstance(self.network, ExportedNetwork) else facts_of(self.network)


class Ensemble(nn.Module):
    """Networks with the same classes, whose probabilities are averaged.

    An ensemble is called like one of its networks: images `b c h w`, prepared as for the first, become logits
    whose softmax is the mean. Every network predicts in its own test-time views; classes in another order,
    and bands that another training scaled otherwise, are brought to the order and the scale of the first.

    Args:
        members: two or more.
        weights: of each, 0 or more; all the same if not given.
        temperature: 0.01 to 100; above 1 makes the mean less sure.

    Raises `UserError` if the members predict other classes, another task, or at another size, and for weights
    and temperatures that are none.
    """

    def __init__(self, members: Sequence[Member], weights: Sequence[float] = (), temperature: float = 1.0):
        super().__init__()
        if not members:
            raise UserError("an ensemble needs at least one run")
        _ = EnsembleSpec(temperature=f"{temperature:g}")  # checks it
        self.names = tuple(member.name for member in members)
        self.weights, self.temperature = _shares(weights, self.names), float(temperature)
        facts = [member.facts for member in members]
        for name, other in zip(self.names, facts, strict=True):
            _check_alike(self.names[0], facts[0], name, other)
        self.facts = _joined(facts)
        self.task = facts[0].task
        self.networks = nn.ModuleList(
            Views(m.network, f.test_scales, f.test_flip)
            if needs_views(f.test_scales, f.test_flip)
            else m.network
            for m, f in zip(members, facts, strict=True)
        )
        self.multiple = math.lcm(*(int(getattr(member.network, "multiple", 32)) for member in members))
        self._orders = [[f.classes.index(name) for name in facts[0].classes] for f in facts]
        self._scales = [f.bands for f in facts]

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes ..."]:
        return self.joined(self.apart(image)).log()

    def apart(self, image: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b classes ..."]]:
        """Return the probabilities of each network, in the order of the first one's classes."""
        parts = zip(self.networks, self._orders, self._scales, strict=True)
        return [
            network(_rescaled(image, self._scales[0], scale)).float().softmax(1)[:, order]
            for network, order, scale in parts
        ]

    def joined(self, apart: Sequence[Float[Tensor, "b classes ..."]]) -> Float[Tensor, "b classes ..."]:
        """Return the probabilities of the ensemble from those of its networks."""
        mean = sum(weight * p for weight, p in zip(self.weights, apart, strict=True))
        return mean if self.temperature == 1 else (mean.log() / self.temperature).softmax(1)


def _shares(weights: Sequence[float], names: Sequence[str]) -> tuple[float, ...]:
    """Return weights that sum to 1."""
    if not weights:
        return (1 / len(names),) * len(names)
    if len(weights) != len(names):
        raise UserError(f"--weights: {len(weights)} for {len(names)} runs; give one for each")
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        given = " ".join(f"{weight:g}" for weight in weights)
        raise UserError(f"--weights: {given}; give numbers from 0 on, at least one above 0")
    scaled = [weight / max(weights) for weight in weights]  # sums of very large weights are not finite
    return tuple(weight / sum(scaled) for weight in scaled)


def _check_alike(first: str, facts: Facts, name: str, other: Facts) -> None:
    if facts.task != other.task or sorted(facts.classes) != sorted(other.classes):
        raise UserError(
            f"{name} predicts {_classes(other)}, and {first} {_classes(facts)}; the runs of an ensemble "
            "predict the same classes"
        )
    if facts.size != other.size:
        sizes = [f"{f.size[0]}x{f.size[1]}" if f.size else "the image's own size" for f in (other, facts)]
        raise UserError(
            f"{name} predicts at {sizes[0]}, and {first} at {sizes[1]}; the runs of an ensemble see images "
            "of one size"
        )
    if (facts.bands and facts.bands.bands) != (other.bands and other.bands.bands):
        raise UserError(f"{name} was trained on other bands than {first}; the runs of an ensemble share them")


def _classes(facts: Facts) -> str:
    kind = "masks of" if facts.task == "segmentation" else "labels of"
    return f"{kind} {', '.join(facts.classes)}"


def _joined(facts: Sequence[Facts]) -> Facts:
    """Return the facts of an ensemble: those of the first, with what is not the same in all told as such."""
    told = {
        name: ", ".join(dict.fromkeys(getattr(f, name) for f in facts)) for name in ("arch", "encoder", "arm")
    }
    scales = tuple(sorted({scale for f in facts for scale in f.test_scales}))
    return replace(
        facts[0], **told, test_scales=scales, test_flip=any(f.test_flip for f in facts), verdict=""
    )


def _rescaled(
    image: Float[Tensor, "b c h w"], scale: BandScale | None, wanted: BandScale | None
) -> Float[Tensor, "b c h w"]:
    """Return bands in the scale of another training. What the first has cut as outliers stays cut."""
    if scale is None or wanted is None or scale == wanted:
        return image
    numbers = torch.tensor([scale.low, scale.high, wanted.low, wanted.high], device=image.device)
    low, high, other_low, other_high = numbers[..., None, None]
    span, other_span = high - low, other_high - other_low
    values = image * torch.where(span == 0, 1, span) + low
    return ((values - other_low) / torch.where(other_span == 0, 1, other_span)).clamp(-1, 2)
