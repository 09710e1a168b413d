"""The forms in which a trained network can run on a CPU, side by side: PyTorch's own and exported ones."""

import copy
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from foveate.errors import UserError
from foveate.evaluation.cost import Latency, latency
from foveate.export.graph import open_example, trace
from foveate.export.onnx_file import to_onnx, write_onnx, write_proto
from foveate.export.openvino_file import write_openvino
from foveate.export.quantise import quantise
from foveate.models.host import Host
from foveate.prediction.backends.onnx_runtime import OnnxNetwork
from foveate.prediction.backends.openvino import OpenVinoNetwork
from foveate.prediction.facts import facts_of

EAGER, CHANNELS_LAST, COMPILED = "eager", "channels last", "compiled"
ONNX, OPENVINO, INT8, INT8_OPENVINO = "ONNX Runtime", "OpenVINO", "INT8, ONNX Runtime", "INT8, OpenVINO"
FORMS = (EAGER, CHANNELS_LAST, COMPILED, ONNX, OPENVINO, INT8, INT8_OPENVINO)

Size = tuple[int, int]


class ChannelsLast(nn.Module):
    """A copy of a network whose weights and features are stored with the channels last."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = copy.deepcopy(network).to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image.contiguous(memory_format=torch.channels_last))


def missing_requirement(form: str) -> str:
    """Name what this machine lacks for a form; "" if nothing is missing."""
    if form == COMPILED:
        return "" if any(map(shutil.which, ("g++", "clang++"))) else "a C++ compiler"
    packages = {ONNX: "export", INT8: "export", OPENVINO: "export,openvino", INT8_OPENVINO: "export,openvino"}
    needed = ["onnx", "onnxscript", "onnxruntime"] if form in packages else []
    needed += ["openvino"] if form in (OPENVINO, INT8_OPENVINO) else []
    absent = [name for name in needed if find_spec(name) is None]
    return f"the package {absent[0]}: pip install 'foveate[{packages[form]}]'" if absent else ""


def prepare_forms(
    model: Host, folder: Path, size: Size, threads: int, progress: Callable[[str], None] | None = None
) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """Return the network in every form that this machine can run, and by form why others are left out.

    folder: for the exported files, which take any size. size: of the noise on which INT8 finds its ranges;
    speed does not depend on them.
    """
    tell = progress or (lambda form: None)
    forms: dict[str, nn.Module] = {}
    left_out = {form: reason for form in FORMS if (reason := missing_requirement(form))}
    onnx_file = folder / "network.onnx"

    def exported(form: str) -> nn.Module:
        file = onnx_file if form in (ONNX, OPENVINO) else folder / "network.int8.onnx"
        if not onnx_file.is_file():
            write_onnx(to_onnx(trace(model, open_example(model))), onnx_file, facts_of(model))
        if not file.is_file():
            _write_int8(onnx_file, file, model, size)
        if form in (ONNX, INT8):
            return OnnxNetwork(file, threads)
        write_openvino(file, file.with_suffix(".xml"), facts_of(model))
        return OpenVinoNetwork(file.with_suffix(".xml"), threads)

    for form in FORMS:
        if form in left_out:
            continue
        tell(form)
        try:
            match form:
                case "eager":
                    forms[form] = model
                case "channels last":
                    forms[form] = ChannelsLast(model)
                case "compiled":
                    forms[form] = torch.compile(copy.deepcopy(model), options={"freezing": True})
                case _:
                    forms[form] = exported(form)
        except UserError as error:
            left_out[form] = str(error)
    return forms, left_out


def time_forms(forms: dict[str, nn.Module], size: Size, rounds: int) -> dict[str, Latency]:
    """Time one image of noise in every form in turns, after three untimed turns."""
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    return latency(forms, image, rounds)


def _write_int8(source: Path, target: Path, model: Host, size: Size) -> None:
    import onnx

    noise = torch.rand(2, model.mean.shape[1], *size, generator=torch.Generator().manual_seed(0))
    quantise(source, target, noise.split(1))
    write_proto(onnx.load(target), target, facts_of(model))
