import pytest
import torch

from foveate.errors import UserError
from foveate.evaluation.cost import flops, parameters
from foveate.inspection.record import record
from foveate.models.attaching.attach import attached
from foveate.models.create import create_model


def test_as_drawn_it_keeps_within_the_published_cost():
    model = create_model("mssa", classes=19)
    assert parameters(model) == 317_763
    multiply_accumulates = flops(model, torch.zeros(1, 3, 1024, 1024)) / 2
    assert 1.7e9 < multiply_accumulates <= 1.8e9


def test_as_drawn_the_stages_have_the_drawn_channels_and_strides():
    network = create_model("mssa", classes=5).network.eval()
    down, up = [], []
    for stage in network.encoder.stages:
        stage.register_forward_hook(lambda module, args, output: down.append(tuple(output.shape[1:])))
    for stage in network.decoder:
        stage.register_forward_hook(
            lambda module, args, output: up.append((args[0].shape[1], output.shape[1], output.shape[-1]))
        )
    network(torch.rand(1, 3, 32, 64))
    assert down == [(8, 16, 32), (48, 8, 16), (96, 4, 8), (192, 2, 4)]
    # Each takes the attention or the stage before it with its counterpart, and adds its own counterpart.
    assert up == [(384, 384, 4), (384, 192, 8), (192, 96, 16), (96, 16, 32)]


def test_as_coded_the_paths_meet_at_stride_8():
    model = create_model("mssa", classes=5, form="as_coded").eval()
    met = []
    model.network.fusion.register_forward_hook(lambda module, args, output: met.extend([*args, output]))
    assert model(torch.rand(1, 3, 64, 96)).shape == (1, 5, 64, 96)
    assert [tuple(x.shape[1:]) for x in met] == [(256, 8, 12), (256 + 512, 8, 12), (5, 8, 12)]
    assert model.config["encoder_name"] == "resnet18"
    assert [attention.form for attention in model.network.attention] == ["as_coded", "as_coded"]


@pytest.mark.parametrize(
    ("form", "names"),
    [("as_drawn", ["attention_down", "attention_up"]), ("as_coded", ["attention.0", "attention.1"])],
)
def test_its_attention_is_recorded(form, names):
    model = create_model("mssa", form=form).eval()
    with record(model) as recording:
        model(torch.rand(2, 3, 32, 32))
    assert list(recording.maps) == [f"mssa@{name}" for name in names]


def test_wrong_forms_and_encoders_raise_a_clear_error():
    with pytest.raises(UserError, match="unknown form of mssa 'as_draw'; did you mean 'as_drawn'"):
        create_model("mssa", form="as_draw")
    with pytest.raises(UserError, match="mssa has no choice of encoder; leave out the encoder 'resnet34'"):
        create_model("mssa", "resnet34")
    with pytest.raises(UserError, match="mssa has no encoder with weights 'imagenet'"):
        create_model("mssa", encoder_weights="imagenet")
    deeper = create_model("mssa", "resnet34", form="as_coded")
    assert parameters(deeper) > parameters(create_model("mssa", form="as_coded"))


@pytest.mark.parametrize(
    ("form", "places"),
    [("as_drawn", ("attention_down", "attention_up")), ("as_coded", ("attention.0", "attention.1"))],
)
def test_its_attention_can_be_an_arm_of_the_network_without_it(form, places):
    torch.manual_seed(0)
    whole = create_model("mssa", classes=3, form=form).eval()
    arm = "+".join(f"mssa@{place}(form={form})" for place in places)
    parts = create_model("mssa", classes=3, form=form, attention=False, arm=arm, gate="none").eval()
    own = {name: value for name, value in whole.network.named_parameters() if "attention" not in name}
    for (name, ours), published in zip(parts.network.named_parameters(), own.values(), strict=True):
        assert name in own
        ours.data.copy_(published)
    for attention, place in zip(attached(parts).values(), places, strict=True):
        attention.load_state_dict(whole.network.get_submodule(place).state_dict())
    image = torch.rand(2, 3, 64, 64)
    assert torch.equal(parts(image), whole(image))
    with pytest.raises(UserError, match="attention='no': expected true or false"):
        create_model("mssa", attention="no")
