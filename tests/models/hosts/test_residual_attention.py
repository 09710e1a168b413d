import functools

import pytest
import torch
from torch import nn

from foveate.attention.residual import ResidualAttention, ResidualUnit
from foveate.errors import UserError
from foveate.evaluation.cost import parameters
from foveate.inspection.record import record
from foveate.models.attaching.attach import attached
from foveate.models.create import create_model

from ..small import small


@functools.cache
def on_meta(arch, classes, **options):
    with torch.device("meta"):
        return create_model(arch, classes=classes, **options)


@pytest.mark.parametrize(
    ("arch", "classes", "count", "published", "excess"),
    [
        ("attention56", 1000, 31_810_728, 31.9e6, 0.0),
        ("attention92", 1000, 52_466_344, 51.3e6, 0.03),
        ("attention92_cifar", 10, 1_932_442, 1.9e6, 0.0),
        ("attention236_cifar", 10, 5_121_434, 5.1e6, 0.0),
        ("attention452_cifar", 10, 10_108_826, 8.6e6, 0.18),
    ],
)
def test_parameters_beside_the_published_ones(arch, classes, count, published, excess):
    assert parameters(on_meta(arch, classes)) == count
    assert count / published - 1 == pytest.approx(excess, abs=0.02)


def test_attention452_comes_to_its_published_size_with_two_units_where_three_are_stated():
    assert parameters(on_meta("attention452_cifar", 10, r=2)) == pytest.approx(8.6e6, rel=0.02)


@pytest.mark.parametrize(
    ("arch", "layers"),
    [
        ("attention56", 56),
        ("attention92", 92),
        ("attention92_cifar", 92),
        ("attention236_cifar", 236),
        ("attention452_cifar", 452),
    ],
)
def test_the_trunk_is_as_deep_as_the_name_says(arch, layers):
    network = on_meta(arch, 10).network
    of_masks = {id(m) for module in network.modules() if isinstance(module, ResidualAttention)
                for m in module.mask.modules()}  # fmt: skip
    units = [m for m in network.modules() if isinstance(m, ResidualUnit) and id(m) not in of_masks]
    assert 1 + 3 * len(units) + 1 == layers  # the stem, three convolutions a unit, the linear layer


def test_the_network_of_the_tutorial_has_115_convolutions_and_a_projection_in_every_unit():
    network = on_meta("attention115", 5).network
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == 115
    units = [module for module in network.modules() if isinstance(module, ResidualUnit)]
    assert len(units) == 27
    assert all(unit.shortcut is not None for unit in units)
    assert network.stem.conv.kernel_size == (5, 5)
    assert [stage[0].residual[-1].out_channels for stage in network.stages] == [128, 256, 512, 1024]


def test_the_tutorials_units_project_x_itself_and_its_masks_take_the_nearest_position():
    torch.manual_seed(0)
    unit = ResidualUnit(8, form="tutorial").eval()
    x = torch.randn(1, 8, 4, 6)
    expected = unit.residual(unit.activation(x)) + unit.shortcut(x)
    assert torch.equal(unit(x), expected)
    mask = ResidualAttention(8, depth=1, form="tutorial").eval().weights(x)[0].values
    blocks = mask.unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.equal(blocks.amax((-2, -1)), blocks.amin((-2, -1)))


def test_the_tutorials_network_takes_any_size():
    network = small("attention115", classes=5, modules=[1, 0, 0]).network.eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 37, 30)).shape == (1, 5)


def test_masks_of_the_imagenet_nets_reach_7x7():
    network, reached = on_meta("attention56", 10).network.eval(), []
    for module in network.modules():
        if isinstance(module, ResidualAttention):
            sides: list[int] = []
            reached.append(sides)
            for unit in module.mask.hourglass.modules():
                if isinstance(unit, ResidualUnit):
                    unit.register_forward_hook(
                        lambda m, args, output, sides=sides: sides.append(output.shape[-1])
                    )
    network(torch.empty(1, 3, 224, 224, device="meta"))
    assert [(max(sides), min(sides)) for sides in reached] == [(28, 7), (14, 7), (7, 7)]


