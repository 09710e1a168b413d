"""`foveate serve`: predictions over HTTP."""

from dataclasses import asdict

from foveate.cli.flags import flags_of
from foveate.specs.serving import ServingSpec


@flags_of(ServingSpec)
class ServingFlags:
    """Server."""

    def spec(self) -> ServingSpec:
        return ServingSpec(**asdict(self))


def serve(run: str, *, backend: str | None = None, device: str | None = None, server: ServingFlags) -> None:
    """Answer predictions over HTTP until Ctrl-C or SIGTERM.

    POST an image to /predict. The header Accept chooses the answer: application/json, image/png (class ids),
    image/jpeg (overlay) or application/x-npz. /docs lists the other pages.

    Args:
        run: a run directory, a packed run (.zip), or a file from `foveate export` (.onnx, .xml).
        backend: torch, onnx or openvino; of a run, the file that `foveate export` wrote beside it.
        device: cpu or cuda, of a run; by default cuda if available.

    Example:
      foveate serve runs/a --port 8000
    """
    from foveate.api.serve import serve as run_server

    spec = server.spec()
    run_server(run, spec, backend, device, lambda url: print(f"{url}/docs (stop with Ctrl-C)", flush=True))
