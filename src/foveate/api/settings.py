"""Sort the keywords of a call into data, host and training settings; defaults are completed later."""

import re
import sys
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from foveate.errors import DataWarning, UserError, choose
from foveate.plain import from_plain
from foveate.specs.bindings import written_names
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.shares import SHARES, Shares, parse_shares
from foveate.specs.sizes import check_views, parse_size
from foveate.specs.training import TrainingSpec

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset

_PARTS = {
    field.name: spec
    for spec, own in ((DataSpec, ("source",)), (ModelSpec, ("arm",)), (TrainingSpec, ("epochs",)))
    for field in fields(spec)
    if field.name not in own
}
"""The spec that has each keyword as a field. Fields with arguments of their own are left out."""

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds of the units of a duration."""


@dataclass(frozen=True)
class Settings:
    """Settings of a call. model and training: the given fields of `ModelSpec` and `TrainingSpec`."""

    data: DataSpec
    model: Mapping[str, Any]
    training: Mapping[str, Any]

    def images(self, default: DataSpec) -> DataSpec:
        """Return the data; without a policy, scale and color that are not given are those of `default`.

        On a control, `default` neither scales nor recolours: that would remove what the control is about.

        >>> quiet = DataSpec("synthetic:light", scale=(1.0, 1.0), color=0.0)
        >>> parse_settings("synthetic:light", {"scale": (0.5, 1.0)}).images(quiet).scale
        (0.5, 1.0)
        >>> parse_settings("synthetic:light", {}).images(quiet).scale
        (1.0, 1.0)
        """
        if self.data.augment is not None:
            return self.data
        left = [name for name in ("scale", "color") if getattr(self.data, name) is None]
        return replace(self.data, **{name: getattr(default, name) for name in left})

    def host(self, default: ModelSpec, arm: str = "none") -> ModelSpec:
        """Return the host with an arm. If no arch is given, given fields change the `default` host.

        >>> settings = parse_settings("photos", {"options": {"stem": "small"}})
        >>> settings.host(ModelSpec("classifier", "resnet18")).arch
        'classifier'
        """
        model = dict(self.model)
        if "arch" in model:
            return ModelSpec(**model, arm=arm)
        model["options"] = default.options | model.get("options", {})
        if model.get("encoder", "auto") == "auto":
            model["encoder"] = default.encoder
        if model.get("encoder_weights", "auto") == "auto":
            model["encoder_weights"] = default.encoder_weights
        return replace(default, **model, arm=arm)

    def schedule(self, epochs: int) -> TrainingSpec:
        """Return the training settings for a number of epochs."""
        return TrainingSpec(**self.training, epochs=epochs)


def check_jobs(jobs: int | str, where: str = "jobs") -> int | None:
    """Return the number of jobs, None for "auto". Raise `UserError`, which begins with `where`, for others.

    >>> check_jobs("auto"), check_jobs("4"), check_jobs(1)
    (None, 4, 1)
    """
    if jobs == "auto":
        return None
    try:
        number = int(jobs) if isinstance(jobs, str) else jobs
    except ValueError:
        number = 0
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UserError(f"{where}: {jobs!r} is no number of runs to train at once; give auto, or 1 or more")
    if number > 1 and sys.platform == "win32":
        raise UserError(f"{where}: several runs at once are not supported on Windows; give 1")
    return number


def parse_duration(text: str | float, where: str = "budget") -> float:
    """Return the seconds of a duration such as "2h", "1h 30min", "90min" or 600 (seconds).

    Raises `UserError`, which begins with `where`, for other texts and for 0 or less.

    >>> parse_duration("2h"), parse_duration("1h 30min"), parse_duration(600)
    (7200.0, 5400.0, 600.0)
    """
    parts = re.findall(r"([0-9.]+)\s*([a-z]*)", str(text).lower())
    written = re.sub(r"\s", "", "".join(number + unit for number, unit in parts))
    try:
        if len(parts) > 1 and not all(unit for _, unit in parts):
            raise ValueError
        if not parts or written != re.sub(r"\s", "", str(text).lower()):
            raise ValueError
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    except (KeyError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"{where}: '{text}' is no duration; write it as 2h, 90min or 1h 30min")
    return seconds


def check_budget(budget: str | float | None, until_decided: bool, where: str = "budget") -> float | None:
    """Return the seconds of a budget. Raise `UserError` for one without `until_decided`."""
    if budget is None:
        return None
    if not until_decided:
        raise UserError(
            f"{where}: only a comparison that adds seeds until decided has a budget; add until_decided "
            "(--until-decided), or leave the budget out"
        )
    return parse_duration(budget, where)


def parse_settings(
    data: str | Path, keywords: Mapping[str, Any], where: str = "foveate.fit", others: Collection[str] = ()
) -> Settings:
    """Sort keywords by the spec that has them as fields: `DataSpec`, `ModelSpec` or `TrainingSpec`.

    `size`, `tiles`, `crop` and `split` may be strings as on the command line. Raises `UserError` for an
    unknown keyword, suggesting the nearest known one (or one of `others`), and for a value of a wrong type.
    where: the function that errors name.

    >>> settings = parse_settings("photos", {"lr": 1e-3, "size": "192x256", "encoder": "resnet34"})
    >>> settings.data.size, settings.model, settings.training
    ((192, 256), {'encoder': 'resnet34'}, {'lr': 0.001})
    >>> parse_settings("photos", {"epoch": 3}, others=["epochs"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: unknown argument of foveate.fit 'epoch'; did you mean 'epochs'? There are: ...
    """
    parts: dict[type, dict[str, Any]] = {DataSpec: {}, ModelSpec: {}, TrainingSpec: {}}
    for name, value in keywords.items():
        spec = _PARTS[choose(name, {*_PARTS, *others}, f"argument of {where}")]
        parts[spec][name] = from_plain(get_type_hints(spec)[name], _parsed(name, value), name)
    images = parts[DataSpec]
    data_spec = DataSpec(str(data), **images | given_split(images.get("split"), images.get("own_splits")))
    check_views(data_spec.test_scales)
    return Settings(data_spec, parts[ModelSpec], parts[TrainingSpec])


def given_split(shares: Shares | None, own_splits: bool | None) -> dict[str, Any]:
    """Return split and own_splits of a `DataSpec` if the user gives these shares, None for none.

    The usual shares, if they are given, set the data's own splits aside as others do.

    >>> given_split(None, None), given_split((70.0, 15.0, 15.0), None)
    ({'split': (70, 15, 15), 'own_splits': None}, {'split': (70.0, 15.0, 15.0), 'own_splits': False})
    """
    if shares is None:
        return {"split": SHARES, "own_splits": own_splits}
    usual = own_splits is None and shares == SHARES
    return {"split": shares, "own_splits": False if usual else own_splits}


def _parsed(name: str, value: Any) -> Any:
    """Parse sizes and split shares given as strings, as on the command line, and classes as a mapping."""
    if name in ("size", "tiles", "crop") and isinstance(value, str | int):
        return parse_size(str(value), name)
    if name == "classes" and isinstance(value, Mapping):
        return written_names(value)
    if name == "split" and isinstance(value, str):
        return parse_shares(value, name)
    return value


def warn_of(dataset: "Dataset") -> None:
    """Warn the caller of the function that calls this of what may make the scores of a dataset wrong."""
    for caution in dataset.cautions:
        warnings.warn(f"{dataset.source}: {caution}", DataWarning, stacklevel=3)
