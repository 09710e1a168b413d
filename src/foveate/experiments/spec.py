"""What a comparison is: data, host, training, the arms and the seeds, as one YAML file."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.loading.module import DataSpec
from foveate.models.arms import parse_arm
from foveate.plain import flatten, from_plain, to_plain
from foveate.training.spec import ModelSpec, RunSpec, TrainingSpec

MAY_DIFFER = ("placebo:", "data.workers:", "data.memory_gb:")
"""Of no consequence for runs that are there already."""


@dataclass(frozen=True)
class ComparisonSpec:
    """Arms times seeds under identical conditions.

    model: the host; its own `arm` stays "none". arms: contenders beside the bare host, which is always there.
    placebo: a plain convolution beside each of them. seeds: how many, counted from first_seed.

    Raises `UserError` for fewer than 2 seeds, no arm, an arm outside the grammar.

    >>> spec = ComparisonSpec(DataSpec("synthetic"), arms=("se@decoder", "none"), seeds=3)
    >>> ComparisonSpec.from_yaml(spec.to_yaml()) == spec
    True
    >>> spec.run("se@decoder", seed=2).model.arm
    'se@decoder'
    """

    data: DataSpec
    model: ModelSpec = field(default_factory=ModelSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    arms: tuple[str, ...] = ("cbam@decoder",)
    placebo: bool = False
    seeds: int = 3
    first_seed: int = 0

    def __post_init__(self):
        if self.seeds < 2:
            raise UserError(
                f"seeds is {self.seeds}: no verdict is possible from "
                f"{'one seed' if self.seeds == 1 else 'none'}, because nothing tells the "
                "arm from chance; give at least 2, better 3 or more, or train a single arm with `foveate fit`"
            )
        if self.first_seed < 0:
            raise UserError(f"first_seed is {self.first_seed}; it must be 0 or more")
        if self.model.arm != "none":
            raise UserError(
                f"the model of a comparison is the bare host, not '{self.model.arm}'; name it under arms"
            )
        if all(str(parse_arm(arm)) == "none" for arm in self.arms):
            raise UserError(
                "there is no arm to compare with the bare host; give at least one, such as cbam@decoder"
            )

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds themselves."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    def run(self, arm: str, seed: int) -> RunSpec:
        """The spec of one run: the same for all arms of a seed, but for the arm."""
        return RunSpec(self.data, replace(self.model, arm=arm), self.training, seed)

    def to_yaml(self) -> str:
        """The whole tree in YAML of plain types; `from_yaml` gives back an equal spec."""
        return yaml.safe_dump(to_plain(self), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, where: str = "the comparison spec") -> "ComparisonSpec":
        """Read what `to_yaml` wrote; keys left out have their defaults. `where` names the file in errors."""
        try:
            return from_plain(cls, yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise UserError(f"{where} is not valid YAML: {error}") from error
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def save(self, path: Path) -> None:
        """Write the YAML whole or not at all."""
        with write_whole(path, "w") as file:
            file.write(self.to_yaml())

    @classmethod
    def load(cls, path: Path) -> "ComparisonSpec":
        """Read a comparison.yaml; errors name the file and the key."""
        try:
            return cls.from_yaml(Path(path).read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file") from None


def check_continues(spec: ComparisonSpec, out: Path) -> None:
    """See that a comparison in `out`, if any, can go on with this spec: arms and seeds may be added.

    Raises `UserError` with all that differs.
    """
    path = out / "comparison.yaml"
    if not path.is_file():
        return
    begun = ComparisonSpec.load(path)
    changed = [line for line in differences(begun, spec) if not line.startswith(MAY_DIFFER)]
    if set(begun.arms) <= set(spec.arms):
        changed = [line for line in changed if not line.startswith("arms:")]
    if spec.first_seed == begun.first_seed and spec.seeds >= begun.seeds:
        changed = [line for line in changed if not line.startswith("seeds:")]
    if changed:
        raise UserError(
            f"{out} holds a comparison with another spec ({'; '.join(changed)}). Go on with the spec it "
            "began with (arms and seeds may be added), or choose another folder"
        )


def check_data(out: Path, source: str) -> None:
    """See that a comparison in `out`, if any, is one of this data: told before the data is opened.

    Raises `UserError` that names both.
    """
    path = out / "comparison.yaml"
    if path.is_file() and Path(begun := ComparisonSpec.load(path).data.source) != Path(source):
        raise UserError(
            f"{out} holds a comparison of {begun}, not of {source}; choose another folder, or give {begun} "
            "again"
        )


def differences(one: ComparisonSpec, other: ComparisonSpec) -> list[str]:
    """What two specs disagree on, one line a value.

    >>> spec = ComparisonSpec(DataSpec("photos"))
    >>> differences(spec, replace(spec, seeds=5))
    ['seeds: 3, now 5']
    """
    flat, now = flatten(to_plain(one)), flatten(to_plain(other))
    keys = list(dict.fromkeys([*flat, *now]))
    absent = "not set"
    return [
        f"{key}: {flat.get(key, absent)}, now {now.get(key, absent)}"
        for key in keys
        if flat.get(key, absent) != now.get(key, absent)
    ]
