"""Make a function a command: its parameters are the flags, its docstring is the help.

A parameter whose type is a dataclass is a group of flags, which commands can share. The parser is
jsonargparse's, so every command also has `--config FILE` and `--print-config`.
"""

import difflib
import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser

from foveate.cli.config import read_config
from foveate.cli.formatter import COMMON_HELP, HelpFormatter, is_list, value_type
from foveate.errors import UserError


class Parser(ArgumentParser):
    """A jsonargparse parser whose errors are `UserError`s.

    config: path of the --config file, "" without one. configured: the flags that it sets.
    """

    config = ""
    configured: Mapping[str, Any] = MappingProxyType({})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UserError(self._sentence(message)) from None

    def _sentence(self, message: str) -> str:
        flags = {option for action in self._actions for option in action.option_strings}
        if unknown := re.search(r"(?i)unrecognized arguments: (.*)", message):
            return self._unknown(unknown[1].split(), flags)
        if missing := re.search(r"arguments are required: (.*)", message):
            names = missing[1].split(", ")
            descriptions = "; ".join(a.help.rstrip(".") for a in self._actions if a.dest in names and a.help)
            return f"{missing[1].upper()} is missing ({descriptions}); {self._usage_hint()}"
        if bad := re.match(r'Parser key "(\w+)":\s*(.*)', message, re.DOTALL):
            problem = _plain_type_error(bad[2])
            if bad[1] == "config":
                return problem  # of a flag in the file, and says so
            if bad[1] in self.configured and f"'{self.configured[bad[1]]}'" in problem:
                return f"--config: {self.config}: {bad[1]}: {problem}"
            flag = f"--{bad[1]}" if f"--{bad[1]}" in flags else bad[1].upper()
            return f"{flag.replace('_', '-')}: {problem}"
        return " ".join(message.split())

    def _unknown(self, words: list[str], flags: set[str]) -> str:
        word = next((word for word in words if word.startswith("-")), words[0])
        if not word.startswith("-"):
            return f"'{word}' is one value too many; {self._usage_hint()}"
        name = word.split("=")[0]
        known = {flag.lstrip("-"): flag for flag in sorted(flags)}
        nearest = _nearest(name.lstrip("-").replace("-", "_"), known)
        hint = f"; did you mean {known[nearest].replace('_', '-')}?" if nearest else "."
        return f"there is no flag {name.replace('_', '-')}{hint} All are listed by {self.prog} --help"

    def _usage_hint(self) -> str:
        return f"the form is: {self.usage.replace('%(prog)s', self.prog)}" if self.usage else "see --help"


def call(command: Callable[..., Any], prog: str, argv: Sequence[str]) -> Any:
    """Parse `argv` by the signature of `command`, and call it."""
    parser = build_parser(command, prog)
    words = normalise(argv, parser)
    names = {action.dest for action in parser._actions} - COMMON_HELP.keys()
    typed = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
    for number, word in enumerate(words):
        if word.startswith("--config="):
            parser.config = word.partition("=")[2]
            adapt = getattr(command, "adapt_config", None)
            parser.configured = read_config(parser.config, names, adapt, typed)
            words[number] = f"--config={yaml.safe_dump(parser.configured, width=math.inf)}"
    try:
        flags = vars(parser.parse_args(words))
    except SystemExit as leave:  # --help and --print-config
        return leave.code
    return command(**group_flags(command, flags))


