"""Optional packages: imported on demand; a missing one is an error with the install command."""

import importlib
from types import ModuleType

from foveate.errors import DataError


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import and return an optional module; raise `DataError` with the install command if it is missing.

    module: dotted name to import. extra: the extra of foveate that installs it. purpose: what needs it, the
    start of the message.

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
