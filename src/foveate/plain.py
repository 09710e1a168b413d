"""Convert dataclasses to plain JSON types and back.

Plain types are dict, list, str, int, float, bool and None. They can be written as YAML and as JSON, and a
checkpoint that holds them loads with `weights_only=True`.

`to_plain` and `from_plain` are for specs, which users write: reading is strict, and errors name the key.
`to_json` and `from_json` are for results: reading ignores unknown keys, and null stands for NaN.
"""

import dataclasses
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from foveate.errors import UserError, choose


def read_yaml(text: str) -> Any:
    """Read YAML of plain types; raise `yaml.YAMLError`.

    libyaml reads it, if it is there, ten times as fast as Python. Errors are Python's, which name the line
    that is at fault.

    >>> read_yaml("size: [192, 256]")
    {'size': [192, 256]}
    """
    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return yaml.safe_load(text)


def to_plain(value: Any) -> Any:
    """Convert a dataclass, tuple, path or mapping to plain types. Raises `UserError` for another type.

    >>> to_plain({"size": (192, 256), "root": Path("a")})
    {'size': [192, 256], 'root': 'a'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UserError(f"{value!r} of type {type(value).__name__} cannot be written as plain YAML")


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one mapping with dotted keys.

    >>> flatten({"data": {"batch": 4}, "seed": 0})
    {'data.batch': 4, 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def from_plain(kind: Any, value: Any, where: str = "") -> Any:
    """Build a value of the annotated type `kind` from plain types.

    Raises `UserError` for a value of another type; it names the key, which begins with `where`.

    >>> from_plain(tuple[int, int] | None, [192, 256])
    (192, 256)
    >>> from_plain(float, "1e-3")  # YAML 1.1 reads 1e-3 as a string
    0.001
    >>> from_plain(int, "many", "data.batch")
    Traceback (most recent call last):
    foveate.errors.UserError: data.batch is 'many'; expected int
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _from_union(arguments, value, where)
    if dataclasses.is_dataclass(kind):
        return _from_mapping(kind, value, where)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = (arguments[0],) * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) == len(value):
            return tuple(
                from_plain(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True))
            )
    elif origin is dict and isinstance(value, dict):
        return {
            from_plain(arguments[0], k, where): from_plain(arguments[1], v, f"{where}.{k}")
            for k, v in value.items()
        }
    elif kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif kind is type(None):
        if value is None:
            return None
    elif kind is Path and isinstance(value, str):
        return Path(value)
    elif isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    name = kind.__name__ if isinstance(kind, type) and origin is None else str(kind)
    raise UserError(f"{where or 'value'} is {value!r}; expected {'nothing' if kind is type(None) else name}")


def _from_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    # Prefer the exact type to one that the value can be converted to: str | Path keeps a string.
    for kind in kinds:
        if isinstance(kind, type) and get_origin(kind) is None and type(value) is kind:
            return value
    failures = []
    for kind in kinds:
        try:
            return from_plain(kind, value, where)
        except UserError as error:
            failures.append(str(error).rpartition("expected ")[2])
    raise UserError(f"{where or 'value'} is {value!r}; expected {' or '.join(failures)}")


def _from_mapping(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UserError(f"{where or kind.__name__} is {value!r}; expected a mapping of keys to values")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in value:
        try:
            choose(str(key), fields, "key")
        except UserError as error:
            raise UserError(f"{where}: {error}" if where else str(error)) from None
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise UserError(f"{where or kind.__name__}: the key '{name}' is missing; it has no default")
    inner = f"{where}." if where else ""
    return kind(**{key: from_plain(hints[key], item, f"{inner}{key}") for key, item in value.items()})


def to_json(value: Any) -> Any:
    """Convert a tree of dataclasses to plain types; NaN and infinity, which JSON lacks, become None.

    >>> to_json((1, float("nan")))
    [1, None]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_json(kind: Any, value: Any) -> Any:
    """Rebuild a value of the annotated type `kind` from the output of `to_json`.

    None becomes NaN where a float is expected. Unknown keys of dataclasses are ignored.

    >>> from_json(tuple[float, ...], [1, None])
    (1.0, nan)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {name: from_json(hints[name], item) for name, item in value.items() if name in hints}
        return kind(**known)
    if origin in (Union, types.UnionType):
        kinds = [option for option in inner if option is not type(None)]
        return None if value is None else from_json(kinds[0], value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else inner
        return tuple(from_json(k, item) for k, item in zip(kinds, value, strict=True))
    if origin is dict:
        return {key: from_json(inner[1], item) for key, item in value.items()}
    if kind is float:
        return float("nan") if value is None else float(value)
    return value
