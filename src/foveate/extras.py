"""Packages that only some data needs: imported when asked for, and named with their remedy when missing."""

import importlib
from types import ModuleType

from foveate.errors import DataError


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a package of an extra; `DataError` with the command that installs it if it is not there.

    >>> require("no_such_package", "data", "a.nii: reading NIfTI")
    Traceback (most recent call last):
    foveate.errors.DataError: a.nii: reading NIfTI needs the package no_such_package: pip
    install 'foveate[data]'
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DataError(
            f"{purpose} needs the package {module.partition('.')[0]}: pip install 'foveate[{extra}]'"
        ) from None
