"""The spec of a run, written as YAML: with the data, it determines every bit of the result."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.plain import flatten, from_plain, read_yaml, to_plain
from foveate.specs.arm import parse_arm
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.training import TrainingSpec

READING = ("data.workers", "data.memory_gb")
"""Fields that change how images are read, and not the result."""


@dataclass(frozen=True)
class RunSpec:
    """One training run: data, model, training, and the seed of all random numbers.

    after: epochs that the run had when it was finished and then resumed for more; those that follow have a
    learning-rate schedule of their own.

    >>> spec = RunSpec(DataSpec("synthetic"), ModelSpec(arm="cbam@decoder"), seed=3)
    >>> RunSpec.from_yaml(spec.to_yaml()) == spec
    True
    >>> RunSpec.from_yaml("data: {source: synthetic}\\ntraining: {epoch: 3}")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: training: unknown key 'epoch'; did you mean 'epochs'? There are: ...
    """

    data: DataSpec
    model: ModelSpec = field(default_factory=ModelSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    seed: int = 0
    after: int = 0

    @classmethod
    def of_arm(
        cls, arm: str, data: DataSpec, model: ModelSpec, training: TrainingSpec, seed: int = 0
    ) -> "RunSpec":
        """Return the spec of a run with an arm, whose augmentation policy replaces that of the data.

        The random changes of training images are recorded as numbers. Raises `UserError` for an unknown
        policy.

        >>> spec = RunSpec.of_arm("none+augment=strong", DataSpec("a"), ModelSpec(), TrainingSpec())
        >>> spec.model.arm, spec.data.scale, spec.data.rotation
        ('none', (0.5, 2.0), 15.0)
        """
        parsed = parse_arm(arm)
        data = replace(data, augment=parsed.augment or data.augment)
        return cls(data.settled, replace(model, arm=str(parsed.network)), training, seed)

    @property
    def part(self) -> TrainingSpec:
        """The settings of the epochs after `after`, counted on their own.

        >>> RunSpec(DataSpec("synthetic"), training=TrainingSpec(epochs=5), after=2).part.epochs
        3
        """
        if not self.after:
            return self.training
        return replace(self.training, epochs=self.training.epochs - self.after, validate_every=1)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for all that determines the result.

        Fields with their default values do not count: a field that a later version adds changes no digest.

        >>> RunSpec(DataSpec("a")).digest == RunSpec(DataSpec("a", workers=2)).digest
        True
        >>> RunSpec(DataSpec("a")).digest == RunSpec(DataSpec("a"), seed=1).digest
        False
        """
        usual, own = (
            flatten(to_plain(replace(spec, data=spec.data.settled))) for spec in (RunSpec(DataSpec("")), self)
        )
        told = {
            name: value for name, value in own.items() if usual.get(name) != value and name not in READING
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    def everywhere(self) -> "RunSpec":
        """Return the spec with absolute paths, which hold in every process that sees the same files."""
        data = replace(self.data, source=_absolute(self.data.source))
        model = replace(self.model, encoder_weights=_absolute(self.model.encoder_weights))
        return replace(self, data=data, model=model)

    def to_yaml(self) -> str:
        """Write the spec as YAML of plain types; `from_yaml` returns an equal spec."""
        return yaml.safe_dump(to_plain(self), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, where: str = "") -> "RunSpec":
        """Read the YAML of `to_yaml`; missing keys take their defaults. where: the file, for errors."""
        try:
            tree = read_yaml(text)
        except yaml.YAMLError as error:
            raise UserError(f"{where or 'the run spec'} is not valid YAML: {error}") from error
        try:
            return from_plain(cls, tree)
        except UserError as error:
            raise UserError(f"{where}: {error}") if where else error from None

    def save(self, path: Path) -> None:
        """Write the YAML file, whole or not at all."""
        with write_whole(path) as file:
            file.write(self.to_yaml().encode())

    @classmethod
    def load(cls, path: Path) -> "RunSpec":
        """Read a spec.yaml; errors name the file and the key."""
        try:
            return cls.from_yaml(Path(path).read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file; a run directory has its spec.yaml") from None


def _absolute(text: str) -> str:
    """Return an existing path as an absolute one; names of data and of weights as they are."""
    return str(Path(text).absolute()) if Path(text).exists() else text
