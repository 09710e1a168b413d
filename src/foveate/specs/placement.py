"""The spec of a placement: where in a host, of all places and mechanisms, does attention pay?"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.plain import from_plain, read_yaml, to_plain
from foveate.specs.arm import Head, parse_arm
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec

SCORES = ("signal", "gradient", "trial")
"""Cheap scores: signal to noise of the gate's gradient over batches, the size of that gradient, and the drop
of the validation loss after a few steps of the attention alone."""

PLACEBO = "placebo"

SCREENS = ("none", *SCORES)
"""What may choose the candidates that are trained."""


@dataclass(frozen=True)
class PlacementSpec:
    """Search the places of a host for those where attention pays.

    Args:
        data, model, training: as for a comparison; the `arm` of the model must be "none".
        attention: mechanisms without places, such as cbam or "smooth(threshold=0.4)".
        places: names or patterns of places; all named places of the host if empty.
        latency_budget: the most that a candidate may take for one image, in latencies of the bare host, 1 or
            more; no limit if not given.
        screen: the cheap score by which half of the candidates are chosen for training; "none" trains all.
        survivors: how many candidates reach the final comparison.
        trial_seeds: trainings of each candidate in a round of successive halving.
        seeds: trainings of each arm in the final comparison, 2 or more.
        first_seed: the first seed of the rounds; the final comparison takes seeds that no round has used.
        placebo, judge, margin: of the final comparison.
        beside_own: whether to search a host that has attention of its own.

    Raises `UserError` for a mechanism with a place, a budget below 1, and counts below 1.

    >>> spec = PlacementSpec(DataSpec("synthetic"), attention=("se", "smooth(threshold=0.4)"))
    >>> [str(mechanism) for mechanism in spec.mechanisms]
    ['se', 'smooth(threshold=0.4)']
    >>> spec.final(["se@decoder"], epochs=3).seed_numbers
    (2, 3, 4)
    """

    data: DataSpec
    model: ModelSpec = field(default_factory=ModelSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    attention: tuple[str, ...] = ("cbam",)
    places: tuple[str, ...] = ()
    latency_budget: float | None = None
    screen: str = "none"
    survivors: int = 3
    trial_seeds: int = 2
    seeds: int = 3
    first_seed: int = 0
    placebo: bool = False
    judge: str | None = None
    margin: float = 1.0
    beside_own: bool = False

    def __post_init__(self):
        if self.model.arm != "none":
            raise UserError(
                f"attention is placed on the bare host, but the model has the arm '{self.model.arm}'; name "
                "its mechanism under attention"
            )
        _ = self.mechanisms
        budget = self.latency_budget
        if budget is not None and not 1 <= budget < math.inf:
            raise UserError(
                f"latency_budget is {budget:g}: it counts latencies of the bare host, and no attention is "
                "faster than none; give 1 or more, such as 1.1, or leave it out"
            )
        if self.screen not in SCREENS:
            raise UserError(f"screen is '{self.screen}'; there are: {', '.join(SCREENS)}")
        for name in ("survivors", "trial_seeds"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; give 1 or more")
        _ = self.final(["se@decoder"])

    @property
    def mechanisms(self) -> tuple[Head, ...]:
        """Name and options of each mechanism, each once."""
        found = [_parse_mechanism(text) for text in split_mechanisms(self.attention)]
        if not found:
            raise UserError("there is no attention to place; name one, such as cbam or cbam,se,nonlocal")
        return tuple(dict.fromkeys(found))

    @property
    def trial_seed_numbers(self) -> tuple[int, ...]:
        """The seeds of successive halving."""
        return tuple(range(self.first_seed, self.first_seed + self.trial_seeds))

    def host(self, epochs: int | None = None) -> RunSpec:
        """Return the run of the bare host with the first seed."""
        return self._compared(("se@decoder",), epochs).run("none", self.first_seed)

    def trials(self, arms: Sequence[str], epochs: int) -> ComparisonSpec:
        """Return the comparison whose runs are those of a round; only `trial_seed_numbers` are trained."""
        seeds = max(2, self.trial_seeds)
        return replace(self._compared(arms, epochs), seeds=seeds, first_seed=self.first_seed)

    def final(self, arms: Sequence[str], epochs: int | None = None) -> ComparisonSpec:
        """Return the final comparison of the arms, with seeds that no round has used."""
        return replace(
            self._compared(arms, epochs), placebo=self.placebo, judge=self.judge, margin=self.margin
        )

    def _compared(self, arms: Sequence[str], epochs: int | None) -> ComparisonSpec:
        training = self.training if epochs is None else shortened(self.training, epochs)
        first = self.first_seed + self.trial_seeds
        return ComparisonSpec(
            self.data, self.model, training, tuple(arms), seeds=self.seeds, first_seed=first
        )

    def to_yaml(self) -> str:
        """Return the spec as YAML of plain types."""
        return yaml.safe_dump(to_plain(self), sort_keys=False, allow_unicode=True)

    def save(self, path: Path) -> None:
        """Write the YAML file completely or not at all."""
        with write_whole(path, "w") as file:
            file.write(self.to_yaml())

    @classmethod
    def load(cls, path: Path) -> "PlacementSpec":
        """Read what `save` wrote. Raises `UserError` that names the file and the key."""
        try:
            return from_plain(cls, read_yaml(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file") from None
        except yaml.YAMLError as error:
            raise UserError(f"{path} is not valid YAML: {error}") from error
        except UserError as error:
            raise UserError(f"{path}: {error}") from None


def shortened(training: TrainingSpec, epochs: int) -> TrainingSpec:
    """Return the settings of a run of fewer epochs; what is given in whole epochs shrinks with them.

    >>> shortened(TrainingSpec(epochs=20, milestones=(10, 15), validate_every=4), 5).milestones
    (0.5, 0.75)
    """
    milestones = tuple(mark if mark < 1 else mark / training.epochs for mark in training.milestones)
    return replace(training, epochs=epochs, milestones=milestones, validate_every=1)


def split_mechanisms(texts: Sequence[str]) -> tuple[str, ...]:
    """Return mechanisms that are listed with commas one by one; commas between their options stay.

    >>> split_mechanisms(["cbam,se(reduction=2,bias=true)", "nonlocal"])
    ('cbam', 'se(reduction=2,bias=true)', 'nonlocal')
    """
    parts = [part.strip() for text in texts for part in re.split(r",(?![^(]*\))", text)]
    return tuple(part for part in parts if part)


def _parse_mechanism(text: str) -> Head:
    """Return name and options of a mechanism; an arm without a place has the form of a head."""
    arm = parse_arm(text)
    if arm.augment:
        raise UserError(
            f"attention: '{text}' has an augmentation of its own; --augment chooses one for the whole search"
        )
    if not arm.parts:
        raise UserError("attention: 'none' is the bare host, which takes part anyway; name a mechanism")
    if arm.attentions or len(arm.parts) > 1:
        raise UserError(
            f"attention: '{text}' says where the attention sits, which is what is searched; name the "
            "mechanism alone, such as cbam, and limit the places with --places"
        )
    (mechanism,) = arm.heads
    if mechanism.name == PLACEBO and not mechanism.options:
        raise UserError(
            "attention: a placebo takes its size from the arm beside it; --placebo (placebo) adds one to "
            "each arm of the final comparison, and placebo(parameters=1000) is searched like a mechanism"
        )
    return mechanism
