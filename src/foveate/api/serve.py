"""`foveate.api.serve.serve`: predictions over HTTP."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.errors import DataWarning, UserError, choose
from foveate.extras import require
from foveate.models.hub import located
from foveate.models.weights_file import find_model
from foveate.specs.serving import ServingSpec

if TYPE_CHECKING:
    from foveate.prediction.predictor import Predictor
    from foveate.watching.signs import Signs

BACKENDS = {"torch": "", "onnx": ".onnx", "openvino": ".xml"}
"""By name, the suffix of the file that a backend computes; PyTorch takes a run."""

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")


def serve(
    run: str | Path,
    spec: ServingSpec | None = None,
    backend: str | None = None,
    device: str | None = None,
    baseline: str | Path | None = None,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve a run until SIGTERM or Ctrl-C; `foveate serve` in Python. See docs/serving.md.

    Args:
        run: a run directory, a packed run (.zip), hf://USER/NAME, or an exported file (.onnx, .xml).
        spec: address, limits and batches. Default: `ServingSpec()`, with the token in FOVEATE_TOKEN if set.
        backend: "torch", "onnx" or "openvino"; of a run, the file that `foveate export` wrote beside it.
        device: "cpu" or "cuda", of a run. Default: cuda if there is a GPU.
        baseline: the run with whose validation images those of the clients are compared. Default: the run
            served, if it has a baseline or its data are there to make it from.
        started: called with the address once it is listened to.

    Raises `UserError` for a path that is no run, values outside their range, a package that is not installed
    and an address that is in use.
    """
    spec = spec or ServingSpec()
    spec = replace(
        spec, token=spec.token if spec.token is not None else os.environ.get("FOVEATE_TOKEN") or None
    )
    spec.check()
    path = model_of(located(run), backend)
    for package in _PACKAGES:
        require(package, "serve", "foveate serve")
    from foveate.prediction.predictor import load
    from foveate.serving.server import serve as run_server

    predictor = load(path, device)
    run_server(predictor, spec, _baseline(path, baseline, predictor, spec), started)


def _baseline(
    path: Path, named: str | Path | None, predictor: "Predictor", spec: ServingSpec
) -> "Sequence[Signs]":
    """Return the baseline; none, with a warning, where none was named and the run has none."""
    from foveate.watching.baseline import baseline_of

    if spec.drift_window == 0:
        return ()
    if named is not None:
        return baseline_of(named)
    try:
        return baseline_of(path, predictor)
    except UserError as error:
        warnings.warn(f"drift is not watched: {error}", DataWarning, stacklevel=3)
        return ()


def model_of(run: str | Path, backend: str | None) -> Path:
    """Return the file that a backend computes; raise `UserError` if there is none.

    >>> model_of("runs/a.onnx", "torch")
    Traceback (most recent call last):
    foveate.errors.UserError: --backend: runs/a.onnx is computed by onnx; name the run for torch
    """
    path = Path(run)
    own = next((name for name, suffix in BACKENDS.items() if suffix == path.suffix.lower()), "torch")
    if backend is None or choose(backend, BACKENDS, "backend (--backend)") == own:
        find_model(path)
        return path
    if own != "torch":
        raise UserError(f"--backend: {path} is computed by {own}; name the run for {backend}")
    found = find_model(path)
    home = found if found.suffix.lower() == ".zip" else found.parent.resolve()
    exported = home.with_name((home.stem if home.is_file() else home.name) + BACKENDS[backend])
    if not exported.is_file():
        raise UserError(f"{exported}: there is no such file; `foveate export {run} --to {backend}` makes it")
    return exported
