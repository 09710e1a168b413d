"""Turn an ONNX file from `onnx_file` into OpenVINO's two files, NAME.xml and NAME.bin."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from foveate.extras import require
from foveate.files import write_whole
from foveate.prediction.backends.openvino import SECTION
from foveate.prediction.facts import Facts
from foveate.prediction.seal import BLANK, seal


def write_openvino(
    onnx_file: Path, path: Path, facts: Facts, maps: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Write `path` (.xml) and its .bin with the metadata and one hash of both; weights stay float32.

    maps: what further outputs hold. Raises `OSError` if the files cannot be written.
    """
    openvino = require("openvino", "openvino", f"{path}: an OpenVINO file")
    network = openvino.convert_model(onnx_file)
    described = {"maps": json.dumps(maps, ensure_ascii=False)} if maps else {}
    for name, value in {**facts.metadata(), **described, "hash": json.dumps(BLANK)}.items():
        network.set_rt_info(value, [SECTION, name])
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as draft:
        xml = Path(draft, path.name)
        try:
            openvino.save_model(network, xml, compress_to_fp16=False)
        except RuntimeError as error:  # its only word of a disk that is full
            raise OSError(f"OpenVINO says: {str(error).strip().rpartition(chr(10))[2]}") from error
        weights = xml.with_suffix(".bin").read_bytes()
        with write_whole(path.with_suffix(".bin")) as file:
            file.write(weights)
        with write_whole(path) as file:
            file.write(seal(xml.read_bytes(), weights))
