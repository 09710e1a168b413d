"""Attention where a decoder joins a skip with its coarser map, Attention U-Net's gate above all."""

import copy
import pickle

import jaxtyping
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.maps import SpatialMap
from foveate.errors import UserError
from foveate.evaluation.cost import flops
from foveate.experiments.arms import plan_arms
from foveate.inspection.figures.registry import figures_for
from foveate.inspection.image import inspect_image
from foveate.inspection.record import record
from foveate.models.attaching.attach import attach, attached, attention_parameters, detach, gate_parameters
from foveate.models.checkpoints import load_model, save_model
from foveate.models.places.find import describe_places, find_places
from foveate.models.places.skips import WITH_SKIPS
from foveate.prediction.predictor import Predictor

from ..small import small


def build(arm="gate@skips", gate="zero", arch="unet", **options):
    return small(arch, classes=3, arm=arm, gate=gate, **options)


def photo(height=32, width=64):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def hooks_on(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def gated(x: Tensor, signal: Tensor, weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Oktay et al. 2018, equations 1 and 2, at x of twice the signal's size; the skip let through, and a."""
    features = F.avg_pool2d(x, 2)
    additive = torch.einsum("ij,bjhw->bihw", weights["feature.weight"].flatten(1), features)
    additive = additive + torch.einsum("ij,bjhw->bihw", weights["signal.weight"].flatten(1), signal)
    joined = torch.relu(additive + weights["signal.bias"][:, None, None])
    q = torch.einsum("j,bjhw->bhw", weights["score.weight"].flatten(), joined) + weights["score.bias"]
    passing = F.interpolate(torch.sigmoid(q)[:, None], scale_factor=2, mode="bilinear")
    return passing * x, passing[:, 0]


def attention_unet(model: nn.Module, image: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The logits of a U-Net whose every skip passes a gate, and the gates' maps from coarse to fine."""
    network, passed = model.network, []
    *skips, x = network.encoder((image - model.mean) / model.std)[1:]
    for block, skip in zip(network.decoder.blocks, [*reversed(skips), None], strict=True):
        inputs = [F.interpolate(x, scale_factor=2)]
        if skip is not None:
            weights = dict(attached(model)[f"gate@skips.{len(skips) - len(passed)}"].named_parameters())
            skip, a = gated(skip, x, weights)
            inputs.append(skip)
            passed.append(a)
        x = block.conv2(block.conv1(torch.cat(inputs, 1)))
    return network.segmentation_head(x), passed


def test_gates_in_a_unet_are_attention_unet():
    model, image = build(gate="none").double().eval(), photo().double()
    with record(model) as recording:
        logits = model(image)
    expected, passed = attention_unet(model, image)
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-10)
    assert list(recording.maps) == ["gate@skips.4", "gate@skips.3", "gate@skips.2", "gate@skips.1"]
    for (found,), a in zip(recording.maps.values(), passed, strict=True):
        assert isinstance(found, SpatialMap)
        torch.testing.assert_close(found.values, a.detach(), rtol=1e-10, atol=1e-10)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    ours = torch.autograd.grad(logits.square().sum(), parameters)
    plain = torch.autograd.grad(expected.square().sum(), parameters)
    torch.testing.assert_close(ours, plain, rtol=1e-8, atol=1e-8)


def test_starts_as_the_host_bit_for_bit_and_leaves_it_so():
    model, image = build(), photo(30, 50)
    host = detach(copy.deepcopy(model))
    for training in (True, False):
        assert torch.equal(model.train(training)(image), host.train(training)(image))
    assert hooks_on(host) == 0
    assert list(host.state_dict()) == [name for name in model.state_dict() if not name.startswith("attached")]
    assert len(gate_parameters(model)) == 4
    assert not torch.equal(build(gate="none").eval()(image), host(image))


def test_a_look_inside_shows_a_map_a_skip():
    image = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
    _, maps = inspect_image(Predictor(build().eval(), "cpu"), "noise", image)
    assert [recorded.label for recorded in maps] == [f"gate@skips.{level}" for level in (4, 3, 2, 1)]
    for recorded in maps:
        assert [kind.name for kind in figures_for(recorded)] == ["spatial"]
        assert (recorded.covers, recorded.gate) == ((40 / 64, 1), 0)


@pytest.mark.parametrize("arch", WITH_SKIPS)
def test_a_few_steps_move_every_gate_of_every_host(arch):
    model, image = build(arch=arch), photo()
    mask = (image[:, 0] > 0.5).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(image), mask).backward()
        optimizer.step()
    assert len(attached(model)) >= 2
    for name in attention_parameters(model):
        parameter = model.get_parameter(name)
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
        assert not name.endswith(".gate") or parameter != 0, name


def test_places_tell_what_the_decoder_joins():
    rows = {row[0]: row[1:] for row in describe_places(build("none"))}
    assert rows["skips.4"] == (192, 16, "input of network.decoder.blocks.0, beside 96 channels at stride 32")
    assert rows["skips.1"] == (32, 2, "input of network.decoder.blocks.3, beside 8 channels at stride 4")
    nested = find_places(build("none", arch="unetplusplus"))
    assert [name for name in nested if name.startswith("skips.3")] == ["skips.3.1", "skips.3.2"]
    assert nested["skips.1.3"].module == "network.decoder.blocks.x_1_3"


@pytest.mark.parametrize(
    ("arch", "text", "levels"),
    [
        ("unet", "skips", ["4", "3", "2", "1"]),
        ("unet", "skips.[34]", ["4", "3"]),
        ("unet", "skips.2", ["2"]),
        ("unetplusplus", "skips.3", ["3.2", "3.1"]),
        ("unetplusplus", "skips.*.1", ["3.1", "2.1", "1.1"]),
    ],
)
def test_some_of_the_skips_are_meant_by_number_or_pattern(arch, text, levels):
    model = build(f"gate@{text}", arch=arch)
    assert list(attached(model)) == [f"gate@skips.{level}" for level in levels]


def test_other_attention_sees_the_skip_alone():
    image = photo()
    here = build("se@skips", gate="none").eval()
    there = build("se@skip4+se@skip3+se@skip2+se@skip1", gate="none").eval()
    for one, other in zip(attached(here).values(), attached(there).values(), strict=True):
        other.load_state_dict(one.state_dict())
    assert torch.equal(here(image), there(image))


def test_parts_at_one_skip_work_in_the_order_written():
    model, image = build("se@skips.2+gate@skips.2", gate="none").eval(), photo()
    seen = []
    for module in attached(model).values():
        module.register_forward_hook(lambda _, args, output: seen.append((args, output)))
    model(image)
    (_, scaled), ((x, signal), _) = seen
    assert torch.equal(x, scaled)
    assert signal.shape == (2, 16, 4, 8)


def test_checkpoints_bring_it_back_whole(tmp_path):
    model, image = build(gate="none").eval(), photo(30, 50)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(image), model(image))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_gates_of_their_own(copied):
    model, image = build(gate="none").eval(), photo()
    before = model(image)
    twin = copied(model)
    assert torch.equal(twin(image), before)
    with torch.no_grad():
        attached(twin)["gate@skips.1"].score.bias.add_(1)
    assert not torch.equal(twin(image), before)
    assert hooks_on(detach(twin)) == 0
    assert torch.equal(model(image), before)


