"""Results as JSON and back: dataclasses of numbers, strings, tuples; NaN and infinity become null."""

import dataclasses
import math
import types
from typing import Any, Union, get_args, get_origin, get_type_hints


def to_plain(value: Any) -> Any:
    """Turn a tree of dataclasses into what `json.dumps` writes as standard JSON.

    >>> to_plain((1, float("nan")))
    [1, None]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_plain(kind: Any, value: Any) -> Any:
    """Rebuild a value of the annotated type from `to_plain`'s output; null stands for NaN where a float
    belongs.

    >>> from_plain(tuple[float, ...], [1, None])
    (1.0, nan)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {name: from_plain(hints[name], item) for name, item in value.items() if name in hints}
        return kind(**known)
    if origin in (Union, types.UnionType):
        rest = [option for option in inner if option is not type(None)]
        return None if value is None else from_plain(rest[0], value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else inner
        return tuple(from_plain(k, item) for k, item in zip(kinds, value, strict=True))
    if origin is dict:
        return {key: from_plain(inner[1], item) for key, item in value.items()}
    if kind is float:
        return float("nan") if value is None else float(value)
    return value
