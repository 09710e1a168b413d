"""Networks in ONNX files, computed by ONNX Runtime."""

import os
from pathlib import Path

import numpy as np

from foveate.errors import UserError
from foveate.extras import require
from foveate.prediction.backends.exported import ExportedNetwork, OpenShape
from foveate.prediction.facts import read_facts
from foveate.prediction.seal import check_seal


class OnnxNetwork(ExportedNetwork):
    """A network in an .onnx file from `foveate export`.

    threads: that compute one call; by default as many as there are cores. Raises `UserError` if ONNX Runtime
    is not installed, and for a file that is missing, damaged, changed after its export or of another origin.
    """

    def __init__(self, path: str | Path, threads: int | None = None):
        path = Path(path)
        runtime = require("onnxruntime", "export", f"{path}: an ONNX file")
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # errors are raised; they are not printed as well
        if os.environ.get("OMP_WAIT_POLICY") == "PASSIVE":  # on a busy machine, as for PyTorch's threads
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads:
            options.intra_op_num_threads = threads
        try:
            content = path.read_bytes()
            session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file") from None
        except Exception as error:  # the runtime's own kinds, which share no base
            raise UserError(f"{path}: ONNX Runtime cannot read the file ({_first_line(error)})") from None
        metadata = session.get_modelmeta().custom_metadata_map
        facts = read_facts(metadata, str(path))
        check_seal(path, metadata.get("hash", "").strip('"'), content)
        (image, *_), (logits, *_) = session.get_inputs(), session.get_outputs()
        shape: OpenShape = tuple(n if isinstance(n, int) else None for n in image.shape)
        super().__init__(path, facts, shape)
        self.session, self.input, self.logits = session, image.name, logits.name

    def compute(self, images: np.ndarray) -> np.ndarray:
        return self.session.run([self.logits], {self.input: images})[0]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
