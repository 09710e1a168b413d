"""The spec of a sweep: which fields of a run take which values, over which data, arms, seeds and folds."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from foveate.errors import UserError, choose
from foveate.plain import from_plain, read_yaml
from foveate.specs.arm import parse_named_arm
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.training import TrainingSpec

OWN = {"source": "data", "arm": "arms", "fold": "folds", "seed": "seeds"}
"""Fields of a run that a sweep has keys of its own for."""

FIELDS = tuple(
    field.name
    for spec in (DataSpec, ModelSpec, TrainingSpec)
    for field in dataclasses.fields(spec)
    if field.name not in OWN
)
"""The fields of a run that `grid`, `variants` and the file itself may set."""


@dataclass(frozen=True)
class Cell:
    """One run of a sweep, as it is asked for. values: of the swept fields."""

    source: str
    arm: str
    values: tuple[tuple[str, Any], ...]
    seed: int
    fold: str | None = None

    def __str__(self) -> str:
        parts = [self.source, self.arm, *(f"{name} {_written(value)}" for name, value in self.values)]
        parts += [f"seed {self.seed}", *([f"fold {self.fold}"] if self.fold else [])]
        return ", ".join(parts)


@dataclass(frozen=True)
class SweepSpec:
    """Train every combination of data, fields, arms, seeds and folds.

    Args:
        data: one source or several, each as in `DataSpec`.
        arms: each as ARM or NAME=ARM.
        grid: for each swept field of a run, the list of its values; all combinations are trained.
        variants: networks or settings that belong together, each as a mapping of fields; every one is
            combined with the whole grid.
        seeds: trainings of each combination, 1 or more; verdicts need 2, or folds.
        first_seed: the first seed; the others are the numbers after it.
        folds: 2 or more for a cross-validation: every seed trains once for each fold, which it tests. 0 for
            the splits of the data.
        settings: fields of a run that are the same in all. In a file they stand beside the other keys.
        versus: what verdicts set against each other: arm, or a swept field.
        reference: the arm, or the value of the field, that all others are set against.
        judge, margin: as in `ComparisonSpec`.
        smaller_batches: whether a run that ends for want of memory is trained with half the batch.

    Raises `UserError` for an unknown field, with the nearest one, an empty list, and values that are not in
    a list.

    >>> sweep = SweepSpec(("synthetic:8",), ("none", "se@decoder"), {"lr": [0.1, 0.01]}, seeds=2)
    >>> len(list(sweep.cells())), str(next(sweep.cells()))
    (8, 'synthetic:8, none, lr 0.1, seed 0')
    >>> SweepSpec(("synthetic:8",), grid={"encodr": ["resnet18"]})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: grid: unknown field of a run 'encodr'; did you mean 'encoder'? There are: ...
    """

    data: tuple[str, ...]
    arms: tuple[str, ...] = ("none",)
    grid: dict[str, Any] = field(default_factory=dict)
    variants: tuple[dict[str, Any], ...] = ()
    seeds: int = 1
    first_seed: int = 0
    folds: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    versus: str = "arm"
    reference: Any = "none"
    judge: str | None = None
    margin: float = 1.0
    smaller_batches: bool = False

    def __post_init__(self):
        for name, values in (("data", self.data), ("arms", self.arms)):
            if not values:
                raise UserError(f"{name} is empty; give at least one, or leave the key out")
        for where, names in (("grid", self.grid), ("", self.settings), *self._named_variants()):
            for name in names:
                _check_field(str(name), f"{where}: " if where else "")
        for name, values in self.grid.items():
            if not isinstance(values, list | tuple):
                raise UserError(f"grid: {name} is {values!r}; list its values, such as [{values!r}]")
            if not values:
                raise UserError(f"grid: {name} has no values, so there is nothing to train; list some")
        self._check_once()
        for arm in self.arms:
            parse_named_arm(arm)
        if self.seeds < 1 or self.first_seed < 0:
            raise UserError(f"seeds is {self.seeds} from {self.first_seed} on; give 1 or more, from 0 on")
        if self.folds < 0 or self.folds == 1:
            raise UserError(f"folds is {self.folds}; give 2 or more, or 0 for the splits of the data")
        if not 0 < self.margin < 100:
            raise UserError(f"margin is {self.margin:g}; give a number of points above 0 and below 100")
        if self.versus not in ("arm", *self.swept):
            raise UserError(f"versus is '{self.versus}', which is not swept; sweep it in grid or variants")

    def _named_variants(self) -> list[tuple[str, dict[str, Any]]]:
        return [(f"variants[{number}]", fields) for number, fields in enumerate(self.variants)]

    def _check_once(self) -> None:
        """Raise `UserError` for a field that is set in two of the grid, the variants and the file itself."""
        varied = {name for fields in self.variants for name in fields}
        for name in {*self.grid, *varied, *self.settings}:
            places = [
                place
                for place, names in (("grid", self.grid), ("variants", varied), ("the file", self.settings))
                if name in names
            ]
            if len(places) > 1:
                raise UserError(f"{name} is set in {' and in '.join(places)}; set it once")

    @property
    def units(self) -> int:
        """How often each combination is trained: for every seed and fold."""
        return self.seeds * max(1, self.folds)

    @property
    def swept(self) -> tuple[str, ...]:
        """The swept fields."""
        return tuple(dict.fromkeys([*(name for fields in self.variants for name in fields), *self.grid]))

    def cells(self) -> Iterator[Cell]:
        """Yield all runs: data by data, combination by combination, seed by seed, fold by fold."""
        folds = [f"{number}/{self.folds}" for number in range(1, self.folds + 1)] or [None]
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        arms = [str(parse_named_arm(arm)[1]) for arm in self.arms]
        grid = [[(name, value) for value in values] for name, values in self.grid.items()]
        for source, variant, values in itertools.product(
            self.data, self.variants or ({},), itertools.product(*grid)
        ):
            swept = (*variant.items(), *values)
            for seed, fold, arm in itertools.product(seeds, folds, arms):
                yield Cell(source, arm, swept, seed, fold)

    @classmethod
    def from_tree(cls, tree: Any, where: str = "the sweep") -> "SweepSpec":
        """Build the spec from the content of a YAML file; fields of a run stand beside the other keys."""
        if not isinstance(tree, Mapping) or not tree:
            raise UserError(
                f"{where}: holds no sweep; it needs data and a grid, such as 'grid: {{lr: [0.01]}}'"
            )
        own = {item.name for item in dataclasses.fields(cls)} - {"settings"}
        try:
            for key in tree:
                if key not in own:
                    _check_field(str(key), "", own)
            if "data" not in tree:
                raise UserError("the key 'data' is missing; name a folder, or several in a list")
            listed = {
                key: [tree[key]] if isinstance(tree[key], str) else tree[key]
                for key in ("data", "arms")
                if key in tree
            }
            plain = {key: value for key, value in tree.items() if key in own} | listed
            settings = {key: value for key, value in tree.items() if key not in own}
            return from_plain(cls, plain | {"settings": settings})
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    @classmethod
    def load(cls, path: Path) -> "SweepSpec":
        """Read a YAML file. Raises `UserError` that names the file and the key."""
        try:
            return cls.from_tree(read_yaml(Path(path).read_text(encoding="utf-8")), str(path))
        except (FileNotFoundError, IsADirectoryError):
            raise UserError(f"{path}: there is no such file; a sweep is a YAML file") from None
        except UnicodeDecodeError:
            raise UserError(f"{path}: is not a text file; a sweep is a YAML file") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or error
            raise UserError(f"{path}{line}: not valid YAML ({problem})") from None


def _check_field(name: str, where: str, others: set[str] = frozenset()) -> None:
    if name in OWN:
        raise UserError(f"{where}'{name}' of the runs is set by the key {OWN[name]} of the sweep")
    try:
        choose(name, {*FIELDS, *others}, "field of a run")
    except UserError as error:
        raise UserError(f"{where}{error}") from None


def _written(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
