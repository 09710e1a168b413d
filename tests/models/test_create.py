import functools

import pytest
import segmentation_models_pytorch as smp
import timm
import torch

from foveate.errors import UserError
from foveate.models.create import create_model, resolve_encoder
from foveate.models.hosts.pretrained import imagenet_at_hand
from foveate.models.hosts.registry import HOSTS
from foveate.models.names import SMP_HOSTS, encoder_names, host_names
from foveate.specs.model import ModelSpec

from .small import ALIKE, SMALL, small


@functools.cache
def host(arch, **options):
    return small(arch, **options).eval()


def config_of(arch, encoder="auto", **options):
    """The config of a host of any size, which is not computed with."""
    with torch.device("meta"):
        return create_model(arch, encoder, **options).config


@pytest.mark.parametrize("size", [(97, 131), (20, 30)])
@pytest.mark.parametrize("arch", sorted(set(host_names()) - ALIKE))
def test_any_size_goes_in_and_logits_of_that_size_come_out(arch, size):
    with torch.no_grad():
        logits = host(arch)(torch.rand(1, 3, *size))
    assert logits.shape == ((1, 2) if host(arch).task == "classification" else (1, 2, *size))
    assert logits.isfinite().all()


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("arch", ["unet", "fcn_torchvision", "classifier", "dpt"])
def test_images_may_have_other_channels_than_rgb(arch, channels):
    model = host(arch, in_channels=channels, classes=5)
    assert model(torch.rand(1, channels, 33, 40)).shape[:2] == (1, 5)
    with pytest.raises(
        UserError, match=rf"takes images of shape b {channels} h w; got the shape \(1, 3, 33, 40\)"
    ):
        model(torch.rand(1, 3, 33, 40))


def test_the_image_is_normalised_inside_and_padded_with_the_mean_colour():
    model, inputs = host("unet", encoder_name="resnet18"), []
    handle = model.network.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    image = torch.rand(1, 3, 30, 40)
    model(image)
    handle.remove()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(inputs[0][..., :30, :40], (image - mean[:, None, None]) / std[:, None, None])
    assert inputs[0].shape == (1, 3, 32, 64)
    assert inputs[0][..., 30:, :].eq(0).all()
    assert inputs[0][..., 40:].eq(0).all()


def test_normalisation_is_the_encoders_and_fits_its_channels():
    assert config_of("unet", "tu-vgg11")["mean"] == [0.485, 0.456, 0.406]
    name = "vit_tiny_patch16_224"
    assert config_of("dpt")["mean"] == list(timm.get_pretrained_cfg(name).mean) == [0.5, 0.5, 0.5]
    assert config_of("unet", in_channels=1)["mean"] == [pytest.approx(0.449)]
    assert config_of("unet", in_channels=4)["std"] == [0.229, 0.224, 0.225, 0.229]


def test_the_bare_name_of_a_timm_model_is_a_classifier():
    for arch in ("resnet18", "timm/resnet18"):
        assert config_of(arch) | {"arch": "classifier", "encoder_name": "resnet18"} == config_of("classifier")


def test_a_small_stem_keeps_the_detail_of_small_images():
    model = create_model("classifier", "resnet18", stem="small", classes=10)
    deepest = []
    model.network.layer4.register_forward_hook(lambda module, args, output: deepest.append(output))
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert deepest[0].shape[-2:] == (4, 4)
    with pytest.raises(
        UserError, match="stem='small' is for timm's ResNets, which mobilenetv3_small_050 is not"
    ):
        create_model("classifier", "mobilenetv3_small_050", stem="small")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"arch": "unett"}, "unknown arch 'unett'; did you mean 'unet'"),
        ({"encoder_name": "resnt18"}, "unknown encoder .* 'resnt18'; did you mean 'resnet18'"),
        ({"encoder_name": "tu-resnet_18"}, "unknown timm model 'resnet_18'; did you mean"),
        ({"arch": "timm/resnet_18"}, "unknown timm model 'resnet_18'; did you mean"),
        (
            {"arch": "fcn_torchvision", "encoder_name": "resnet18"},
            "unknown encoder of fcn_torchvision .* mean",
        ),
        (
            {"arch": "fcn_torchvision", "encoder_name": "tu-resnet50"},
            "unknown encoder of fcn_torchvision .* mean",
        ),
        ({"arch": "unet", "encoder_name": "none"}, "unknown encoder .* 'none'"),
        (
            {"arch": "attention56", "encoder_name": "resnet18"},
            "attention56 has no choice of encoder; leave out",
        ),
        (
            {"arch": "dpt", "encoder_name": "resnet18"},
            "dpt needs a vision transformer, such as tu-vit_tiny_patch16_224; got 'resnet18'",
        ),
        (
            {"decoder_channel": 3},
            "unknown option of unet 'decoder_channel'; did you mean 'decoder_channels'",
        ),
        ({"activation": "sigmoid"}, "unknown option of unet 'activation'"),
        ({"arch": "classifier", "stm": "small"}, "unknown option of classifier 'stm'; did you mean 'stem'"),
        ({"decoder_channels": [1, 2]}, "unet cannot be built with the encoder resnet18"),
        ({"classes": 0}, "classes is a whole number of at least 1; got 0"),
        ({"in_channels": 0}, "in_channels is a whole number of at least 1; got 0"),
    ],
)
def test_unknown_names_and_impossible_values_raise_a_clear_error(arguments, words):
    with pytest.raises(UserError, match=words):
        create_model(**arguments)


