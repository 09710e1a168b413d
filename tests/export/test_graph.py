"""What breaks in graphs for any size if it is exported as it is; see `benchmarks/export_table.py` for all."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import foveate
from foveate.export.graph import open_example, parse_shape, trace
from foveate.export.onnx_file import to_onnx
from foveate.models.attaching.attach import attach
from foveate.models.host import Host

from .small import small_host


def session_of(program: torch.export.ExportedProgram, folder: Path) -> onnxruntime.InferenceSession:
    onnx.save(to_onnx(program), folder / "a.onnx")
    return onnxruntime.InferenceSession(folder / "a.onnx")


class Decoder(nn.Module):
    """Enlarges a map twice: to the size of two skips, and to that of the image."""

    def __init__(self):
        super().__init__()
        self.down, self.deep = (nn.Conv2d(n, 4, 3, stride=2, padding=1) for n in (3, 4))
        self.join, self.last = nn.Conv2d(12, 5, 3, padding=1, bias=False), nn.Conv2d(5, 2, 3, padding=1)

    def forward(self, x):
        fine = self.down(x)
        joined = self.join(torch.cat([enlarged(self.deep(fine), fine), fine, -fine], 1))
        return self.last(enlarged(joined, x))


def enlarged(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


def test_pools_and_decoders_keep_their_function_at_any_size(tmp_path, untyped):
    pools = [nn.AdaptiveAvgPool2d((2, 3)), nn.AdaptiveMaxPool2d((3, 2)), nn.AdaptiveAvgPool2d(1)]

    class Network(nn.Module):
        multiple = smallest = 4

        def __init__(self):
            super().__init__()
            self.decoder = Decoder()

        def forward(self, x):
            bottom, right = (Host._missing(self, n) for n in x.shape[-2:])
            decoded = self.decoder(F.pad(x, (0, right, 0, bottom)))
            return torch.cat([pool(x).flatten(1) for pool in pools] + [decoded.flatten(1)], 1)

    torch.manual_seed(0)
    network = Network().eval()
    session = session_of(trace(network, torch.rand(2, 3, 17, 23)), tmp_path)
    operators = [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node]
    assert "Resize" not in operators
    assert operators.count("DepthToSpace") == 2
    for shape in ((1, 3, 8, 30), (3, 3, 6, 7), (2, 3, 2, 3)):
        image = torch.randn(shape)
        (found,) = session.run(None, {"image": image.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(found, network(image), atol=1e-5)


def test_mechanisms_of_patches_and_windows_export_for_any_size(tmp_path, untyped):
    model = attach(
        small_host(classes=2), "afma@logits(level=2,patch_size=4)+swin_window@decoder", gate="none"
    )
    session = session_of(trace(model, open_example(model)), tmp_path)
    for shape in ((1, 3, 40, 72), (3, 3, 57, 51)):
        image = torch.rand(shape)
        (found,) = session.run(None, {"image": image.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(found, model(image), atol=1e-4)


@pytest.mark.parametrize("size", [(31, 33), (64, 64), (1, 1), (65, 200)])
def test_images_are_padded_alike_in_graphs_and_outside(size):
    model = foveate.create_model("mssa", classes=2)
    height, width = model.padded(size)
    assert (height % model.multiple, width % model.multiple) == (0, 0)
    assert 0 <= height - size[0] < model.multiple
    assert 0 <= width - size[1] < model.multiple


@pytest.mark.parametrize("text", ["", "3x360x480", "0x3x8x8", "1x3x8", "1x1x8x8", "1x3x8x999999"])
def test_shapes_that_are_none(text):
    with pytest.raises(foveate.UserError, match=r"--fixed: '.*' is no shape that the network takes"):
        parse_shape(text, channels=3)
