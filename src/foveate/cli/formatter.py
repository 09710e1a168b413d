"""Format the help of a command; find the type of value that each flag takes."""

import argparse
import types
from typing import Any, Union, get_args, get_origin

from jsonargparse import DefaultHelpFormatter

COMMON_HELP = {
    "help": "show this and exit",
    "config": "take flags from a YAML file; flags on the command line win",
    "print_config": "print all flags as YAML, ready for --config, and exit",
}


class HelpFormatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Short help: flags with dashes and defaults, without types."""

    def __init__(self, prog: str, **kwargs: Any):
        super().__init__(prog, max_help_position=30, width=100, **kwargs)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = COMMON_HELP.get(action.dest) or (action.help or "").rstrip(".")
        default = action.default
        if not action.option_strings or default is None or default is False or default == argparse.SUPPRESS:
            return text
        if isinstance(default, tuple | list):
            default = " ".join(map(str, default))
        return f"{text} (default: {'on' if default is True else default})"

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return action.dest.upper()
        if getattr(action, "may_follow", False):
            return f"[{action.dest.upper()}]"
        flags = [option.replace("_", "-") for option in action.option_strings if not option.endswith("+")]
        takes_value = action.dest not in COMMON_HELP and value_type(action) is not bool
        value = f" {self._value(action)}" if takes_value else " FILE" if action.dest == "config" else ""
        return f"{', '.join(flags)}{value}"

    def _value(self, action: argparse.Action) -> str:
        name = action.dest.rsplit("_")[-1].upper()
        if get_origin(value_type(action)) is tuple and Ellipsis not in get_args(value_type(action)):
            return "LOW HIGH"
        return f"{name} ..." if is_list(action) else name


def value_type(action: argparse.Action | None) -> Any:
    """Return the type of a flag's value, without `| None`."""
    hint = getattr(action, "_typehint", None)
    if get_origin(hint) in (types.UnionType, Union):
        hint = next((part for part in get_args(hint) if part is not type(None)), None)
    return hint


def is_list(action: argparse.Action) -> bool:
    """Return whether a flag takes several values."""
    return get_origin(value_type(action)) in (list, tuple)