def build_parser(command: Callable[..., Any], prog: str) -> Parser:
    """Build the parser of a command from its function."""
    parameters = inspect.signature(command).parameters
    groups = {name: p.annotation for name, p in parameters.items() if is_dataclass(p.annotation)}
    text, _, example = (inspect.getdoc(command) or "").partition("Example:\n")
    description = text.partition("Args:\n")[0].strip()
    required = [name for name, p in parameters.items() if p.default is p.empty and name not in groups]
    optional = [name for name, p in parameters.items() if p.default is None and p.kind is not p.KEYWORD_ONLY]
    usage = " ".join(["%(prog)s", *map(str.upper, required), *(f"[{name.upper()}]" for name in optional)])
    parser = Parser(
        prog=prog,
        usage=f"{usage} [--flag value ...]",
        description=description,
        epilog=f"example:\n{example.rstrip()}" if example else None,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_function_arguments(command, as_positional=True, skip=set(groups))
    parser._action_groups[-1].title = "arguments"
    for action in parser._actions:
        action.may_follow = action.dest in optional
    for group in groups.values():
        parser.add_class_arguments(group)
        title = (inspect.getdoc(group) or "").partition(".")[0]
        parser._action_groups[-1].title = title[:1].lower() + title[1:]
    parser.add_argument("--config", action="config")
    _help_last(parser)
    return parser


def normalise(argv: Sequence[str], parser: ArgumentParser) -> list[str]:
    """Rewrite flags to the form that jsonargparse expects.

    - `--encoder-weights x` becomes `--encoder_weights=x`.
    - A switch needs no value and has a `--no-` form.
    - A list takes all words up to the next flag.
    - A config file comes first, so that flags on the command line win.
    - Words after the required arguments fill the optional ones (`may_follow`), in order.
    """
    actions = {option: action for action in parser._actions for option in action.option_strings}
    room = sum(not action.option_strings for action in parser._actions)
    may_follow = [action.dest for action in parser._actions if getattr(action, "may_follow", False)]
    config: list[str] = []
    plain: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return [*config, *plain, word, *words]
        if not re.match(r"--\w", word):
            required = word.startswith("-") or room > 0 or not may_follow
            plain.append(word if required else f"--{may_follow.pop(0)}={word}")
            room -= 1
            continue
        name, equals, value = word.partition("=")
        name = name.replace("-", "_").replace("__", "--", 1)
        action = actions.get(name)
        if action is None and value_type(actions.get(name.replace("--no_", "--", 1))) is bool:
            plain.append(f"{name.replace('--no_', '--', 1)}=false")
        elif action is None or (equals and not is_list(action)):
            (config if name == "--config" else plain).append(f"{name}{equals}{value}")
        elif value_type(action) is bool:
            switch = words.pop(0) if words and words[0] in ("true", "false") else "true"
            plain.append(f"{name}={switch}")
        elif is_list(action):
            items = [value] if equals else []
            while words and not words[0].startswith("--"):
                items.append(words.pop(0))
            plain.append(f"{name}={json.dumps(items)}")
        elif words and not words[0].startswith("--") and name not in ("--help", "--print_config"):
            (config if name == "--config" else plain).append(f"{name}={words.pop(0)}")
        else:
            plain.append(name)
    return [*config, *plain]


def group_flags(command: Callable[..., Any], flags: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `command`; flags of a group become one dataclass."""
    arguments = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = parameter.annotation
        if is_dataclass(kind) and isinstance(kind, type):
            arguments[name] = kind(**{field: flags[field] for field in kind.__dataclass_fields__})
        else:
            arguments[name] = flags[name]
    return arguments


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelt like this one, is one of its words, or has its initials.

    For instance size for image_size, and lr for learning_rate.
    """
    words = name.split("_")
    parts = [*words, "".join(word[:1] for word in words)] if len(words) > 1 else []
    return next(
        (part for part in [*difflib.get_close_matches(name, known, n=1), *parts] if part in known), None
    )


def _help_last(parser: ArgumentParser) -> None:
    """Move the options of every command (--help, --config) behind those of this one."""
    options = parser._optionals
    parser._action_groups.remove(options)
    parser._action_groups.append(options)


def _plain_type_error(message: str) -> str:
    message = " ".join(message.split())
    expected = re.search(r"Expected an? <class '(\w+)'>", message)
    value = re.search(r"(?:Got|Given) value: (.*?)(?: Subtypes|$)", message)
    count = re.search(r"Expected a tuple with (\d+) elements", message)
    words = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "a word",
        "list": "a list",
        "dict": "names with values",
    }
    wanted = f"{count[1]} values" if count else words.get(expected[1]) if expected else None
    if wanted and value:
        return f"expected {wanted}, got '{value[1]}'"
    return message
