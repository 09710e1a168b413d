import pytest
import torch
from einops import rearrange
from torch import nn

from foveate.evaluation.cost import parameters
from foveate.models.attaching.attach import attach, attached, detach
from foveate.models.create import create_model
from foveate.models.hosts.smooth_unet import doubling


@pytest.mark.parametrize("gate", ["zero", "none"])
def test_as_published_the_attention_is_in_and_parameters_are_the_published_ones(gate):
    model = create_model("smooth_unet", classes=1, gate=gate)
    assert list(attached(model)) == ["smooth@encoder5"]
    assert model.config["arm"] == "smooth@encoder5"
    assert parameters(model) == 12_661_410
    assert parameters(detach(model)) == 11_873_441


def test_one_logit_for_two_classes_has_the_published_parameters_and_the_sigmoid_as_softmax():
    torch.manual_seed(0)
    model = create_model("smooth_unet", classes=2, one_logit=True).eval()
    assert parameters(model) == 12_661_410
    torch.manual_seed(0)
    published = create_model("smooth_unet", classes=1).eval()
    image = torch.rand(1, 3, 40, 33)
    z, logits = published(image), model(image)
    assert torch.equal(logits, torch.cat([torch.zeros_like(z), z], 1))
    torch.testing.assert_close(logits.softmax(1)[:, 1:], z.sigmoid())


def test_a_head_in_place_of_one_logit_has_one_a_class():
    model = create_model("smooth_unet", "mobilenet_v2", classes=2, one_logit=True, arm="two_branch")
    assert model.network.segmentation_head[0][0].branches.out_channels == 2
    assert model.eval()(torch.rand(1, 3, 32, 32)).shape == (1, 2, 32, 32)


def test_any_other_arm_takes_the_place_of_the_published_one():
    assert attached(create_model("smooth_unet", arm="none")) == {}
    model = create_model("smooth_unet", "mobilenet_v2", arm="se@encoder5+eca@decoder")
    assert list(attached(model)) == ["se@encoder5", "eca@decoder"]


def test_doubling_makes_each_2x2_patch_from_one_position():
    layer, x = doubling(3, 2).double(), torch.randn(1, 3, 4, 5, dtype=torch.float64)
    patches = torch.einsum("bchw, coij -> bohwij", x, layer.weight)
    expected = rearrange(patches, "b o h w i j -> b o (h i) (w j)") + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x), expected)


def test_the_decoder_has_the_published_widths_and_a_relu_between_all_its_layers():
    model = create_model("smooth_unet", classes=3, arm="none")
    layers = [m for m in model.modules() if isinstance(m, nn.ConvTranspose2d)]
    widths = [(layer.in_channels, layer.out_channels) for layer in layers]
    assert widths == [(512, 256), (256, 128), (128, 64), (64, 32), (32, 3)]
    assert [type(module[1]) for module in model.network.decoder] == [nn.ReLU] * 4
    assert len(model.network.segmentation_head) == 1


def test_a_head_in_place_of_the_last_layer_enlarges_its_scores():
    torch.manual_seed(0)
    model = create_model("smooth_unet", "mobilenet_v2", arm="none").eval()
    image = torch.rand(1, 3, 40, 33)
    before = model(image)
    attach(model, "two_branch(activation=relu)")
    after = model(image)
    assert after.shape == before.shape
    assert after.min() == 0
    assert torch.equal(detach(model)(image), before)
