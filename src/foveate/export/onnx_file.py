"""Write a traced network as one ONNX file with its metadata and its hash."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.export import ExportedProgram

from foveate.errors import UserError
from foveate.export.graph import quiet
from foveate.export.subpixel import merge_enlarging
from foveate.files import write_whole
from foveate.prediction.facts import Facts
from foveate.prediction.seal import BLANK, seal

if TYPE_CHECKING:
    from onnx import ModelProto

OPSETS = range(18, 24)
"""Versions of ONNX's operators that are written."""

AXES = ("batch", "channels", "height", "width")


def check_opset(opset: int | None) -> None:
    """Raise `UserError` for a version of the operators that is not written."""
    if opset is not None and opset not in OPSETS:
        old = "too old" if opset < OPSETS.start else "not known yet"
        raise UserError(f"--opset: {opset} is {old}; choose from {OPSETS.start} to {OPSETS.stop - 1}")


def to_onnx(
    program: ExportedProgram, opset: int | None = None, outputs: Iterable[str] = ("logits",)
) -> "ModelProto":
    """Translate a traced network. outputs: names of its outputs, in order.

    Enlargements are merged with the convolutions behind them, see `subpixel`. The nodes keep the names of the
    submodules that they come from, see `departs`. Raises `UserError` for an
    operator that ONNX does not have.
    """
    try:
        with quiet():
            exported = torch.onnx.export(
                program,
                (),
                dynamo=True,
                external_data=False,
                verbose=False,
                opset_version=opset,
                input_names=["image"],
                output_names=list(outputs),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = (str(error.__cause__ or error)).strip().partition("\n")[0]
        raise UserError(f"the network cannot be translated to ONNX: {reason}") from error
    merge_enlarging(exported.model)
    return exported.model_proto


def write_onnx(
    proto: "ModelProto", path: Path, facts: Facts, maps: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Write a translated network with its metadata and its hash; it appears whole or not at all.

    The names of source files in the nodes are left out. maps: what further outputs hold.
    """
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for node in bare.graph.node:
        del node.metadata_props[:]
    del bare.graph.value_info[:]
    for value in (*bare.graph.input, bare.graph.output[0]):
        for name, axis in zip(AXES, value.type.tensor_type.shape.dim, strict=False):
            if not axis.HasField("dim_value"):
                axis.dim_param = name
    write_proto(bare, path, facts, maps)


def write_proto(
    proto: "ModelProto", path: Path, facts: Facts, maps: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Write a network with its metadata and its hash, otherwise as it is."""
    import onnx

    described = {"maps": json.dumps(maps, ensure_ascii=False)} if maps else {}
    onnx.helper.set_model_props(proto, {**facts.metadata(), **described, "hash": json.dumps(BLANK)})
    proto.producer_name, proto.producer_version = "foveate", facts.version
    with write_whole(path) as file:
        file.write(seal(proto.SerializeToString()))
