"""Export a trained run to a file, and keep the file only if it computes the same."""

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from foveate.errors import UserError
from foveate.export.departs import first_departure
from foveate.export.graph import Shape, open_example, parse_shape, trace
from foveate.export.maps import WithMaps
from foveate.export.onnx_file import check_opset, to_onnx, write_onnx, write_proto
from foveate.export.openvino_file import write_openvino
from foveate.export.parity import BATCHES, FLOAT, INT8, Parity, Size, measure, trial_sizes
from foveate.export.quantise import quantise
from foveate.export.samples import CALIBRATED, CHECKED, read_samples
from foveate.export.torch_file import read_program, write_program
from foveate.models.checkpoints import load_model
from foveate.models.host import Host
from foveate.prediction.backends.onnx_runtime import OnnxNetwork
from foveate.prediction.backends.openvino import OpenVinoNetwork
from foveate.prediction.facts import Facts, facts_of
from foveate.prediction.prepare import prepare

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
"""By format, the suffix of its file."""

DEFAULT_SIZE = (256, 256)
"""Height and width of the first trial if the run keeps each image's own size."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to export. Fields as in `foveate.api.export.export`; fixed: the parsed shape."""

    to: str = "onnx"
    int8: bool = False
    with_maps: bool = False
    fixed: str | None = None
    opset: int | None = None


def export_run(
    run: Path,
    target: Path,
    request: Request,
    images: str | Path | None = None,
    verdict: str = "",
    progress: Progress | None = None,
) -> Parity:
    """Export the run in a folder to the file `target`, and return what differs.

    images: that the file is checked with; by default the run's validation images. For INT8, the ranges come
    from the training images. verdict: goes into the metadata. progress: called with the name of each step.

    Raises `UserError`, and keeps nothing, if the network cannot be traced or translated, if the file differs
    beyond the bounds (with what differs and the first module that departs), or if it cannot be written.
    """
    tell = progress or (lambda step: None)
    check_opset(request.opset)
    model = load_model(run)
    facts = dataclasses.replace(facts_of(model), verdict=verdict)
    fixed = parse_shape(request.fixed, model.mean.shape[1]) if request.fixed else None
    if fixed:
        if facts.test_scales != (1.0,):
            raise UserError("--fixed: the run predicts in views of several sizes; leave --fixed out")
        facts = dataclasses.replace(facts, size=fixed[2:])
    tell("Reading images")
    samples = read_samples(run, facts.classes, images, "val", CHECKED)
    size = facts.size or DEFAULT_SIZE
    with _draft(target) as draft:
        tell("Tracing the network")
        example = torch.zeros(fixed) if fixed else open_example(model)
        wrapped = WithMaps(model, example) if request.with_maps else model
        program = trace(wrapped, example, fixed is not None)
        file = draft / target.name
        if request.to == "torch":
            write_program(program, file, facts)
            exported = read_program(file)
            proto = None
        else:
            tell("Translating it to ONNX")
            maps = wrapped.outputs if isinstance(wrapped, WithMaps) else {}
            proto = to_onnx(program, request.opset, ["logits", *maps])
            onnx_file = draft / target.with_suffix(".onnx").name
            write_onnx(proto, onnx_file, facts, maps)
            if request.int8:
                tell("Calibrating on training images")
                _to_int8(onnx_file, run, facts, images, size, model, maps)
            if request.to == "openvino":
                write_openvino(onnx_file, file, facts, maps)
                onnx_file.unlink()
            exported = OpenVinoNetwork(file) if request.to == "openvino" else OnnxNetwork(file)
        tell("Comparing with PyTorch")
        parity = _compare(model, exported, samples, size, fixed, facts)
        if excess := parity.excess(INT8 if request.int8 else FLOAT):
            first = (
                _first_departure(wrapped, proto, samples, size, parity) if proto and not request.int8 else ""
            )
            where = f". The first module whose output departs is {first}" if first else ""
            raise UserError(
                f"{target}: not written, because the export differs from the run: {excess}{where}. The run "
                "itself predicts as before; try another --to, or report it with the arm and the host"
            )
        _move(draft, target)
    return parity


def _to_int8(
    onnx_file: Path,
    run: Path,
    facts: Facts,
    images: str | Path | None,
    size: Size,
    model: Host,
    maps: dict[str, dict[str, str]],
) -> None:
    import onnx

    samples = read_samples(run, facts.classes, images, "train", CALIBRATED)
    quantised = onnx_file.with_name(f"{onnx_file.stem}.int8.onnx")
    quantise(onnx_file, quantised, [prepare(image, size) for image, _ in samples])
    write_proto(onnx.load(quantised), onnx_file, facts, maps)
    quantised.unlink()


def _compare(
    model: Host,
    exported: torch.nn.Module,
    samples: list,
    size: Size,
    fixed: Shape | None,
    facts: Facts,
) -> Parity:
    sizes = (fixed[2:],) if fixed else trial_sizes(size)
    batches = (fixed[0],) if fixed else BATCHES
    try:
        return measure(model, exported, samples, sizes, batches, facts.classes)
    except UserError:
        raise
    except Exception as error:  # each runtime has its own kinds, which share no base
        raise UserError(
            f"not written, because the export fails on the images it was tried with: {_first_line(error)}"
        ) from error


def _first_departure(wrapped: torch.nn.Module, proto, samples: list, size: Size, parity: Parity) -> str:
    worst = max(parity.trials, key=lambda trial: (trial.changed, trial.difference))
    images = prepare(samples[0][0], worst.shape[2:]).repeat(worst.shape[0], 1, 1, 1)
    return first_departure(wrapped, proto, images)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a folder beside the target that is removed after the block; a full disk becomes a `UserError`."""
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        yield draft
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error}); nothing was kept"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, target: Path) -> None:
    """Move the files of a draft into place, the target itself last."""
    for path in sorted(draft.iterdir(), key=lambda path: path.name == target.name):
        path.replace(target.parent / path.name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
