"""Describe the machine of a run (environment.json), and choose the fastest precision for its device."""

import os
import platform
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from foveate.errors import UserError

_PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "segmentation-models-pytorch",
    "timm",
    "numpy",
    "pillow",
)
_LIGHTNING_NAMES = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def device_kind(accelerator: str = "auto") -> str:
    """Return the device that Lightning's accelerator flag selects on this machine: cuda, mps or cpu."""
    if accelerator in ("auto", "gpu"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    return accelerator


def lightning_precision(precision: str, device: str) -> str:
    """Return Lightning's name of a precision: "auto", "32", "bf16" or "fp16".

    "auto" is bf16 if the hardware multiplies in bf16, fp16 on older NVIDIA GPUs, else 32. Raises `UserError`
    for fp16 without such a GPU.

    >>> lightning_precision("bf16", "cpu")
    'bf16-mixed'
    """
    if precision == "auto":
        precision = _fastest_precision(device)
    if precision == "fp16" and device != "cuda":
        raise UserError(f"precision fp16 needs a GPU and this run is on {device}; take auto, bf16 or 32")
    return _LIGHTNING_NAMES[precision]


def describe_environment(device: str, precision: str) -> dict[str, Any]:
    """Return versions, processor, threads, device, precision and command line as JSON types."""
    return {
        "foveate": version("foveate"),
        "python": platform.python_version(),
        "packages": {name: installed for name in _PACKAGES if (installed := _version(name))},
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "precision": precision,
        "command": shlex.join(sys.argv),
    }


def environment_words(recorded: Mapping[str, Any]) -> dict[str, str]:
    """Return a recorded environment for people, by heading."""
    packages = ", ".join(f"{name} {version}" for name, version in recorded["packages"].items())
    return {
        "foveate": str(recorded["foveate"]),
        "Python": str(recorded["python"]),
        "Packages": packages,
        "System": str(recorded["platform"]),
        "Processor": ", ".join(
            [recorded["cpu"], *(_counted(recorded[f"{what}s"], what) for what in ("core", "thread"))]
        ),
        "Device": str(recorded["device"]),
        "Precision": str(recorded["precision"]),
    }


def _counted(number: int, what: str) -> str:
    """Return a number of things in words.

    >>> _counted(2, "core"), _counted(1, "thread")
    ('2 cores', '1 thread')
    """
    return f"{number} {what}{'s' * (number != 1)}"


def _fastest_precision(device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device == "cpu":
        return "bf16" if torch.cpu._is_avx512_bf16_supported() else "32"
    return "32"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
