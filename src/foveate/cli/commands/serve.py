"""`foveate serve`: predictions over HTTP."""

import warnings
from dataclasses import asdict

from foveate.cli.flags import flags_of
from foveate.errors import DataWarning
from foveate.specs.serving import ServingSpec


@flags_of(ServingSpec)
class ServingFlags:
    """Server."""

    def spec(self) -> ServingSpec:
        return ServingSpec(**asdict(self))


def serve(
    run: str,
    *,
    backend: str | None = None,
    device: str | None = None,
    baseline: str | None = None,
    server: ServingFlags,
) -> None:
    """Answer predictions over HTTP until Ctrl-C or SIGTERM.

    POST an image to /predict. The header Accept chooses the answer: application/json, image/png (class ids),
    image/jpeg (overlay) or application/x-npz. /docs lists the other pages.

    Args:
        run: a run directory, a packed run (.zip), hf://USER/NAME, or an exported file (.onnx, .xml).
        backend: torch, onnx or openvino; of a run, the file that `foveate export` wrote beside it.
        device: cpu or cuda, of a run; by default cuda if available.
        baseline: the run with whose validation images those of the clients are compared; by default the run
            served.

    Example:
      foveate serve runs/a --port 8000
    """
    from foveate.api.serve import serve as run_server

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", DataWarning)

        def started(url: str) -> None:
            # The standard error holds the log alone: lines of JSON.
            notes = [f"note: {warning.message}" for warning in told]
            print("\n".join([f"{url}/docs (stop with Ctrl-C)", *notes]), flush=True)

        run_server(run, server.spec(), backend, device, baseline, started)
