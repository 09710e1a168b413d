"""Find problems in a dataset: decode and measure each image and mask once, then run checks on the results.

`foveate.doctor(data)` is a public function, but an import of any module of this package binds the name
`foveate.doctor` to the package. The package itself can be called, so that both work, in any order.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(
        self, data: str | Path, limit: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Any:
        """Return the `Diagnosis` of a dataset, from `foveate.api.doctor.doctor` in a higher layer."""
        return import_module("foveate.api.doctor").doctor(data, limit, progress)


sys.modules[__name__].__class__ = _CallablePackage
