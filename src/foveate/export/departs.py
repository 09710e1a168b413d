"""Find the first module of a network whose output departs in its ONNX graph.

Nodes of a graph carry the names of the modules that they come from; the last node of a module gives the
module's output.
"""

import ast
import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

SCOPES = "pkg.torch.onnx.name_scopes"
TOLERANCE = 1e-3
"""An output departs if it differs by more than this share of its largest value."""


def first_departure(model: nn.Module, proto: "ModelProto", images: Tensor) -> str:
    """Return the name of the first submodule whose output departs, in order of execution; "" for none.

    The submodule around it departs too: a convolution that is merged with the normalisation behind it does
    not count. If the graph fails on these images, it is the module of the node that fails.
    """
    import onnx
    import onnxruntime

    last = _last_outputs(proto)
    tapped = onnx.ModelProto()
    tapped.CopyFrom(proto)
    known = {value.name for value in tapped.graph.output}
    taps = sorted(set(last.values()) - known)
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in taps)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(tapped.SerializeToString(), options)
        names = [output.name for output in session.get_outputs()]
        values = session.run(names, {session.get_inputs()[0].name: images.numpy()})
    except Exception as error:  # the runtime's own kinds, which share no base
        return _failing_module(proto, str(error))
    found = dict(zip(names, values, strict=True))
    expected = _outputs(model, images)
    departs = {
        name: _differs(expected[name], torch.as_tensor(found[last[name]]))
        for name in expected
        if name in last and last[name] in found
    }
    return next((name for name, yes in departs.items() if yes and departs.get(_parent(name), True)), "")


def _last_outputs(proto: "ModelProto") -> dict[str, str]:
    """Return the output of each module's last node."""
    return {module: node.output[0] for node in proto.graph.node for module in _modules(node)}


def _modules(node: "NodeProto") -> list[str]:
    for entry in node.metadata_props:
        if entry.key == SCOPES:
            return [name for name in ast.literal_eval(entry.value)[:-1] if name]
    return []


def _failing_module(proto: "ModelProto", message: str) -> str:
    named = re.search(r"Name:'([^']+)'", message)
    nodes = {node.name: node for node in proto.graph.node}
    modules = _modules(nodes[named[1]]) if named and named[1] in nodes else []
    return modules[-1] if modules else ""


def _outputs(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return what each submodule gives, in the order in which they end."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module: nn.Module, args: tuple, output: object) -> None:
            if isinstance(output, Tensor):
                outputs.pop(name, None)
                outputs[name] = output.detach()

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules() if name]
    try:
        with torch.inference_mode():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _differs(expected: Tensor, found: Tensor) -> bool:
    if expected.shape != found.shape:
        return False  # the last node of the module is another of its values
    return (expected - found).abs().max().item() > TOLERANCE * max(expected.abs().max().item(), 1e-6)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]
