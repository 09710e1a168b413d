"""Named places in every family of timm, in torchvision's classifiers and in transformers, on tiny networks.

`benchmarks/timm_families.py` walks the smallest published model of each family.
"""

import importlib
import math
from collections.abc import Iterable

import pytest
import timm
import torch
import torchvision
from torch import nn

from foveate.errors import UserError
from foveate.inspection.record import record
from foveate.models.attaching.attach import attach, attached, detach
from foveate.models.places.find import find_places
from foveate.models.places.place import Place

FOUR = {"depths": (1, 1, 1, 1)}
FOUR_LAYERS = {"layers": (1, 1, 1, 1)}
HEADS = {"num_heads": (1, 2, 4, 8)}
SMALL_VIT = {"depth": 3, "embed_dim": 48, "num_heads": 3}

# Family (timm's module): what builds its network there, arguments, sides of the image.
FAMILIES = {
    "beit": ("beit_base_patch16_224", {**SMALL_VIT, "img_size": 64}, 64),
    "byoanet": ("lambda_resnet26t", {}, 64),
    "byobnet": ("test_byobnet", {}, 64),
    "cait": ("cait_xxs24_224", {"img_size": 64, "depth": 2}, 64),
    "coat": ("coat_tiny", {"img_size": 64}, 64),
    "convit": ("convit_tiny", {"img_size": 64, "depth": 4, "local_up_to_layer": 2}, 64),
    "convmixer": ("ConvMixer", {"dim": 32, "depth": 3}, 56),
    "convnext": ("test_convnext", {}, 64),
    "cpubone": ("cpubone_nano", {}, 64),
    "crossvit": ("crossvit_tiny_240", {"depth": [[1, 1, 0]] * 3}, 240),
    "csatv2": (
        "csatv2",
        {"dims": (16, 24, 32, 64), "depths": (1, 1, 2, 2), "transformer_depths": (0, 0, 1, 1)},
        128,
    ),
    "cspnet": ("cs3darknet_focus_s", {}, 64),
    "cspnext": ("cspnext_tiny", {}, 64),
    "davit": ("davit_tiny", {**FOUR, **HEADS, "embed_dims": (16, 32, 64, 128)}, 64),
    "deepseek_vit": ("deepseek_vit_412m", {**SMALL_VIT, "img_size": 84}, 84),
    "deit": ("deit_tiny_patch16_224", {"img_size": 64, "depth": 3}, 64),
    "densenet": ("densenet121", {"block_config": (1, 1, 1, 1)}, 64),
    "dla": ("dla46x_c", {}, 64),
    "dpn": ("dpn48b", {}, 64),
    "edgenext": ("edgenext_xx_small", {}, 64),
    "efficientformer": (
        "efficientformer_l1",
        {"depths": (1, 1, 1, 2), "embed_dims": (16, 24, 32, 64)},
        224,
    ),
    "efficientformer_v2": ("efficientformerv2_s0", {"img_size": 64}, 64),
    "efficientnet": ("test_efficientnet", {}, 64),
    "efficientvim": ("efficientvim_m1", {}, 64),
    "efficientvit_mit": ("efficientvit_b0", {}, 64),
    "efficientvit_msra": ("efficientvit_m0", {}, 224),
    "eva": ("vit_tiny_patch16_dinov3_qkvb", {"img_size": 64, "depth": 3}, 64),
    "fasternet": ("fasternet_t0", {}, 64),
    "fastvit": ("fastvit_t8", {}, 64),
    "focalnet": ("FocalNet", {**FOUR, "embed_dim": 16}, 64),
    "gcvit": ("GlobalContextVit", {**FOUR, **HEADS, "embed_dim": 16, "img_size": 64}, 64),
    "gemma4_vit": ("gemma4_vit_167m", {**SMALL_VIT, "img_size": 96}, 96),
    "ghostnet": ("ghostnet_050", {}, 64),
    "hardcorenas": ("hardcorenas_b", {}, 64),
    "hgnet": ("hgnetv2_b0", {}, 64),
    "hiera": ("hiera_tiny_224", {"img_size": (64, 64), "embed_dim": 16, "stages": (1, 1, 1, 1)}, 64),
    "hieradet_sam2": ("sam2_hiera_tiny", {"embed_dim": 16}, 128),
    "hrnet": ("hrnet_w18_small", {}, 64),
    "iformer": ("iformer_t", {}, 64),
    "inception_next": ("inception_next_atto", {}, 64),
    "inception_resnet_v2": ("inception_resnet_v2", {}, 128),
    "inception_v3": ("inception_v3", {}, 128),
    "inception_v4": ("inception_v4", {}, 80),
    "lcnetv2": ("lcnetv2_small", {}, 64),
    "levit": ("levit_128s", {}, 224),
    "lowformer": ("lowformer_b0", {}, 64),
    "mambaout": ("test_mambaout", {}, 64),
    "maxxvit": ("test_coatnet", {"img_size": 96}, 96),
    "metaformer": ("MetaFormer", {**FOUR, "dims": (16, 32, 64, 128)}, 64),
    "mlp_mixer": ("MlpMixer", {"img_size": 64, "num_blocks": 3, "embed_dim": 32}, 64),
    "mobilenetv3": ("mobilenetv3_small_050", {}, 64),
    "mobilenetv5": ("mobilenetv5_base", {"channel_multiplier": 0.1}, 64),
    "mobilevit": ("mobilevit_xxs", {}, 64),
    "mvitv2": ("mvitv2_tiny", {"img_size": (64, 64)}, 64),
    "naflexvit": ("naflexvit_base_patch16_parfac_gap", {**SMALL_VIT}, 64),
    "nasnet": ("nasnetalarge", {}, 64),
    "nest": (
        "Nest",
        {
            "depths": (1, 1, 1),
            "embed_dims": (24, 48, 96),
            "num_heads": (1, 2, 4),
            "img_size": 64,
            "num_levels": 3,
        },
        64,
    ),
    "nextvit": ("nextvit_small", {}, 64),
    "nfnet": ("test_nfnet", {}, 64),
    "pit": ("pit_ti_224", {"img_size": 64}, 64),
    "pnasnet": ("pnasnet5large", {}, 64),
    "pvt_v2": ("pvt_v2_b0", {**FOUR}, 64),
    "qwen3_vit": ("qwen3_vit_88m", {**SMALL_VIT}, 64),
    "rdnet": (
        "rdnet_tiny",
        {"num_blocks_list": [1] * 7, "num_init_features": 32, "growth_rates": [16] * 7},
        64,
    ),
    "regnet": ("regnetx_002", {}, 64),
    "repghost": ("repghostnet_050", {}, 64),
    "repvit": ("repvit_m1", {"depth": (1, 1, 2, 1), "embed_dim": (16, 24, 32, 64)}, 64),
    "res2net": ("res2next50", {"layers": (1, 1, 1, 1)}, 64),
    "resnest": ("resnest14d", {}, 64),
    "resnet": ("test_resnet", {}, 64),
    "resnetv2": ("resnetv2_18", {"channels": (16, 32, 64, 128)}, 64),
    "rexnet": ("rexnet_100", {}, 64),
    "selecsls": ("selecsls42", {}, 64),
    "senet": ("legacy_seresnet18", {}, 64),
    "sequencer": ("sequencer2d_s", {"img_size": 56, "layers": (1, 1, 1, 1)}, 56),
    "shvit": ("shvit_s1", {}, 128),
    "sknet": ("skresnet18", {**FOUR_LAYERS}, 64),
    "starnet": ("starnet_s050", {}, 64),
    "swiftformer": ("swiftformer_xs", {}, 64),
    "swin_transformer": (
        "swin_tiny_patch4_window7_224",
        {**FOUR, "img_size": 64, "window_size": 2, "embed_dim": 24},
        64,
    ),
    "swin_transformer_v2": (
        "swinv2_tiny_window8_256",
        {**FOUR, "img_size": 64, "window_size": 2, "embed_dim": 24},
        64,
    ),
    "swin_transformer_v2_cr": (
        "swinv2_cr_tiny_224",
        {**FOUR, "img_size": 64, "window_size": 2, "embed_dim": 24},
        64,
    ),
    "tiny_vit": ("tiny_vit_5m_224", {**HEADS, "embed_dims": (16, 32, 64, 128)}, 64),
    "tnt": ("tnt_s_legacy_patch16_224", {"img_size": 64, "depth": 3}, 64),
    "tresnet": ("tresnet_m", {**FOUR_LAYERS, "width_factor": 0.25}, 64),
    "twins": ("twins_svt_small", {"img_size": 64, "depths": (2, 2, 2, 2)}, 64),
    "vgg": ("VGG", {"cfg": [8, "M", 16, "M", 24, 24, "M", 32, 32, "M", 32, 32, "M"]}, 64),
    "visformer": ("visformer_tiny", {"img_size": 64}, 64),
    "vision_transformer": ("test_vit", {"img_size": 64}, 64),
    "vision_transformer_hybrid": ("vit_tiny_r_s16_p8_224", {"img_size": 64, "depth": 3}, 64),
    "vision_transformer_relpos": ("test_vit_relpos", {"img_size": 64}, 64),
    "vision_transformer_sam": (
        "samvit_base_patch16_224",
        {**SMALL_VIT, "img_size": 64, "window_size": 2, "global_attn_indexes": (1,)},
        64,
    ),
    "vitamin": ("vitamin_small_224", {"img_size": 64, "depth": 3}, 64),
    "volo": (
        "VOLO",
        {**FOUR_LAYERS, "embed_dims": (24, 48, 48, 48), "num_heads": (1, 2, 2, 2), "img_size": 64},
        64,
    ),
    "vovnet": ("ese_vovnet19b_slim_dw", {}, 64),
    "xception": ("legacy_xception", {}, 64),
    "xception_aligned": ("xception41p", {}, 64),
    "xcit": ("xcit_nano_12_p8_224", {"img_size": 64, "depth": 2}, 64),
}
# Blocks that timm repeats without an option for how often.
REPEATED = {"inception_resnet_v2": ("repeat", "repeat_1", "repeat_2")}
# Features that timm lists and does not give: the name of TResNet's first is empty.
NOT_GIVEN = {"tresnet": {1}}


