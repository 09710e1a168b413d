"""Shelves: packages in which every module registers itself, so that a new module needs no entry in a list.

A shelf can be read without importing it: names, summaries and options are known before PyTorch is loaded.
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

    package: the dotted name of the package.

    >>> import_shelf("foveate.doctor.checks")
    """
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")


@dataclass(frozen=True)
class RegisteredClass:
    """A registered class, described by its source code.

    module: dotted name of its module. class_name: name of the class. summary: first line of its docstring.
    options: the parameters of its constructor that have a default and can be given by name, with the default.
    """

    module: str
    class_name: str
    summary: str
    options: Mapping[str, object]


@cache
def read_shelf(package: str, decorator: str) -> Mapping[str, RegisteredClass]:
    """Return the classes that a package registers with `@decorator("name")`, by name, without importing it.

    Only classes at the top level of a module are found. Raises `ValueError` if a name or a default is not a
    literal.

    >>> read_shelf("foveate.attention", "register")["smooth"].options
    {'threshold': 0.4}
    """
    registered: dict[str, RegisteredClass] = {}
    for path in _files(package):
        classes = (node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef))
        for node in classes:
            for name in _names(node, decorator):
                registered[name] = _describe(node, f"{package}.{path.stem}")
    return registered


@cache
def read_names(package: str, decorator: str) -> tuple[str, ...]:
    """Return the names that a package registers with `@decorator("name", ...)`, without importing it.

    Only classes and functions at the top level of a module are found. Raises `ValueError` if a name is not a
    literal.

    >>> "attention56" in read_names("foveate.models.hosts", "host")
    True
    """
    return tuple(
        name
        for path in _files(package)
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for name in _names(node, decorator)
    )


def _files(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(folder).glob("*.py"))


def _names(node: ast.ClassDef | ast.FunctionDef, decorator: str) -> Iterator[str]:
    """Yield the names under which a class or a function is registered."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == decorator:
            yield from map(ast.literal_eval, call.args)


def _describe(node: ast.ClassDef, module: str) -> RegisteredClass:
    summary = (ast.get_docstring(node) or "").partition("\n")[0]
    methods = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
    return RegisteredClass(
        module, node.name, summary, _options(methods["__init__"].args) if "__init__" in methods else {}
    )


def _options(parameters: ast.arguments) -> dict[str, object]:
    positional = [*parameters.posonlyargs, *parameters.args]
    defaults = [None] * (len(positional) - len(parameters.defaults)) + parameters.defaults
    with_defaults = list(zip(positional, defaults, strict=True))[len(parameters.posonlyargs) :]
    keyword_only = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    return {
        parameter.arg: ast.literal_eval(default)
        for parameter, default in (*with_defaults, *keyword_only)
        if default is not None
    }
