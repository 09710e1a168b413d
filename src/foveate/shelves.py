"""Shelves: packages in which every module registers itself, so that adding one is adding a file."""

import pkgutil
from functools import cache
from importlib import import_module


@cache
def import_shelf(package: str) -> None:
    """Import every module of a package once, so that each registers itself.

    package: its dotted name. No import statement names these modules.

    >>> import_shelf("foveate.doctor.checks")
    """
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")