def test_every_family_of_timm_is_here():
    assert set(timm.list_modules()) == set(FAMILIES)


def built(family: str) -> tuple[nn.Module, int]:
    name, options, side = FAMILIES[family]
    torch.manual_seed(0)
    build = getattr(importlib.import_module(f"timm.models.{family}"), name)
    model = build(**{"num_classes": 4, **options}).eval()
    for part in REPEATED.get(family, ()):
        setattr(model, part, getattr(model, part)[:1])
    for parameter in model.parameters():  # heads that start at 0 would let no gradient through
        if parameter.ndim == 2 and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return model, side


def features_of(model: nn.Module) -> dict[int, set[int]]:
    """Channels of the features that timm lists, by the k of the stride 2^k that is nearest."""
    listed: dict[int, set[int]] = {}
    for entry in model.feature_info:
        listed.setdefault(round(math.log2(entry["reduction"])), set()).add(entry["num_chs"])
    return {k: channels for k, channels in listed.items() if 1 <= k <= 5}


def encoders(model: nn.Module, image: torch.Tensor) -> dict[str, Place]:
    return {name: place for name, place in find_places(model, image).items() if name.startswith("encoder")}


def check_attached(model: nn.Module, image: torch.Tensor, names: Iterable[str]) -> dict[str, int]:
    """The host's output at step 0, at this size and another, and a gradient for every gate.

    Returns the channels that the attention got.
    """
    other = torch.rand(1, 3, image.shape[-2] + 64, image.shape[-1])
    expected, taller = model(image), output_of(model, other)
    attach(model, "+".join(f"eca@{name}" for name in names), example=image)
    if taller is not None:
        assert torch.equal(output_of(model, other), taller)
    with record(model) as recording:
        result = model(image)
    assert torch.equal(result, expected)
    result.square().sum().backward()
    for name in names:
        assert getattr(model.attached, f"eca_{name}").gate.grad.abs() > 0, name
    return {name.removeprefix("eca@"): maps[0].values.shape[1] for name, maps in recording.maps.items()}


