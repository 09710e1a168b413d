"""Every attention is written to ONNX with an open batch size, and ONNX Runtime computes the same.

AFMA, which sees more than a feature map, and the windows are exported for any size as well in `test_graph`.
Graphs here do not write into slices, which takes scatters and transposes.
"""

import onnx
import onnxruntime
import torch
from torch import nn

from foveate.attention.registry import attention_names, is_refiner
from foveate.models.attaching.attach import attach, attention_parameters

LARGER = {"residual"}  # a trunk of several strides, which takes larger maps
ANY_SIZE = {"swin_window"}


def same_in_onnx(model: nn.Module, size: tuple[int, int], folder) -> None:
    model.eval()
    batch = {0: torch.export.Dim("batch", min=1, max=8)}
    image = torch.rand(2, 3, *size)
    torch.onnx.export(model, (image,), folder / "m.onnx", dynamo=True, dynamic_shapes=(batch,), verbose=False)
    assert "ScatterND" not in {node.op_type for node in onnx.load(folder / "m.onnx").graph.node}
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    image = torch.rand(3, 3, *size)
    (output,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(output), model(image), atol=1e-4, rtol=1e-4)


def test_all_gates_and_pairwise_attentions(untyped, tmp_path):
    torch.manual_seed(0)
    names = [name for name in attention_names() if not is_refiner(name) and name not in LARGER | ANY_SIZE]
    model = nn.Sequential(*(nn.Conv2d(3 if not n else 16, 16, 3, padding=1) for n in range(len(names))))
    arm = [f"{name}@{number}" for number, name in enumerate(names)]
    attach(model, arm, gate="none", example=torch.rand(1, 3, 16, 24))
    for name, parameter in model.named_parameters():
        if name in attention_parameters(model):
            nn.init.normal_(parameter, 0.3, 0.1)  # gates of their own are open
    same_in_onnx(model, (16, 24), tmp_path)