WRONG = [[1], "x", True, 2.5, {"a": 1}, [["a"]], None, -1]


def error_message(arch, **options):
    """Return the error message of `create_model` for these options; "" if it accepts them."""
    try:
        create_model(arch, **options)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("arch", sorted(set(host_names()) - ALIKE))
def test_an_option_of_a_wrong_type_is_named_with_its_value_and_what_is_expected(arch):
    with torch.device("meta"):
        for option in HOSTS[arch].options:
            messages = [
                (value, words) for value in WRONG if (words := error_message(arch, **{option: value}))
            ]
            assert len(messages) >= 5
            assert any("expected" in words for _, words in messages)
            for value, words in messages:
                assert option in words
                assert repr(value).strip("[]'") in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"arch": "mssa", "form": ["as_drawn"]}, r"form=\['as_drawn'\]: expected a word"),
        ({"arch": "mssa", "encoder_name": "resnet18", "form": {}}, r"form=\{\}: expected a word"),
        ({"arch": "fcn", "head": 8}, "head=8: expected a word"),
        ({"arch": "fcn", "hidden": "no"}, "hidden='no': expected a whole number, or none"),
        ({"decoder_channels": "64"}, "decoder_channels='64': expected a list of whole numbers"),
        (
            {"decoder_channels": [64, 32, 16, 8, 0]},
            "decoder_channels=0: expected a whole number of at least 1",
        ),
        ({"decoder_interpolation": "cubic"}, "decoder_interpolation='cubic': expected nearest, .* or area"),
        ({"arch": "deeplabv3", "encoder_output_stride": 4}, "encoder_output_stride=4: expected 8 or 16"),
        ({"arch": "classifier", "drop_rate": "0.5"}, "drop_rate='0.5': expected a number, or none"),
        ({"arch": "classifier", "drop_rate": 1}, "drop_rate=1: expected a probability from 0 to below 1"),
    ],
)
def test_values_that_options_cannot_have_raise_a_clear_error(arguments, words):
    with pytest.raises(UserError, match=words):
        create_model(**arguments)


@pytest.mark.parametrize("arch", ["deeplabv3", "pan"])
def test_training_on_a_batch_of_one_says_what_to_do(arch):
    model = small(arch)
    with pytest.raises(UserError, match="use a batch of two or more"):
        model(torch.rand(1, 3, 16, 16))
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 2, 64, 64)


def test_an_image_too_small_for_a_normalisation_is_told_in_prediction_too():
    model = small("fpn", decoder_segmentation_channels=32).eval()  # as many groups as channels
    with pytest.raises(UserError, match=r"^with an input of 32x32 a normalisation .*; use larger images$"):
        model(torch.rand(1, 3, 32, 32))


def test_names_are_those_that_can_be_built():
    assert set(host_names()) == set(HOSTS) == set(SMALL)
    assert set(SMP_HOSTS) == set(smp.MODEL_ARCHITECTURES_MAPPING)
    assert set(encoder_names()) == set(smp.encoders.get_encoder_names())


def test_one_logit_is_for_two_classes():
    with pytest.raises(UserError, match="one_logit is for two classes; got classes=3"):
        create_model("unet", classes=3, one_logit=True)
    assert "one_logit" not in create_model("unet", "mobilenet_v2").config


@pytest.mark.parametrize("arch", ["unet", "mobilenetv3_small_050", "attention56", "fcn_torchvision"])
def test_auto_weights_are_random_where_nothing_can_be_downloaded(arch, tmp_path, monkeypatch):
    monkeypatch.setattr("foveate.models.hosts.pretrained.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    imagenet_at_hand.cache_clear()
    resolved = resolve_encoder(ModelSpec(arch))
    assert resolved.encoder_weights == "none"
    assert resolved.encoder != "auto"


def test_auto_weights_are_imagenets_where_they_are_at_hand(monkeypatch):
    monkeypatch.setattr("foveate.models.hosts.pretrained._in_cache", lambda *_: True)
    imagenet_at_hand.cache_clear()
    try:
        assert resolve_encoder(ModelSpec("unet")).encoder_weights == "imagenet"
        assert resolve_encoder(ModelSpec("resnet18")).encoder_weights == "imagenet"
        assert resolve_encoder(ModelSpec("unet", "resnt18")).encoder_weights == "none"
    finally:
        imagenet_at_hand.cache_clear()


def test_weights_that_are_named_stay():
    spec = ModelSpec("unet", encoder_weights="weights.safetensors")
    assert resolve_encoder(spec).encoder_weights == "weights.safetensors"


@pytest.mark.parametrize(("arch", "arm"), [("unet", "cbam@decoder"), ("deeplabv3plus", "coord@encoder5")])
def test_attention_takes_long_odd_and_tiny_images(arch, arm):
    model = small(arch, classes=2, arm=arm).eval()
    for size in ((35, 53), (80, 27), (1, 1)):
        with torch.no_grad():
            assert model(torch.rand(1, 3, *size)).shape == (1, 2, *size)
