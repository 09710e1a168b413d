"""Shelves: packages in which every module registers itself, so that adding one is adding a file.

A shelf can be read without being imported: its names, and what each says of itself, are known before PyTorch
is loaded.
"""

import ast
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


@cache
def import_shelf(package: str) -> None:
    """Import every module of a package once, so that each registers itself.

    package: its dotted name. No import statement names these modules.

    >>> import_shelf("foveate.doctor.checks")
    """
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")


@dataclass(frozen=True)
class RegisteredClass:
    """What the source of a registered class says.

    module: dotted name of the module. class_name: the class. summary: first line of its docstring. options:
    parameters of its constructor that have a default and can be given by name, with that default.
    """

    module: str
    class_name: str
    summary: str
    options: Mapping[str, object]


@cache
def read_shelf(package: str, decorator: str) -> Mapping[str, RegisteredClass]:
    """The classes that a package registers as `@decorator("name")`, by that name; nothing is imported.

    Read are decorators of classes on the top level of a module. Names and defaults must be literals; another
    one raises `ValueError`.

    >>> read_shelf("foveate.attention", "register")["smooth"].options
    {'threshold': 0.4}
    """
    found: dict[str, RegisteredClass] = {}
    for path in _files(package):
        classes = (node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef))
        for node in classes:
            for name in _registered(node, decorator):
                found[name] = _entry(node, f"{package}.{path.stem}")
    return found


def _files(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(folder).glob("*.py"))


def _registered(node: ast.ClassDef, decorator: str) -> Iterator[str]:
    """The names under which a class is registered."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == decorator:
            yield ast.literal_eval(call.args[0])


def _entry(node: ast.ClassDef, module: str) -> RegisteredClass:
    summary = (ast.get_docstring(node) or "").partition("\n")[0]
    methods = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
    return RegisteredClass(
        module, node.name, summary, _options(methods["__init__"].args) if "__init__" in methods else {}
    )


def _options(parameters: ast.arguments) -> dict[str, object]:
    by_place = [*parameters.posonlyargs, *parameters.args]
    defaults = [None] * (len(by_place) - len(parameters.defaults)) + parameters.defaults
    named = zip(by_place[len(parameters.posonlyargs) :], defaults[len(parameters.posonlyargs) :], strict=True)
    only_named = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    return {
        parameter.arg: ast.literal_eval(default)
        for parameter, default in (*named, *only_named)
        if default is not None
    }