def test_compiles_in_one_graph_and_exports(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # runtime checks do not trace
    shallow = {"encoder_depth": 3, "decoder_channels": [16, 8, 8]}  # two skips
    model = build(gate="none", **shallow).eval()
    image = photo()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(image), model(image))
    program = torch.export.export(model, (image,))
    torch.testing.assert_close(program.module()(image), model(image), rtol=1e-5, atol=1e-5)


def test_its_cost_is_counted():
    model, image = build(gate="none"), photo()[:1]
    host, expected = detach(copy.deepcopy(model)), 0
    for name, place in find_places(host).items():
        if place.signal is not None:
            height, width = place.signal.size[0] // 2, place.signal.size[1]  # the photo is half as high
            hidden = attached(model)[f"gate@{name}"].score.in_channels
            expected += 2 * hidden * (place.channels + place.signal.channels + 1) * height * width
    assert flops(model, image) - flops(host, image) == expected > 0


def test_its_placebo_stands_at_every_skip():
    _, arm, placebo = plan_arms(["gate@skips"], True, build)
    assert list(attached(build(placebo.arm))) == [f"placebo@skips.{level}" for level in (4, 3, 2, 1)]
    sizes = [sum(p.numel() for p in build(one.arm).parameters()) for one in (arm, placebo)]
    assert sizes[0] == sizes[1]


class Up(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 1)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        return self.conv(torch.cat([F.interpolate(below, beside.shape[2:]), beside], 1))


class Down(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 6, 3, stride=2, padding=1)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        return self.conv(x) + F.interpolate(shortcut, scale_factor=1)


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = Up(10)

    def forward(self, *, beside: Tensor, below: Tensor) -> Tensor:
        return self.up(below, beside)


class Own(nn.Module):
    """A network of nobody's library: pooling drops odd rows, joins take their maps in any way."""

    def __init__(self):
        super().__init__()
        self.stem, self.middle = nn.Conv2d(3, 4, 1), nn.Conv2d(6, 6, 1)
        self.down, self.wrapped, self.last = Down(), Wrapped(), Up(7)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        half = F.max_pool2d(x, 2)
        quarter = self.down(half, torch.zeros(len(x), 6, *(-(-side // 2) for side in half.shape[2:])))
        return self.last(self.wrapped(beside=half, below=self.middle(quarter)), image)


def test_any_network_that_joins_skips_has_them():
    model, image = Own().eval(), photo(33, 47)
    before = model(image)
    places = find_places(model, example=image)
    modules = {name: place.module for name, place in places.items() if name != "logits"}
    assert modules == {"skips.0": "last", "skips.1": "wrapped"}
    attach(model, "gate@skips", example=image)
    assert torch.equal(model(image), before)
    assert attached(model)["gate@skips.1"].signal.in_channels == 6
    with record(attach(detach(model), "gate@skips", gate="none", example=image)) as recording:
        assert not torch.equal(model(image), before)
    shapes = [tuple(found.values.shape) for (found,) in recording.maps.values()]
    assert shapes == [(2, 16, 23), (2, 33, 47)]


@pytest.mark.parametrize(
    ("arch", "arm", "words"),
    [
        (
            "smooth_unet",
            "gate@skips",
            "smooth_unet has no place 'skips': no part of it is called with a skip and a coarser map of the "
            "decoder; hosts that have it are .*unet, unetplusplus.* Places of this model: encoder1",
        ),
        ("deeplabv3", "gate@skips.2", "deeplabv3 has no place 'skips'"),
        ("unet", "gate@skips.5", r"unknown place 'skips.5'; did you mean 'skips.\d'"),
        ("unet", "gate@skips(context=7)", "context=7: the decoder gives the gating signal here"),
        ("unet", "gate@skips.2+gate@skips", "'gate@skips.2' is meant twice"),
        ("unet", "afma@skips", "afma refines logits; write afma@logits"),
    ],
)
def test_what_cannot_be_gated_is_told(arch, arm, words):
    with pytest.raises(UserError, match=words):
        build(arm, arch=arch)
