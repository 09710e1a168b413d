"""What a call says of data, host and training; what it leaves out is chosen for the data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from foveate.errors import choose
from foveate.plain import from_plain
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.shares import parse_shares
from foveate.specs.sizes import check_views, parse_size
from foveate.specs.training import TrainingSpec

_PARTS = {
    field.name: spec
    for spec, own in ((DataSpec, ("source",)), (ModelSpec, ("arm",)), (TrainingSpec, ("epochs",)))
    for field in fields(spec)
    if field.name not in own
}
"""By keyword, the spec that has it as a field; the fields left out are arguments of their own."""


@dataclass(frozen=True)
class Settings:
    """data: the images. model, training: fields of `ModelSpec` and `TrainingSpec` that were given."""

    data: DataSpec
    model: Mapping[str, Any]
    training: Mapping[str, Any]

    def host(self, usual: ModelSpec, arm: str = "none") -> ModelSpec:
        """The host with an arm. Without an arch it is `usual`, the host for the data at hand.

        >>> settings("photos", {"options": {"stem": "small"}}).host(ModelSpec("classifier", "resnet18")).arch
        'classifier'
        """
        given = dict(self.model)
        if "arch" in given:
            return ModelSpec(**given, arm=arm)
        given["options"] = usual.options | given.get("options", {})
        if given.get("encoder", "auto") == "auto":
            given["encoder"] = usual.encoder
        return replace(usual, **given, arm=arm)

    def schedule(self, epochs: int) -> TrainingSpec:
        """The training for this many epochs."""
        return TrainingSpec(**self.training, epochs=epochs)


def settings(
    data: str | Path, keywords: Mapping[str, Any], where: str = "foveate.fit", others: Collection[str] = ()
) -> Settings:
    """Sort keywords by the spec that has them as fields: of `DataSpec`, `ModelSpec` or `TrainingSpec`.

    `size`, `crop` and `split` may be written as on the command line. Raises `UserError` for a keyword that is
    none, with the nearest of these and `others`, and for values of another type. `where`: the function that
    errors name.

    >>> found = settings("photos", {"lr": 1e-3, "size": "192x256", "encoder": "resnet34"})
    >>> found.data.size, found.model, found.training
    ((192, 256), {'encoder': 'resnet34'}, {'lr': 0.001})
    >>> settings("photos", {"epoch": 3}, others=["epochs"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: unknown argument of foveate.fit 'epoch'; did you mean 'epochs'? There are: ...
    """
    parts: dict[type, dict[str, Any]] = {DataSpec: {}, ModelSpec: {}, TrainingSpec: {}}
    for name, value in keywords.items():
        spec = _PARTS[choose(name, {*_PARTS, *others}, f"argument of {where}")]
        parts[spec][name] = from_plain(get_type_hints(spec)[name], _parsed(name, value), name)
    described = DataSpec(str(data), **parts[DataSpec])
    check_views(described.test_scales)
    return Settings(described, parts[ModelSpec], parts[TrainingSpec])


def _parsed(name: str, value: Any) -> Any:
    """Sizes and shares that are written as on the command line."""
    if name in ("size", "crop") and isinstance(value, str | int):
        return parse_size(str(value), name)
    if name == "split" and isinstance(value, str):
        return parse_shares(value, name)
    return value