def test_options_are_those_of_the_attention_module_and_the_depths_of_its_masks():
    options = {"depths": [1, 1, 1], "p": 0, "t": 1, "r": 2, "mask": "channel", "learning": "naive"}
    model = create_model("attention92_cifar", classes=3, **options)
    assert model.config["options"] == options
    (module, *_) = [m for m in model.modules() if isinstance(m, ResidualAttention)]
    assert (len(module.before), len(module.trunk), len(module.mask.hourglass.down)) == (0, 1, 2)
    assert module.mask.hourglass.below is None
    assert module.learning == "naive"
    with record(model.eval()) as recording:
        model(torch.rand(1, 3, 32, 32))
    values = [maps[0].values for maps in recording.maps.values()]
    assert [tuple(v.shape[1:]) for v in values] == [(64, 32, 32)] * 2 + [(128, 16, 16)] * 2 + [
        (256, 8, 8)
    ] * 2
    torch.testing.assert_close(values[0].norm(dim=1), torch.ones(1, 32, 32))


@pytest.mark.parametrize(
    ("arch", "depths", "arm"),
    [
        (
            "attention56",
            [3, 2, 1],
            "residual@encoder2(depth=3)+residual@encoder3(depth=2)+residual@encoder4(depth=1)",
        ),
        (
            "attention92_cifar",
            [2, 2, 1],
            "residual@stages.0(depth=2)+residual@stages.1(depth=2)+residual@stages.2",
        ),
    ],
)
def test_the_modules_can_be_an_arm_of_the_trunk_without_them(arch, depths, arm):
    whole = small(arch, classes=3, depths=depths).eval()
    parts = small(arch, classes=3, depths=depths, modules=[0, 0, 0], arm=arm, gate="none").eval()
    own = dict(whole.network.named_parameters())
    for name, parameter in parts.network.named_parameters():
        parameter.data.copy_(own[name])
    for stage, attention in enumerate(attached(parts).values()):
        attention.load_state_dict(whole.network.stages[stage][1].state_dict())
    assert parameters(parts) == parameters(whole)
    image = torch.rand(2, 3, 40, 33)
    assert torch.equal(parts(image), whole(image))


def test_the_last_feature_is_normalised_pooled_and_classified():
    torch.manual_seed(0)
    network = create_model("attention92_cifar", classes=3, depths=[1, 1, 1]).network.eval()
    pooled = []
    network.fc.register_forward_pre_hook(lambda module, args: pooled.append(args[0]))
    stages = []
    network.stages.register_forward_hook(lambda module, args, output: stages.append(output))
    network(torch.rand(2, 3, 20, 24))
    bn = network.activation.bn
    x = (stages[0] - bn.running_mean[:, None, None]) / (bn.running_var + bn.eps).sqrt()[:, None, None]
    torch.testing.assert_close(pooled[0], x.relu().mean((2, 3)))
    assert not any(isinstance(m, nn.Dropout) for m in network.modules())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"depths": [3, 2]},
            r"depths=\[3, 2\]: expected 3 whole numbers, one per stage, such as \[3, 2, 1\]",
        ),
        ({"depths": 2}, "depths=2: expected a list of whole numbers"),
        ({"modules": [1]}, r"modules=\[1\]: expected 3 whole numbers, one per stage, such as \[0, 0, 0\]"),
        ({"modules": [1, 1, -1]}, "modules=-1: expected a whole number of at least 0"),
        ({"depths": [3, 2, 0]}, "depth=0: expected a whole number of at least 1"),
        ({"t": 0}, "t=0: expected a whole number of at least 1"),
        ({"mask": "chanel"}, "unknown .*mask 'chanel'; did you mean 'channel'"),
        ({"learning": "residul"}, "did you mean 'residual'"),
        ({"form": "tutorail"}, "unknown .*form 'tutorail'; did you mean 'tutorial'"),
        ({"depth": 2}, "unknown option of attention56 'depth'; did you mean 'depths'"),
    ],
)
def test_wrong_options_raise_a_clear_error(options, words):
    with pytest.raises(UserError, match=words):
        create_model("attention56", classes=10, **options)
