"""The result of a comparison and its files: `comparison.json` and .csv, `curves.csv`, `openings.csv`."""

import csv
import dataclasses
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.plain import from_json, to_json
from foveate.verdicts.findings import ArmResult, Findings

FORMAT = 3


@dataclass(frozen=True)
class Contender:
    """One arm of a comparison.

    arm: its canonical text. folder: the name of the folder of its runs. role: "host", "arm" or "placebo".
    beside: the arms that a placebo is the control of. seeds: of its runs. scores: one value for each seed, by
    name of the score. class_scores: one value for each seed, by name of the class. name: given by the user,
    "" for none. stopped: why it got no more seeds, of a comparison that adds seeds until decided: "decided",
    "undecidable", "not tested" or "".
    """

    arm: str
    folder: str
    role: str
    beside: tuple[str, ...]
    scores: dict[str, tuple[float, ...]]
    class_scores: dict[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    name: str = ""
    stopped: str = ""

    @property
    def label(self) -> str:
        """The name of the arm in text for people: the user's name for it, or else its canonical text."""
        return self.name or self.arm


@dataclass(frozen=True)
class CurvePoint:
    """One epoch of one run; a value that was not measured is NaN."""

    arm: str
    seed: int
    epoch: int
    train_loss: float
    val_loss: float
    val_score: float


@dataclass(frozen=True)
class OpeningPoint:
    """How far one attention of one run is open after an epoch.

    label: the attention and its place, such as "se@encoder2". gate: its gate, NaN without one. change: how
    much the attention changes the features at its place, |a(x) - x| / |x| over the validation images.
    """

    arm: str
    seed: int
    epoch: int
    label: str
    gate: float
    change: float


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison: everything that the report needs except for the pictures.

    description: of the dataset, in words. colors: RGB of each class. size: height and width in pixels. score:
    the score that the verdicts are about, such as "miou" or "dice:polyp". class_score: the score of single
    classes. seeds: of all arms together; an arm may have fewer. contenders: every arm with its scores, the
    host first. findings: differences, intervals, verdicts and costs by arm. command: that made the
    comparison. finished: date and time in UTC. seconds: training time of all runs together. environment:
    versions and hardware. until_decided: whether seeds were added until every arm is decided. folds: over how
    many the seeds rotate, 0 if they all test the same images. gate: the gate form, see `ModelSpec`. travel:
    how far a gate can move in a run. rising: by how much the best validation score of the reference still
    rose at the end, see `still_rising`. one_class: the only class that the reference predicts, "" if there
    are several. curves: losses and scores of every epoch. openings: how far the attention of every run is
    open, by epoch.
    """

    task: str
    dataset: str
    description: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]
    host: str
    score: str
    class_score: str
    seeds: tuple[int, ...]
    epochs: int
    contenders: tuple[Contender, ...]
    findings: Findings
    command: str
    finished: str
    seconds: float
    environment: dict[str, str]
    until_decided: bool = False
    folds: int = 0
    gate: str = "zero"
    travel: float = math.inf
    rising: float = 0.0
    one_class: str = ""
    curves: tuple[CurvePoint, ...] = field(default=(), repr=False)
    openings: tuple[OpeningPoint, ...] = field(default=(), repr=False)

    @property
    def baseline(self) -> Contender:
        """The arm that all others are set against: the bare host, if the user named no other."""
        return next(item for item in self.contenders if item.arm == self.findings.baseline)

    @property
    def arms(self) -> tuple[Contender, ...]:
        """The contenders to be judged: neither the host nor the reference nor a placebo."""
        return tuple(
            item for item in self.contenders if item.role == "arm" and item.arm != self.findings.baseline
        )

    @property
    def placebos(self) -> tuple[Contender, ...]:
        """The controls: arms with plain convolutions that have as many parameters."""
        return tuple(item for item in self.contenders if item.role == "placebo")

    def placebo_of(self, arm: str) -> Contender | None:
        """Return the placebo of `arm`, or None if it has none."""
        return next((item for item in self.placebos if arm in item.beside), None)

    def result(self, arm: str) -> ArmResult:
        """Return the findings about one contender."""
        return self.findings[arm]

    def save(self, folder: Path) -> None:
        """Write `comparison.json` and .csv, `curves.csv`, `openings.csv`, each completely or not at all."""
        with write_whole(folder / "comparison.csv", "w") as file:
            writer = csv.writer(file)
            writer.writerow(["arm", "role", "seed", "quantity", "class", "value"])
            writer.writerows(self._rows())
        with write_whole(folder / "curves.csv", "w") as file:
            writer = csv.writer(file)
            writer.writerow([item.name for item in dataclasses.fields(CurvePoint)])
            writer.writerows(dataclasses.astuple(point) for point in self.curves)
        with write_whole(folder / "openings.csv", "w") as file:
            writer = csv.writer(file)
            writer.writerow([item.name for item in dataclasses.fields(OpeningPoint)])
            writer.writerows(dataclasses.astuple(point) for point in self.openings)
        bare = dataclasses.replace(self, curves=(), openings=())
        plain: dict[str, Any] = {"format": FORMAT, **to_json(bare)}
        with write_whole(folder / "comparison.json", "w") as file:
            json.dump(plain, file, indent=1, ensure_ascii=False, allow_nan=False)

    def _rows(self) -> Iterator[tuple[str, str, int | str, str, str, float]]:
        """Yield one row for each number (long format). The seed is "" for numbers over all seeds."""
        for item in self.contenders:
            result = self.result(item.arm)
            for name, values in item.scores.items():
                for seed, value in zip(item.seeds, values, strict=True):
                    yield item.arm, item.role, seed, name, "", value
            for label, values in item.class_scores.items():
                for seed, value in zip(item.seeds, values, strict=True):
                    yield item.arm, item.role, seed, self.class_score, label, value
            for measure, details in result.measures.items():
                for detail in details:
                    yield item.arm, item.role, "", measure, detail.name, detail.score
            for name, value in dataclasses.asdict(result.cost).items():
                yield item.arm, item.role, "", name, "", value
            for error in result.errors:
                yield item.arm, item.role, "", error.name, "", error.score
            if result.difference is not None:
                yield item.arm, item.role, "", "p_holm", "", result.p_holm
            changes = [
                ("difference", "", result.difference),
                *(
                    (f"{measure}_difference", detail.name, detail.difference)
                    for measure, details in result.measures.items()
                    for detail in details
                ),
                *((f"{detail.name}, difference", "", detail.difference) for detail in result.errors),
            ]
            for quantity, label, change in changes:
                for name in ("mean", "low", "high") if change is not None else ():
                    yield item.arm, item.role, "", f"{quantity}_{name}", label, getattr(change, name)
        for contrast in self.findings.contrasts:
            about = f"difference from {contrast.reference}"
            for name in ("mean", "low", "high"):
                value = getattr(contrast.difference, name)
                yield contrast.arm, "contrast", "", f"{about}_{name}", "", value
            yield contrast.arm, "contrast", "", f"{about}_p_holm", "", contrast.p_holm


def load_comparison(folder: Path | str) -> Comparison:
    """Read the result of a finished comparison from its folder.

    Raises `UserError` if there is none, or if an incompatible version wrote it.
    """
    path = Path(folder) / "comparison.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: holds no comparison.json, so no comparison has finished there; "
            "run the same `foveate compare` again to finish it"
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path}: is not JSON ({error}); run `foveate compare` again to write it anew"
        ) from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise UserError(
            f"{path}: was written by another version of foveate. Its runs and their scores still hold; run "
            "the same `foveate compare` again to judge them with the present statistics, without training"
        )
    with (Path(folder) / "curves.csv").open(encoding="utf-8", newline="") as file:
        curves = tuple(_point(row) for row in csv.DictReader(file))
    with (Path(folder) / "openings.csv").open(encoding="utf-8", newline="") as file:
        openings = tuple(_opening(row) for row in csv.DictReader(file))
    return dataclasses.replace(from_json(Comparison, plain), curves=curves, openings=openings)


def control_folder(out: Path) -> Path:
    """Return the folder of the control of the comparison in `out`, see `foveate.experiments.control`."""
    return out / "control"


def load_control(out: Path) -> Comparison | None:
    """Return the control beside the comparison in `out`, None if there is none that can be read."""
    try:
        return load_comparison(control_folder(out))
    except UserError:
        return None


def _point(row: dict[str, str]) -> CurvePoint:
    values = (float(row[name] or math.nan) for name in ("train_loss", "val_loss", "val_score"))
    return CurvePoint(row["arm"], int(row["seed"]), int(row["epoch"]), *values)


def _opening(row: dict[str, str]) -> OpeningPoint:
    values = (float(row[name]) for name in ("gate", "change"))
    return OpeningPoint(row["arm"], int(row["seed"]), int(row["epoch"]), row["label"], *values)
