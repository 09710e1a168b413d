"""The groups of flags that commands share: the fields of the specs, with their defaults and their help."""

import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, get_type_hints

from foveate.api.settings import Settings
from foveate.errors import UserError
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.shares import SHARES, parse_shares, write_shares
from foveate.specs.sizes import check_views, parse_size
from foveate.specs.training import TrainingSpec


def flags_of(spec: type, without: Collection[str] = ()) -> Callable[[type], type]:
    """Class decorator: make a frozen dataclass of flags with the fields, defaults and help of a spec.

    without: fields that are no flags. Fields that the class declares itself replace the spec's type and
    default, where a value is written in another form on the command line.

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
        said = described_arguments(spec)
        lines = "\n".join(f"    {field.name}: {said[field.name]}" for field in taken)
        cls.__doc__ = f"{cls.__doc__}\n\nArgs:\n{lines}\n"
        return dataclass(frozen=True)(cls)

    return build


def described_arguments(documented: Any) -> dict[str, str]:
    """The entries of the Args block of a docstring, each on one line.

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
    classes: list[str] | None = None
    split: str = write_shares(SHARES)
    crop: str | None = None
    crop_schedule: list[str] | None = None

    def spec(self, source: str) -> DataSpec:
        """The data of a run."""
        check_views(self.test_scales)
        given: dict[str, Any] = asdict(self)
        for side in ("size", "crop"):
            if given[side] is not None:
                given[side] = parse_size(given[side], f"--{side}")
        given["crop_schedule"] = tuple(map(_parse_stage, self.crop_schedule or ()))
        given["classes"] = parse_names(self.classes)
        given["split"] = parse_shares(self.split, "--split")
        return DataSpec(source, **given)


@flags_of(ModelSpec, without=["arm"])
class ModelFlags:
    """Model."""

    arch: str | None = None
    options: dict[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """The fields, but for those that are left to be chosen for the data."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@flags_of(TrainingSpec, without=["epochs"])
class TrainingFlags:
    """Training."""


@dataclass(frozen=True)
class DeviceFlags:
    """Devices, as Lightning's Trainer takes them.

    Args:
        accelerator: auto, cpu or gpu.
        devices: how many processes train together, one a device.
        strategy: auto or ddp.
    """

    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"

    def trainer(self) -> dict[str, Any]:
        """Arguments of Lightning's Trainer."""
        if self.devices < 1:
            raise UserError(f"--devices: {self.devices} is too few; train on at least 1")
        return asdict(self)


def asked(data: str, images: DataFlags, model: ModelFlags, training: TrainingFlags) -> Settings:
    """What the flags say."""
    return Settings(images.spec(data), model.given(), asdict(training))


def parse_names(words: list[str] | None) -> tuple[str, ...] | None:
    """Names that were separated by spaces or commas.

    >>> parse_names(["sky,road", "car"])
    ('sky', 'road', 'car')
    """
    if words is None:
        return None
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())


def _parse_stage(text: str) -> tuple[float, tuple[int, int]]:
    share, _, size = text.partition(":")
    crop = parse_size(size, "--crop-schedule") if size else None
    try:
        if crop:
            return float(share), crop
    except ValueError:
        pass
    raise UserError(f"--crop-schedule: '{text}' is no stage; write SHARE:HEIGHTxWIDTH, such as 0.5:192x256")
