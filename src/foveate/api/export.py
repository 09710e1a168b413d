"""Export a run to a file that needs no foveate, and check that it computes the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.results import check_file
from foveate.errors import UserError, choose
from foveate.extras import require
from foveate.models.hub import is_address, located, parse_address
from foveate.models.weights_file import find_model

if TYPE_CHECKING:
    from foveate.export.parity import Parity

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
_NEEDED = {
    "onnx": (("onnx", "export"), ("onnxscript", "export"), ("onnxruntime", "export")),
    "openvino": (
        ("onnx", "export"),
        ("onnxscript", "export"),
        ("onnxruntime", "export"),
        ("openvino", "openvino"),
    ),
    "torch": (),
}
"""By format, the packages that it needs and the extras that install them."""


@dataclass(frozen=True)
class ExportedFile:
    """An exported file, and what differs from the run."""

    path: Path
    parity: "Parity"


def export(
    run: str | Path,
    to: str = "onnx",
    out: str | Path | None = None,
    int8: bool = False,
    with_maps: bool = False,
    fixed: str | None = None,
    images: str | Path | None = None,
    opset: int | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> ExportedFile:
    """Export a run to a file for other runtimes, and keep it only if it computes what the run computes.

    Args:
        run: a finished run directory, a packed run (.zip), or hf://USER/NAME.
        to: "onnx", "openvino" or "torch" (an exported program of PyTorch).
        out: the file. Default: RUN.onnx, .xml or .pt2 beside the run; of a run on the Hub, NAME.onnx here.
        int8: weights and features in 8 bits, with ranges from the training images.
        with_maps: attention maps as further outputs.
        fixed: the only shape that the file takes, "IMAGESxCHANNELSxHEIGHTxWIDTH". Default: any.
        images: that the file is checked with (and INT8 calibrated on): an image, a folder, or data with the
            same classes. Default: the run's own validation (and training) images.
        opset: the version of ONNX's operators. Default: that of the exporter.
        overwrite: replace an existing file.
        progress: called with the name of each step.

    Raises `UserError`, and keeps nothing, for a run that is not finished, a missing package, and a file that
    differs from the run beyond the bounds of `foveate.export.parity`.
    """
    choose(to, FORMATS, "format (--to)")
    if int8 and to == "torch":
        raise UserError("--int8: is for onnx and openvino; leave it out, or choose another --to")
    if opset is not None and to != "onnx":
        raise UserError("--opset: is for onnx alone; leave it out")
    source = find_model(located(run))
    if source.suffix.lower() in (".onnx", ".xml"):
        raise UserError(f"{run}: is an exported file already; name the run that it came from")
    home = source if source.suffix.lower() == ".zip" else source.parent.resolve()
    stem = home.stem if home.suffix.lower() == ".zip" else home.name
    beside = Path(parse_address(run).name) if is_address(run) else home.with_name(stem)
    target = Path(out) if out is not None else Path(f"{beside}{FORMATS[to]}")
    for package, extra in _NEEDED[to]:
        require(package, extra, f"--to {to}")
    check_file(target, FORMATS[to], overwrite)
    from foveate.experiments.verdict_on import verdict_on
    from foveate.export.export import Request, export_run
    from foveate.models.packed import opened
    from foveate.training.run_directory import Run

    with opened(home) as folder:
        if Run(folder).spec_file.is_file() and not Run(folder).is_complete:
            raise UserError(
                f"{run}: the run is not finished; resume it, or wait for its end, and export it then"
            )
        request = Request(to, int8, with_maps, fixed, opset)
        parity = export_run(folder, target, request, images, verdict_on(folder), progress)
    return ExportedFile(target, parity)
