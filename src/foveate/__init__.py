"""Does attention help on your images? Train with and without it, compare fairly, see where it looks.

The public names are imported when they are first used, so that `import foveate` takes milliseconds and does
not load PyTorch. Everything else is reached by its module.

>>> import foveate
>>> "cbam" in foveate.attention_names()
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "fit": "foveate.api.fit",
    "compare": "foveate.api.compare",
    "place": "foveate.api.place",
    "sweep": "foveate.api.sweep",
    "results": "foveate.api.collected",
    "reproduce": "foveate.api.reproduce",
    "evaluate": "foveate.api.evaluate",
    "evaluate_ensemble": "foveate.api.ensemble",
    "create_model": "foveate.models.create",
    "create_attention": "foveate.attention.registry",
    "attention_names": "foveate.attention.registry",
    "attach": "foveate.models.attaching.attach",
    "detach": "foveate.models.attaching.attach",
    "record": "foveate.inspection.record",
    "load": "foveate.prediction.predictor",
    "from_pretrained": "foveate.api.push",
    "save_pretrained": "foveate.api.push",
    "FitResult": "foveate.api.fit",
    "ComparisonResult": "foveate.api.compare",
    "DataSpec": "foveate.specs.data",
    "ModelSpec": "foveate.specs.model",
    "TrainingSpec": "foveate.specs.training",
    "RunSpec": "foveate.specs.run",
    "UserError": "foveate.errors",
}

__all__ = [  # noqa: RUF022 (in the order in which they are met)
    "doctor",
    "fit",
    "compare",
    "place",
    "sweep",
    "results",
    "reproduce",
    "evaluate",
    "evaluate_ensemble",
    "create_model",
    "create_attention",
    "attention_names",
    "attach",
    "detach",
    "record",
    "load",
    "from_pretrained",
    "save_pretrained",
    "FitResult",
    "ComparisonResult",
    "DataSpec",
    "ModelSpec",
    "TrainingSpec",
    "RunSpec",
    "UserError",
]

if TYPE_CHECKING:
    from foveate.api.collected import results
    from foveate.api.compare import ComparisonResult, compare
    from foveate.api.doctor import doctor
    from foveate.api.ensemble import evaluate_ensemble
    from foveate.api.evaluate import evaluate
    from foveate.api.fit import FitResult, fit
    from foveate.api.place import place
    from foveate.api.push import from_pretrained, save_pretrained
    from foveate.api.reproduce import reproduce
    from foveate.api.sweep import sweep
    from foveate.attention.registry import attention_names, create_attention
    from foveate.errors import UserError
    from foveate.inspection.record import record
    from foveate.models.attaching.attach import attach, detach
    from foveate.models.create import create_model
    from foveate.prediction.predictor import load
    from foveate.specs.data import DataSpec
    from foveate.specs.model import ModelSpec
    from foveate.specs.run import RunSpec
    from foveate.specs.training import TrainingSpec


def __getattr__(name: str) -> Any:
    if name == "doctor":  # a package that can be called
        return import_module("foveate.doctor")
    if name not in _HOMES:
        raise AttributeError(f"module 'foveate' has no attribute '{name}'; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
