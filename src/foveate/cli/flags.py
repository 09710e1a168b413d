"""Groups of flags that commands share: the fields of the specs, with their defaults and help."""

import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, get_type_hints

from foveate.api.settings import Settings, given_split
from foveate.errors import UserError
from foveate.models.several import several_runs
from foveate.specs.bindings import split_words, written_names
from foveate.specs.data import ANY_FOLDER, DataSpec, FolderChoice
from foveate.specs.ensemble import EnsembleSpec
from foveate.specs.model import ModelSpec
from foveate.specs.shares import parse_shares
from foveate.specs.sizes import check_views, parse_size
from foveate.specs.training import TrainingSpec


def flags_of(spec: type, without: Collection[str] = ()) -> Callable[[type], type]:
    """Make a class, by decorator, a frozen dataclass of flags with the fields, defaults and help of a spec.

    without: fields of the spec that are not flags. A field that the class declares itself replaces the spec's
    type and default, for values with another form on the command line.

    >>> TrainingFlags().lr == TrainingSpec().lr
    True
    """

    def build(cls: type) -> type:
        own, hints = inspect.get_annotations(cls), get_type_hints(spec)
        taken = [field for field in fields(spec) if field.name not in without]
        for field in taken:
            if field.name not in own and field.default is not MISSING:
                setattr(cls, field.name, field.default)
        cls.__annotations__ = {field.name: own.get(field.name, hints[field.name]) for field in taken}
        help_texts = described_arguments(spec)
        lines = "\n".join(f"    {field.name}: {help_texts[field.name]}" for field in taken)
        cls.__doc__ = f"{cls.__doc__}\n\nArgs:\n{lines}\n"
        return dataclass(frozen=True)(cls)

    return build


def described_arguments(documented: Any) -> dict[str, str]:
    """Return the entries of the Args block of a docstring by name, each on one line.

    >>> described_arguments(TrainingSpec)["clip"]
    'largest norm of the gradient, 0 for no clipping.'
    """
    _, _, block = (inspect.getdoc(documented) or "").partition("Args:\n")
    block = re.split(r"\n\n|\n(?=\S)", block)[0]
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", block, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


@flags_of(DataSpec, without=["source"])
class DataFlags:
    """Data."""

    size: str | None = None
    classes: list[str] | dict[str, Any] | None = None
    split: str | None = None
    tiles: str | None = None
    crop: str | None = None
    crop_schedule: list[str] | None = None

    def spec(self, source: str) -> DataSpec:
        """Parse the flags into a spec for this source. Raises `UserError` naming the flag at fault."""
        check_views(self.test_scales)
        values: dict[str, Any] = asdict(self)
        for side in ("size", "tiles", "crop"):
            if values[side] is not None:
                values[side] = parse_size(values[side], f"--{side}")
        values["crop_schedule"] = tuple(map(_parse_stage, self.crop_schedule or ()))
        values["classes"] = parse_names(self.classes)
        values |= given_split(parse_shares(self.split, "--split") if self.split else None, self.own_splits)
        return DataSpec(source, **values)


@flags_of(DataSpec, without=[field.name for field in fields(DataSpec) if not hasattr(ANY_FOLDER, field.name)])
class FolderFlags:
    """The folder of the data."""

    @property
    def choice(self) -> FolderChoice:
        """What the user says about the folder."""
        return FolderChoice(**asdict(self))


@flags_of(ModelSpec, without=["arm"])
class ModelFlags:
    """Model."""

    arch: str | None = None
    options: dict[str, Any] | None = None

    def specified(self) -> dict[str, Any]:
        """Return the fields that have a value. The others are chosen for the data."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@flags_of(TrainingSpec, without=["epochs"])
class TrainingFlags:
    """Training."""


@flags_of(EnsembleSpec)
class EnsembleFlags:
    """Several runs together."""

    ensemble: list[str] | None = None
    weights: list[float] | None = None

    def runs(self, run: str) -> list[str]:
        """Return all runs that are meant, `run` the first. Raises `UserError` for flags without several."""
        runs = list(several_runs([run, *(self.ensemble or ())]))
        if len(runs) == 1 and (self.weights or EnsembleSpec(temperature=self.temperature).number != 1):
            raise UserError(f"--weights, --temperature: {run} is a single run; name others with --ensemble")
        return runs


@dataclass(frozen=True)
class DeviceFlags:
    """Devices, as Lightning's Trainer takes them.

    Args:
        accelerator: auto, cpu or gpu.
        devices: number of devices that train together, with one process each.
        strategy: auto or ddp.
    """

    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"

    def trainer(self) -> dict[str, Any]:
        """Return the arguments of Lightning's Trainer."""
        if self.devices < 1:
            raise UserError(f"--devices: {self.devices} is too few; train on at least 1")
        return asdict(self)


def build_settings(data: str, images: DataFlags, model: ModelFlags, training: TrainingFlags) -> Settings:
    """Build the settings of a run from its flags."""
    return Settings(images.spec(data), model.specified(), asdict(training))


def parse_names(classes: list[str] | dict[str, Any] | None) -> tuple[str, ...] | None:
    """Return the names and bindings of --classes, or of the mapping in a config file.

    >>> parse_names(["sky,road", "car=13,14"]), parse_names({"cup": 0, "disc": [128, 129]})
    (('sky', 'road', 'car=13,14'), ('cup=0', 'disc=128-129'))
    """
    if classes is None:
        return None
    return written_names(classes) if isinstance(classes, dict) else split_words(classes)


def _parse_stage(text: str) -> tuple[float, tuple[int, int]]:
    share, _, size = text.partition(":")
    crop = parse_size(size, "--crop-schedule") if size else None
    try:
        if crop:
            return float(share), crop
    except ValueError:
        pass
    raise UserError(
        f"--crop-schedule: '{text}' is not a stage; write SHARE:HEIGHTxWIDTH, such as 0.5:192x256"
    )
