import copy
import io
import pickle

import jaxtyping
import pytest
import torch
from torch import nn

from foveate.errors import UserError
from foveate.models.attaching.attach import attach, attached, attention_parameters, detach, gate_parameters
from foveate.models.attaching.gates import ResidualGate
from foveate.models.create import create_model
from foveate.models.names import host_names
from foveate.models.places.find import find_places
from foveate.models.places.skips import WITH_SKIPS

from ..small import ALIKE, SMALL, small


def small_unet(arm="none", **options):
    return small("unet", classes=3, arm=arm, **options)


@pytest.fixture(scope="module")
def shared_unet():
    """For tests that leave the model as it was, or take out again what they attach."""
    return small_unet()


def opened(model):
    """The model with its gates open and its new modules away from their starting point."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in attention_parameters(model):
                parameter.add_(0.2)
    return model


def hooks_on(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("arch", sorted(set(host_names()) - ALIKE))
def test_at_step_0_every_host_computes_bit_for_bit_what_it_computed(arch):
    model = small(arch, classes=3, arm="none")
    other = copy.deepcopy(model)
    mechanisms = ("cbam", "scse", "se", "eca", "placebo")
    places = enumerate(find_places(model))
    arm = "+".join(f"{mechanisms[index % len(mechanisms)]}@{place}" for index, place in places)
    attach(other, arm)
    assert ("@skips." in arm) == (arch in WITH_SKIPS)
    image = torch.rand(2, 3, 32, 64)
    for training in (True, False):
        outputs = []
        for network in (model.train(training), other.train(training)):
            torch.manual_seed(1)
            outputs.append(network(image))
        assert torch.equal(*outputs)
    detach(other)
    states = model.state_dict(), other.state_dict()
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert hooks_on(other) == 0


def test_mechanisms_with_a_gate_of_their_own_get_no_second_one():
    model = small_unet()
    image = torch.rand(1, 3, 48, 40)
    before = model.eval()(image)
    attach(model, "smooth@encoder5+nonlocal@encoder4")
    assert torch.equal(model(image), before)
    assert not any(isinstance(module, ResidualGate) for module in model.modules())
    assert gate_parameters(model) == ("attached.smooth_encoder5.gamma", "attached.nonlocal_encoder4.gamma")


@pytest.mark.parametrize("place", find_places(small_unet()))
def test_every_place_matters(shared_unet, place):
    model, image = shared_unet.eval(), torch.rand(1, 3, 32, 32)
    before = model(image)
    assert not torch.equal(attach(model, f"se@{place}(reduction=4)", gate="none")(image), before)
    assert torch.equal(detach(model)(image), before)


def test_gate_none_is_the_published_form():
    model = small_unet("se@decoder", gate="none")
    assert not any(isinstance(module, ResidualGate) for module in model.modules())
    assert gate_parameters(model) == ()
    assert [name for name, _ in model.attached.named_children()] == ["se_decoder"]


def test_a_step_of_training_opens_the_gate():
    model = small_unet("cbam@decoder")
    model(torch.rand(2, 3, 32, 32)).square().mean().backward()
    assert model.attached.cbam_decoder.gate.grad.abs() > 0
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert model.attached.cbam_decoder.gate.abs() > 0


def test_arms_of_one_seed_share_the_hosts_weights_and_what_is_drawn_next():
    drawn = []
    for arm in ("none", "cbam@decoder", "smooth@encoder5+se@skip2"):
        torch.manual_seed(5)
        model = create_model("unet", arm=arm, **SMALL["unet"])
        drawn.append((detach(model).state_dict(), torch.rand(3)))
    for state, after in drawn[1:]:
        assert torch.equal(after, drawn[0][1])
        assert all(torch.equal(value, state[name]) for name, value in drawn[0][0].items())


def test_parts_at_one_place_work_in_the_order_written():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    image = torch.randn(1, 3, 8, 8)
    for arm in ("se@0+eca@0", "eca@0+se@0"):
        opened(attach(model, arm, gate="none", example=image))
        first, second = attached(model).values()
        torch.testing.assert_close(model(image), torch.relu(second(first(model[0].forward(image)))))
        detach(model)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), lambda model: saved_and_loaded(model)],
    ids=["deepcopy", "pickle", "torch.save"],
)
def test_copies_have_their_own_attention_at_the_same_places(copied):
    model = opened(small_unet("cbam@decoder+se@skip3+eca@encoder4")).eval()
    image = torch.rand(1, 3, 32, 32)
    before = model(image)
    twin = copied(model)
    assert torch.equal(twin(image), before)
    with torch.no_grad():
        for parameter in attached(twin)["cbam@decoder"].parameters():
            parameter.add_(1)
    assert not torch.equal(twin(image), before)
    assert torch.equal(model(image), before)
    assert hooks_on(detach(twin)) == 0
    assert torch.equal(model(image), before)


def saved_and_loaded(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def test_compiles_in_one_graph_and_exports(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # runtime checks do not trace
    shallow = {"encoder_depth": 2, "decoder_channels": [16, 8]}
    model = opened(small_unet("cbam@decoder+se@skip1+eca@encoder2", **shallow)).eval()
    image = torch.rand(2, 3, 32, 64)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(image), model(image))
    program = torch.export.export(model, (image,))
    torch.testing.assert_close(program.module()(image), model(image), rtol=1e-5, atol=1e-5)


def test_names_are_those_of_the_host_and_of_the_child_attached():
    host, model = small_unet(), small_unet("cbam@decoder+se@encoder.model.layer2")
    names = list(model.state_dict())
    assert [name for name in names if not name.startswith("attached.")] == list(host.state_dict())
    assert list(attached(model)) == ["cbam@decoder", "se@encoder.model.layer2"]
    assert {name.split(".")[1] for name in attention_parameters(model)} == {
        "cbam_decoder",
        "se_encoder_model_layer2",
    }
    assert model.config["arm"] == "cbam@decoder+se@encoder.model.layer2"
    assert detach(model).config["arm"] == "none"
    assert attached(model) == {}
    assert attention_parameters(model) == ()


def test_follows_the_models_mode_and_dtype():
    model = attach(small_unet().double().eval(), "cbam@decoder")
    assert not any(module.training for module in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


def test_a_second_arm_needs_a_detach_first():
    model = small_unet("se@decoder")
    with pytest.raises(UserError, match=r"already carries the arm 'se@decoder'; call detach\(model\) first"):
        attach(model, "cbam@decoder")
    attach(detach(model), "cbam@decoder")
    assert list(attached(model)) == ["cbam@decoder"]


@pytest.mark.parametrize(
    ("arm", "gate", "words"),
    [
        ("cbma@decoder", "zero", "unknown attention 'cbma'; did you mean 'cbam'"),
        ("cbam@decodr", "zero", "unknown place 'decodr'; did you mean 'decoder'"),
        ("cbam@decoder(ratio=3)", "zero", "unknown cbam option 'ratio'. There are: "),
        ("cbam@decoder", "open", "unknown gate 'open'"),
        ("se@model.layer2+se@encoder.model.layer2", "zero", "unknown place 'model.layer2'"),
        (
            "se@encoder.model.layer2+se@encoder.model.layer?",
            "zero",
            "'se@encoder.model.layer2' is meant twice",
        ),
    ],
)
def test_a_wrong_arm_is_told_and_leaves_the_model_alone(shared_unet, arm, gate, words):
    model = shared_unet
    with pytest.raises(UserError, match=words):
        attach(model, arm, gate)
    assert hooks_on(model) == 0
    assert not hasattr(model, "attached")


def test_a_model_with_an_attribute_of_that_name_is_refused():
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    model.attached = True
    with pytest.raises(UserError, match="has an attribute 'attached' of its own"):
        attach(model, "se@0", example=torch.rand(1, 3, 8, 8))


@pytest.mark.parametrize("option", ["channels", "name"])
def test_what_an_arm_cannot_choose_is_an_unknown_option(shared_unet, option):
    with pytest.raises(UserError, match=f"unknown se option '{option}'"):
        attach(shared_unet, f"se@decoder({option}=8)")


def sequence() -> tuple[nn.Sequential, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1)), torch.rand(1, 3, 8, 8)


def test_a_list_of_arms_is_one_arm():
    model, image = sequence()
    attach(model, ["se@0(reduction=1)", "eca@1+simam@2", "none"], example=image)
    assert list(attached(model)) == ["se@0", "eca@1", "simam@2"]
    assert attach(detach(model), [], example=image) is model
    assert small_unet(["eca@decoder", "eca@skip1"]).config["arm"] == "eca@decoder+eca@skip1"


def test_a_sequential_keeps_its_length_and_its_items():
    model, image = sequence()
    items, before = list(model), model(image)
    attach(model, "se@1(reduction=1)", example=image)
    assert len(model) == 3
    assert list(model) == items
    assert model[-1] is items[-1]
    assert list(model[1:]) == items[1:]
    assert torch.equal(model(image), before)
    assert isinstance(model, nn.Sequential)
    assert [name for name in model.state_dict() if name.startswith("attached.")]
    detach(model)
    assert type(model) is nn.Sequential
    assert list(model) == items


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), lambda model: saved_and_loaded(model)],
    ids=["deepcopy", "pickle", "torch.save"],
)
def test_a_copy_of_a_sequential_with_attention_is_one_too(copied):
    model, image = sequence()
    opened(attach(model, "se@1(reduction=1)", example=image))
    twin = copied(model)
    assert len(twin) == 3
    assert torch.equal(twin(image), model(image))
    assert type(detach(twin)) is nn.Sequential
