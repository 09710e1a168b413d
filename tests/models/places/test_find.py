import functools

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from foveate.errors import UserError
from foveate.models.attaching.attach import attach, attached, detach
from foveate.models.create import create_model
from foveate.models.places.find import describe_places, find_places

from ..small import small

SKIPS = {"skip1", "skip2", "skip3", "skip4"}
JOINED = {"skips.1", "skips.2", "skips.3", "skips.4"}
ENCODERS = {"encoder1", "encoder2", "encoder3", "encoder4", "encoder5"}
BOTH = {"decoder", "logits"}


@functools.cache
def host(arch: str, encoder: str) -> nn.Module:
    torch.manual_seed(0)
    narrow = {"decoder_channels": [32, 16, 16, 16, 16]} if arch == "unet" else {}
    return create_model(arch, encoder, classes=3, **narrow).eval()


@pytest.mark.parametrize(
    ("arch", "encoder", "places"),
    [
        ("unet", "resnet18", ENCODERS | SKIPS | JOINED | BOTH),
        ("fpn", "resnet18", ENCODERS | SKIPS - {"skip1"} | JOINED - {"skips.1"} | BOTH),
        ("pspnet", "resnet18", ENCODERS - {"encoder4", "encoder5"} | BOTH),
        ("deeplabv3", "resnet18", ENCODERS | BOTH),
        ("deeplabv3plus", "resnet18", ENCODERS | {"skip2"} | BOTH),
        ("unet", "mit_b0", ENCODERS - {"encoder1"} | SKIPS - {"skip1"} | JOINED - {"skips.1"} | BOTH),
        ("fcn_torchvision", "resnet50", ENCODERS | BOTH),
        ("classifier", "resnet18", ENCODERS | {"decoder"}),
        ("classifier", "mobilenetv3_small_050", ENCODERS | {"decoder"}),
    ],
)
def test_a_host_has_the_places_it_uses(arch, encoder, places):
    assert set(find_places(host(arch, encoder))) == places


def test_descriptions_tell_channels_stride_and_submodule():
    rows = {row[0]: row[1:] for row in describe_places(host("unet", "resnet18"))}
    assert rows["encoder5"] == (512, 32, "output of network.encoder.layer4")
    assert rows["skip1"] == (64, 2, "entry of network.encoder")
    assert rows["decoder"] == (16, 1, "input of network.segmentation_head")
    dilated = {row[0]: row[2] for row in describe_places(host("deeplabv3", "resnet18"))}
    assert dilated["encoder5"] == 8


def test_encoders_that_rebuild_their_features_say_that_only_the_decoder_sees_the_change():
    rows = {row[0]: row[3] for row in describe_places(host("unet", "dpn68"))}
    assert rows["encoder3"] == "entry of network.encoder (seen by the decoder only)"
    assert rows["encoder5"].startswith("output of network.encoder.features.")


@pytest.mark.parametrize(
    "encoder",
    [
        "resnet18",
        "mobilenet_v2",
        "efficientnet-b0",
        "mit_b0",
        "tu-convnext_atto",
        "tu-mobilenetv3_small_050",
        "dpn68",
    ],
)
def test_an_encoder_place_changes_its_feature_and_all_later_ones_a_skip_its_own_alone(encoder):
    model, image, k = host("unet", encoder), torch.rand(1, 3, 64, 64), 3
    before = model.network.encoder(image)
    whole = find_places(model)[f"encoder{k}"].where == "output"
    for place, changed in ((f"encoder{k}", range(k, 6) if whole else [k]), (f"skip{k}", [k])):
        attach(model, f"se@{place}", gate="none")
        after = model.network.encoder(image)
        detach(model)
        differs = [
            index for index, (a, b) in enumerate(zip(before, after, strict=True)) if not torch.equal(a, b)
        ]
        assert differs == list(changed), place


def test_dotted_names_and_patterns_mean_submodules():
    model = host("unet", "resnet18")
    attach(model, "eca@encoder.layer1.1+se@encoder.layer[34].0")
    assert list(attached(model)) == [
        "eca@encoder.layer1.1",
        "se@encoder.layer3.0",
        "se@encoder.layer4.0",
    ]
    detach(model)


def test_a_model_of_smp_itself_has_its_places_too():
    model = smp.Unet("tu-test_resnet", encoder_weights=None).eval()
    places = find_places(model, example=torch.rand(1, 3, 64, 64))
    assert places["encoder4"].module == "encoder.model.layer3"
    assert places["logits"].channels == 1


def test_any_module_has_its_submodules_and_logits():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Flatten(2))
    assert list(find_places(model, example=torch.rand(1, 3, 16, 16))) == ["encoder1"]
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1))
    assert find_places(model, example=torch.rand(1, 3, 16, 16))["logits"].stride == 2


class TwoNames(nn.Module):
    """A model whose encoder has another name, given first."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.encoder = self.body
        self.segmentation_head = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.segmentation_head(self.encoder(x))


def test_a_submodule_of_two_names_has_the_places_of_one():
    assert list(find_places(TwoNames(), torch.rand(1, 3, 16, 16))) == ["encoder1", "decoder", "logits"]


class Twice(nn.Module):
    """Calls one of its submodules twice and another never."""

    def __init__(self):
        super().__init__()
        self.stem, self.twice, self.never = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.pooled = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()

    def forward(self, x):
        return self.flat(self.pooled(self.twice(self.twice(self.stem(x)))))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("twice", "is called 2 times in one forward"),
        ("never", "is never called in a forward"),
        ("flat", r"returns an output of shape \(1, 4\) where b c h w, b h w c or tokens b n c are expected"),
        ("steem", "unknown place 'steem'; did you mean 'stem'"),
        ("*.conv", "dotted name or pattern of a submodule"),
    ],
)
def test_submodules_that_cannot_hold_attention_say_why(place, words):
    with pytest.raises(UserError, match=words):
        attach(Twice(), f"se@{place}", example=torch.rand(1, 3, 8, 8))


def test_a_place_that_matches_nothing_lists_the_places_there_are():
    with pytest.raises(
        UserError, match=r"unknown place 'encoder4'.*Places of this model: encoder1, encoder2, encoder3"
    ):
        attach(host("pspnet", "resnet18"), "cbam@encoder4")


def test_the_group_of_skips_is_among_the_places_that_are_offered():
    with pytest.raises(UserError, match=r"did you mean 'skips'\?.*Places of this model: skips, encoder1"):
        attach(host("unet", "resnet18"), "gate@skip")


def test_a_model_without_named_places_lists_its_submodules():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1), torch.nn.ReLU())
    with pytest.raises(UserError, match=r"unknown place 'decoder'.*or pattern of a submodule: 0, 1$"):
        attach(model, "se@decoder", example=torch.rand(1, 3, 8, 8))


def test_models_of_others_need_an_example():
    with pytest.raises(UserError, match="pass example="):
        find_places(Twice())
    with pytest.raises(UserError, match=r"Twice fails on an input of shape \(1, 5, 8, 8\)"):
        find_places(Twice(), example=torch.rand(1, 5, 8, 8))


def test_places_are_found_without_gradients_and_in_frozen_models():
    model = timm.create_model("test_vit", img_size=64).eval().requires_grad_(False)
    expected = find_places(model, torch.rand(1, 3, 64, 64))
    with torch.no_grad():
        assert find_places(model.requires_grad_(True), torch.rand(1, 3, 64, 64)) == expected
    assert expected["encoder4"].module == "blocks.4"


def test_probing_leaves_no_trace():
    model = small("unet")
    model.network.encoder.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    find_places(model)
    assert torch.equal(torch.rand(1), expected)
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
