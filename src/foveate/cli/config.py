"""Read a YAML file of flags before the parser does; errors name the file, the line and the key."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from foveate.errors import UserError, nearest
from foveate.plain import read_yaml

Adapt = Callable[[str, dict[str, Any], Mapping[str, str]], dict[str, Any]]
"""Returns the flags of a command from a file of another command's.

Arguments: the path of the file, its flags, and the flags on the command line.
"""


def adapts_config(adapt: Adapt) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a command, by decorator, also read the --config files of another command."""

    def mark(command: Callable[..., Any]) -> Callable[..., Any]:
        command.adapt_config = adapt
        return command

    return mark


def read_config(
    path: str,
    known: Collection[str],
    adapt: Adapt | None = None,
    typed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the flags in a YAML file, by name.

    typed: flags on the command line, for `adapt`. Raises `UserError` for a file that cannot be read, for
    invalid YAML, and for names that are not `known`.
    """
    try:
        tree = read_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--config: {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--config: {path}: cannot be read as text ({error})") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"--config: {path}{where}: not valid YAML ({problem or error})") from None
    if not isinstance(tree or {}, dict):
        raise UserError(f"--config: {path}: holds no flags; write one a line, such as 'epochs: 20'")
    if adapt is not None:
        tree = adapt(path, tree or {}, typed)
    for key in tree or {}:
        if key not in known:
            near = nearest(str(key).replace("-", "_"), sorted(known))
            hint = f"; did you mean '{near}'?" if near else ""
            raise UserError(f"--config: {path}: there is no flag '{key}'{hint}")
    return tree or {}
