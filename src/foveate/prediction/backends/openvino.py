"""Networks in OpenVINO's files, NAME.xml beside NAME.bin."""

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from foveate.errors import UserError
from foveate.extras import require
from foveate.prediction.backends.exported import ExportedNetwork, OpenShape
from foveate.prediction.facts import read_facts
from foveate.prediction.seal import check_seal

SECTION = "foveate"
"""The section of the file's runtime information that holds the metadata."""


class OpenVinoNetwork(ExportedNetwork):
    """A network in an .xml file from `foveate export`, with its weights in the .bin file beside it.

    threads: that compute one call; by default as many as there are cores. Computed in float32: some
    processors' own default is bfloat16, which changes masks. Raises `UserError` if OpenVINO is not installed,
    and for files that are missing, damaged, changed after their export or of another origin.
    """

    def __init__(self, path: str | Path, threads: int | None = None):
        path, weights = Path(path), Path(path).with_suffix(".bin")
        core = _core(require("openvino", "openvino", f"{path}: an OpenVINO file"))
        for file in (path, weights):
            if not file.is_file():
                raise UserError(f"{file}: there is no such file; an OpenVINO model is NAME.xml and NAME.bin")
        try:
            network = core.read_model(path, weights)
        except RuntimeError as error:
            raise UserError(f"{path}: OpenVINO cannot read the file ({_last_line(error)})") from None
        metadata = _metadata(network)
        facts = read_facts(metadata, str(path))
        check_seal(path, metadata.get("hash", "").strip('"'), path.read_bytes(), weights.read_bytes())
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = str(threads)
        compiled = core.compile_model(network, "CPU", settings)
        shape: OpenShape = tuple(
            n.get_length() if n.is_static else None for n in network.inputs[0].partial_shape
        )
        super().__init__(path, facts, shape)
        self.compiled = compiled

    def compute(self, images: np.ndarray) -> np.ndarray:
        # A request of its own: the one that the compiled network keeps serves one thread at a time.
        request = self.compiled.create_infer_request()
        return np.array(request.infer([images], share_inputs=True)[0])


@cache
def _core(openvino: ModuleType) -> Any:
    """Return OpenVINO's `Core`, one for the process.

    A core gives the thread that makes it a stack for signal handlers, and takes it away when it ends. Where
    cores end in another order than they were made, or in another thread, a stack remains that is no longer
    there, and the next signal (Ctrl-C) ends the process by a segmentation fault. So the core never ends.
    """
    return openvino.Core()


def _metadata(network) -> dict[str, str]:
    if not network.has_rt_info([SECTION]):
        return {}
    section = network.get_rt_info([SECTION])
    return {name: str(value) for name, value in (section.value or {}).items()}


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
