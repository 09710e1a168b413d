"""A transformer's own attention is what its softmax gives, whichever library and kernel computes it."""

import json

import numpy as np
import pytest
import timm
import torch
from timm.layers.attention import Attention
from torch import nn

from foveate.attention.self_attention_map import SelfAttentionMap
from foveate.cli.main import main
from foveate.errors import UserError
from foveate.inspection.figures.registry import figures_for
from foveate.inspection.image import inspect_image
from foveate.inspection.own_attention import own_attention
from foveate.inspection.record import record
from foveate.inspection.values import save_values
from foveate.models.attaching.attach import attach
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor

IMAGE = torch.rand(2, 3, 32, 48)


class Patches(nn.Module):
    """Patches of 8 x 8 pixels, behind a class token, and one attention over them."""

    def __init__(self, attention: nn.Module, tokens: int = 1):
        super().__init__()
        self.embed, self.attention = nn.Conv2d(3, 16, 8, 8), attention
        self.token = nn.Parameter(torch.randn(1, tokens, 16))

    def forward(self, image):
        x = self.embed(image).flatten(2).mT
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        self.x = x.detach()
        return self.attention(x)


class Multihead(nn.Module):
    def __init__(self, need_weights: bool):
        super().__init__()
        self.inner, self.need_weights = nn.MultiheadAttention(16, 4, batch_first=True), need_weights

    def forward(self, x):
        return self.inner(x, x, x, need_weights=self.need_weights)[0]


class Separate(nn.Module):
    """Query, key and value apart, as in the transformers library."""

    def __init__(self, fused: bool):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(16, 16) for _ in range(3))
        self.num_attention_heads, self.fused = 4, fused

    def forward(self, x):
        parts = (self.query, self.key, self.value)
        q, k, v = (part(x).unflatten(-1, (4, 4)).transpose(1, 2) for part in parts)
        if self.fused:
            out = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=0.3)
        else:
            out = nn.functional.softmax(0.3 * q @ k.mT, dim=-1) @ v
        return out.transpose(1, 2).flatten(2)


def naive(query, key, scale):
    """Softmax of the scaled products of heads of width 4, from the equation."""
    q, k = (x.unflatten(-1, (4, 4)).transpose(1, 2) for x in (query, key))
    return torch.softmax(q @ k.mT * scale, -1)


def expected(attention: nn.Module, x: torch.Tensor) -> torch.Tensor:
    if isinstance(attention, Separate):
        return naive(attention.query(x), attention.key(x), 0.3)
    if isinstance(attention, Attention):
        q, k, _ = attention.qkv(x).chunk(3, -1)
    else:
        q, k, _ = (x @ attention.inner.in_proj_weight.T + attention.inner.in_proj_bias).chunk(3, -1)
    return naive(q, k, 0.5)


def timm_attention(fused: bool) -> Attention:
    attention = Attention(16, 4, qkv_bias=True)
    attention.fused_attn = fused
    return attention