def output_of(model: nn.Module, image: torch.Tensor) -> torch.Tensor | None:
    """What the model gives for an image of another size; None where it takes none."""
    try:
        with torch.no_grad():
            return model(image)
    except UserError:
        raise
    except Exception:
        return None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_timm_takes_attention_at_every_feature_it_gives(family):
    model, side = built(family)
    image = torch.rand(1, 3, side, side)
    listed = features_of(model)
    names = [f"encoder{k}" for k in listed if k not in NOT_GIVEN.get(family, ())]
    for name, channels in check_attached(model, image, names).items():
        assert channels in listed[int(name[-1])], name


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "densenet121",
        "efficientnet_b0",
        "googlenet",
        "mnasnet0_5",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "regnet_y_400mf",
        "resnet18",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
    ],
)
def test_classifiers_of_torchvision_have_named_places(name):
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, **options).eval()
    image = torch.rand(1, 3, 64, 64)
    places = encoders(model, image)
    assert {"encoder2", "encoder3", "encoder4"} <= set(places)
    assert check_attached(model, image, places) == {name: one.channels for name, one in places.items()}


def vit(**options) -> nn.Module:
    sizes = {"num_heads": 2, "hidden_dim": 32, "mlp_dim": 64}
    return torchvision.models.VisionTransformer(64, 16, 3, **sizes, **options)


def swin() -> nn.Module:
    return torchvision.models.SwinTransformer([4, 4], 24, [2, 2, 2, 2], [1, 2, 4, 8], [2, 2])


