"""The spec of a comparison: data, host, training, arms and seeds, as one YAML file."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.plain import from_plain, read_yaml, to_plain
from foveate.specs.arm import Arm, parse_named_arm
from foveate.specs.data import DataSpec
from foveate.specs.folds import fold_of
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec

MAX_SEEDS = 20


@dataclass(frozen=True)
class ComparisonSpec:
    """Train every arm with every seed under identical conditions.

    Args:
        data, model, training: as for a run; the `arm` of the model must be "none".
        arms: contenders, each as ARM or NAME=ARM; folders and the report use the name. The bare host is
            always added. An arm may have an augmentation of its own, as none+augment=strong.
        placebo: whether to add, for each arm, a plain convolution with as many parameters.
        seeds: trainings of each arm, 2 or more.
        first_seed: the first seed; the others are the numbers after it.
        until_decided: whether to add seeds until every arm is decided, up to `max_seeds`. The result is
            looked at after `seeds` seeds and after every further one.
        max_seeds: the most trainings of each arm with `until_decided`.
        judge: the score that verdicts are about, such as miou, dice:polyp or boundary_iou; mIoU for masks and
            accuracy for labels if not given.
        margin: differences of the score below it do not matter, in points, above 0 and below 100.
        reference: the arm that all others are set against; the bare host if not given.
        contrasts: further pairs to set against each other, each as "ARM vs ARM".
        folds: where the data have no part to test on, seed s tests fold s mod `folds`, so that the seeds
            together test every image. 0 for one split for all seeds.

    An arm can be called by its name in `reference` and `contrasts`. Raises `UserError` for fewer than 2
    seeds, 1 fold, folds of data with a `fold`, no arm, a syntax error in an arm, an invalid or ambiguous
    name, and a reference or contrast of an arm that is not among the arms.

    >>> spec = ComparisonSpec(DataSpec("synthetic"), arms=("se@decoder", "none"), seeds=3)
    >>> ComparisonSpec.from_yaml(spec.to_yaml()) == spec
    True
    >>> spec.run("se@decoder", seed=2).model.arm
    'se@decoder'
    >>> replace(spec, folds=5).run("none", seed=2).data.fold
    '3/5'
    """

    data: DataSpec
    model: ModelSpec = field(default_factory=ModelSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    arms: tuple[str, ...] = ("cbam@decoder",)
    placebo: bool = False
    seeds: int = 3
    first_seed: int = 0
    until_decided: bool = False
    max_seeds: int = MAX_SEEDS
    judge: str | None = None
    margin: float = 1.0
    reference: str = "none"
    contrasts: tuple[str, ...] = ()
    folds: int = 0

    def __post_init__(self):
        if self.seeds < 2:
            raise UserError(
                f"seeds is {self.seeds}: no verdict is possible from "
                f"{'one seed' if self.seeds == 1 else 'none'}, because an effect of the arm cannot be told "
                "from chance; give at least 2, better 3 or more, or train a single arm with `foveate fit`"
            )
        if self.first_seed < 0:
            raise UserError(f"first_seed is {self.first_seed}; it must be 0 or more")
        if self.folds < 0 or self.folds == 1:
            raise UserError(f"folds is {self.folds}; give 2 or more, or 0 for one split for all seeds")
        if self.folds and self.data.fold:
            raise UserError(
                f"the data have the fold {self.data.fold} and the comparison {self.folds} folds; give one of "
                "--fold and --folds"
            )
        if self.model.arm != "none":
            raise UserError(
                f"the model of a comparison must be the bare host, but has the arm '{self.model.arm}'; list "
                "that under arms"
            )
        self._check_names()
        if all(arm == Arm() for _, arm in map(parse_named_arm, self.arms)):
            raise UserError(
                "there is no arm to compare with the bare host; give at least one, such as cbam@decoder or "
                "none+augment=strong"
            )
        self._check_runs()
        if not self.until_decided and self.max_seeds != MAX_SEEDS:
            raise UserError(
                "max_seeds is for a comparison that adds seeds until decided: add until_decided "
                "(--until-decided), or give the number as seeds"
            )
        if self.until_decided and self.max_seeds < self.seeds:
            raise UserError(
                f"max_seeds is {self.max_seeds}, below the {self.seeds} seeds of the first look; give more, "
                "or fewer seeds"
            )
        if not 0 < self.margin < 100:
            raise UserError(
                f"margin is {self.margin:g}; it is the difference in points below which an arm makes no "
                "difference to you: give a number above 0 and below 100, such as 1"
            )
        _ = self.reference_arm, self.contrast_pairs

    def _check_names(self) -> None:
        """Raise `UserError` if a name stands for two arms, or an arm has two names."""
        by_name: dict[str, str] = {}
        by_arm: dict[str, str] = {}
        for name, arm in map(parse_named_arm, self.arms):
            if by_arm.setdefault(str(arm), name) != name:
                names = " and ".join(repr(given) for given in (by_arm[str(arm)], name) if given)
                raise UserError(f"arms: {arm} is given twice, as {names}; give it once")
            if name and by_name.setdefault(name.lower(), str(arm)) != str(arm):
                raise UserError(
                    f"arms: the name '{name}' means both {by_name[name.lower()]} and {arm}; give each arm "
                    "its own name (upper and lower case are the same)"
                )

    def _check_runs(self) -> None:
        """Raise `UserError` if two arms with augmentation policies are the same run."""
        texts: dict[str, str] = {}
        for text in dict.fromkeys(self._texts):
            run = self.run(text, self.first_seed)
            other = texts.setdefault(run.digest, text)
            if other != text:
                raise UserError(
                    f"arms: {other} and {text} are the same training ({run.data.policy}); leave one out"
                )

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """All seeds, from `first_seed` on."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which the result is looked at."""
        return tuple(range(self.seeds, self.max_seeds + 1)) if self.until_decided else (self.seeds,)

    @property
    def reference_arm(self) -> str:
        """The reference in canonical text."""
        return self._called(self.reference, "reference")

    @property
    def contrast_pairs(self) -> tuple[tuple[str, str], ...]:
        """The contrasts as pairs of an arm and its reference, in canonical text."""
        pairs = []
        for text in self.contrasts:
            arm, separator, reference = text.partition(" vs ")
            if not separator:
                raise UserError(f"contrasts: '{text}' is no pair; write two arms as \"ARM vs ARM\"")
            pair = self._called(arm.strip(), "contrasts"), self._called(reference.strip(), "contrasts")
            if pair[0] == pair[1]:
                raise UserError(f"contrasts: '{text}' sets an arm against itself; name two arms")
            taken = [*pairs, *((arm, self.reference_arm) for arm in self._texts)]
            if pair in taken or pair[::-1] in taken:
                raise UserError(
                    f"contrasts: '{text}' is compared already; leave it out (every arm is set against the "
                    "reference, and a pair counts once)"
                )
            pairs.append(pair)
        return tuple(pairs)

    @property
    def _texts(self) -> tuple[str, ...]:
        """The canonical text of every arm, the host included."""
        return ("none", *(str(arm) for _, arm in map(parse_named_arm, self.arms)))

    def _called(self, text: str, where: str) -> str:
        """Return the canonical text of the arm with this name or text."""
        named = [("none", "none"), *((name, str(arm)) for name, arm in map(parse_named_arm, self.arms))]
        for name, arm in named:
            if text and text in (name, arm):
                return arm
        arm = str(parse_named_arm(text)[1])
        if any(arm == other for _, other in named):
            return arm
        names = ", ".join(name or other for name, other in named)
        raise UserError(f"{where}: '{text}' is not among the arms ({names}); add it to --arms")

    def run(self, arm: str, seed: int) -> RunSpec:
        """Return the spec of one run. The runs of a seed differ in the arm only."""
        data = replace(self.data, fold=fold_of(seed, self.folds)) if self.folds else self.data
        return RunSpec.of_arm(arm, data, self.model, self.training, seed)

    def to_yaml(self) -> str:
        """Return the spec as YAML of plain types; `from_yaml` returns an equal spec."""
        return yaml.safe_dump(to_plain(self), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, where: str = "the comparison spec") -> "ComparisonSpec":
        """Read the output of `to_yaml`; missing keys get their defaults. `where` names the file in errors."""
        try:
            return from_plain(cls, read_yaml(text))
        except yaml.YAMLError as error:
            raise UserError(f"{where} is not valid YAML: {error}") from error
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def save(self, path: Path) -> None:
        """Write the YAML file completely or not at all."""
        with write_whole(path, "w") as file:
            file.write(self.to_yaml())

    @classmethod
    def load(cls, path: Path) -> "ComparisonSpec":
        """Read a comparison.yaml. Raises `UserError` that names the file and the key."""
        try:
            return cls.from_yaml(Path(path).read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file") from None