MODULES = {
    "timm, fused": lambda: timm_attention(True),
    "timm": lambda: timm_attention(False),
    "PyTorch, fused": lambda: Multihead(False),
    "PyTorch": lambda: Multihead(True),
    "transformers, fused": lambda: Separate(True),
    "transformers": lambda: Separate(False),
}


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("tokens", [0, 1, 5])
@pytest.mark.parametrize("kind", MODULES)
def test_the_maps_are_those_of_the_naive_softmax(kind, tokens, training):
    torch.manual_seed(0)
    model = Patches(MODULES[kind](), tokens).train(training)
    before = model(IMAGE)
    (label,) = own_attention(model)
    with record(model) as recording, torch.set_grad_enabled(training):
        assert torch.equal(model(IMAGE), before) or torch.allclose(model(IMAGE), before, atol=1e-6)
    (own,) = recording.maps[label]
    weights = expected(model.attention, model.x)
    assert isinstance(own, SelfAttentionMap)
    assert own.grid == (4, 6)
    torch.testing.assert_close(own.values, weights[:, :, tokens + own.queries, tokens:].detach())
    torch.testing.assert_close(own.tokens, weights[:, :, :tokens, tokens:].detach())
    mean = weights.mean((1, 2))[:, tokens:].unflatten(1, (4, 6))
    torch.testing.assert_close(own.received, mean.detach())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_every_block_of_a_vision_transformer_is_recorded():
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, img_size=(64, 96), depth=2).eval()
    image = torch.rand(1, 3, 64, 96)
    before = model(image)
    with record(model, queries=torch.tensor([0, 23])) as recording:
        assert torch.equal(model(image), before)
    assert list(recording.maps) == ["self@blocks.0.attn", "self@blocks.1.attn"]
    (own,) = recording.maps["self@blocks.1.attn"]
    assert own.values.shape == (1, 3, 2, 24)
    assert own.tokens.shape == (1, 3, 1, 24)
    total = own.tokens.sum(-1)
    assert ((total > 0.5) & (total < 1)).all(), "the rest goes to the class token itself"
    assert own.picture().shape == own.digest()[0].shape == (4, 6)


def test_a_layer_of_pytorch_is_recorded():
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    model = Patches(layer).eval()
    with record(model) as recording, torch.inference_mode():
        model(IMAGE)
    assert recording.maps["self@attention.self_attn"][0].grid == (4, 6)


def test_attached_attention_goes_before_a_networks_own():
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, img_size=64, depth=2).eval()
    image = torch.rand(1, 3, 64, 64)
    attach(model, "se@blocks.1(reduction=4)", example=image)
    with record(model) as recording:
        model(image)
    assert list(recording.maps) == ["se@blocks.1"]


def test_windows_have_no_map_of_the_image():
    model = timm.create_model("swin_tiny_patch4_window7_224", pretrained=False, depths=(1, 1, 1, 1)).eval()
    with record(model) as recording:
        model(torch.rand(1, 3, 224, 224))
    assert set(recording.maps) <= {"self@layers.3.blocks.0.attn"}, "whose window is all"


def test_a_network_without_any_attention_is_told():
    with (
        pytest.raises(UserError, match="no attached attention, and none of its own"),
        record(nn.Sequential(nn.Conv2d(3, 8, 1))),
    ):
        pass


def test_the_attention_of_a_vision_transformer_is_drawn(tmp_path):
    model = create_model("vit_tiny_patch16_224", classes=2).eval()
    model.notes = {"task": "classification", "classes": ["猫", "dog"], "size": [64, 96]}
    predictor = Predictor(model)
    _, maps = inspect_image(predictor, "a", np.zeros((50, 80, 3), np.uint8))
    assert [one.label for one in maps] == [f"self@blocks.{n}.attn" for n in range(12)]
    assert maps[0].map.grid == (4, 6)
    assert maps[0].pixel_attention.shape == (5, 4, 6)
    (kind,) = figures_for(maps[0])
    assert kind.name == "self"
    page = kind.draw(maps[0])
    titles = [axes.get_title(loc="left") for axes in page.axes]
    assert titles[:3] == ["a", "from the class token", "received, mean of all"]
    assert "4×6 positions and 1 token without a position" in page._supxlabel.get_text()
    save_values(tmp_path, maps)
    assert json.loads((tmp_path / "maps.json").read_text())["maps"]["self@blocks.0.attn-1-self"]["grid"] == [
        4,
        6,
    ]


def test_the_places_of_a_vision_transformer_name_its_own_attention(capsys):
    assert main(["list", "places", "--arch", "vit_tiny_patch16_224"]) == 0
    output = capsys.readouterr().out
    assert "encoder4" in output
    assert "self@blocks.0.attn to self@blocks.11.attn (12 in all)" in output
    assert output.rstrip().endswith("by its dotted name: cbam@blocks.11.")