def convnext() -> nn.Module:
    config = torchvision.models.convnext.CNBlockConfig
    return torchvision.models.ConvNeXt([config(8, 16, 1), config(16, 24, 1), config(24, None, 1)])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (vit, {"encoder4": ("encoder.layers.encoder_layer_1", "b n c", 32)}),
        (
            swin,
            {
                "encoder2": ("features.1", "b h w c", 24),
                "encoder3": ("features.3", "b h w c", 48),
                "encoder4": ("features.5", "b h w c", 96),
                "encoder5": ("permute", "b c h w", 192),
            },
        ),
        (
            convnext,
            {
                "encoder2": ("features.1", "b c h w", 8),
                "encoder3": ("features.3", "b c h w", 16),
                "encoder4": ("features", "b c h w", 24),
            },
        ),
    ],
)
def test_stages_of_torchvision_are_the_last_submodules_at_their_stride(build, expected):
    torch.manual_seed(0)
    model = build().eval()
    places = encoders(model, torch.rand(1, 3, 64, 64))
    found = {name: (place.module, place.axes.layout, place.channels) for name, place in places.items()}
    assert found == expected


def test_a_block_of_a_vit_is_named_by_its_dotted_name_and_class_tokens_pass_untouched():
    model, side = built("deit")
    image = torch.rand(1, 3, side, side)
    entered = model.blocks[0](embedded(model, image))
    before = model.blocks[1](entered)
    attach(model, ["simam@blocks.1"], gate="none", example=image)
    after = model.blocks[1](model.blocks[0](embedded(model, image)))
    assert torch.equal(after[:, 0], before[:, 0])
    tokens = before[:, 1:].transpose(1, 2).reshape(1, -1, side // 16, side // 16)
    expected = attached(model)["simam@blocks.1"](tokens).flatten(2).transpose(1, 2)
    torch.testing.assert_close(after[:, 1:], expected)
    assert torch.equal(detach(model).blocks[1](entered), before)


def embedded(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    return model._pos_embed(model.patch_embed(image))


def test_a_part_of_a_network_that_takes_the_image_may_be_called_alone():
    model, side = built("deit")
    image = torch.rand(1, 3, side, side)
    expected = model.forward_features(image)
    assert torch.equal(attach(model, "se@encoder4", example=image).forward_features(image), expected)
    fresh = attach(built("deit")[0], "se@blocks.0", example=image)
    with pytest.raises(UserError, match="call the whole model, not a part of it"):
        fresh.blocks(torch.rand(1, 17, 192))


def test_hiera_keeps_its_tokens_in_another_order_and_its_maps_come_out_right():
    model, side = built("hiera")
    image = torch.rand(1, 3, side, side)
    expected = model.forward_intermediates(image, intermediates_only=True)
    places = encoders(model, image)
    attach(model, "+".join(f"se@{name}(reduction=1)" for name in places), example=image)
    with record(model, features=True) as recording, torch.no_grad():
        model(image)
    for kept, feature in zip(recording.features.values(), expected, strict=True):
        assert torch.equal(kept[0][0][0], feature)


def test_a_segformer_of_transformers_has_its_stages():
    transformers = pytest.importorskip("transformers")
    config = transformers.SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 3, 4],
        decoder_hidden_size=16,
    )
    torch.manual_seed(0)
    model = transformers.SegformerForSemanticSegmentation(config).eval()
    image, labels = torch.rand(1, 3, 64, 96), torch.zeros(1, 64, 96, dtype=torch.long)
    expected = model(image, labels=labels)
    places = encoders(model, image)
    assert {name: place.channels for name, place in places.items()} == {
        "encoder2": 8,
        "encoder3": 16,
        "encoder4": 24,
        "encoder5": 32,
    }
    attach(model, "eca@encoder2+cbam@encoder5+se@decode_head.classifier(reduction=1)", example=image)
    output = model(pixel_values=image, labels=labels)
    assert torch.equal(output.logits, expected.logits)
    output.loss.backward()
    assert all(parameter.grad.abs() > 0 for name, parameter in model.named_parameters() if ".gate" in name)
    assert model(torch.rand(2, 3, 96, 64)).logits.shape[-2:] == (24, 16)


def test_a_stage_whose_axes_cannot_be_told_says_why():
    model = timm.create_model("test_coatnet", img_size=64).eval()  # its stem gives 32 channels at 32 x 32
    with pytest.raises(
        UserError, match=r"encoder1 is none: its submodule 'stem' .* fits both b c h w and b h w c"
    ):
        attach(model, "se@encoder1", example=torch.rand(1, 3, 64, 64))
