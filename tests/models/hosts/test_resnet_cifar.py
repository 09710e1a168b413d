import pytest

from foveate.errors import UserError
from foveate.evaluation.cost import parameters
from foveate.experiments.works.network import trunk_depth
from foveate.models.create import create_model


def test_it_has_the_layers_and_parameters_of_the_paper():
    network = create_model("resnet164_cifar", classes=10)
    assert trunk_depth(network) == 164
    assert parameters(network) == pytest.approx(1.7e6, rel=0.02)


@pytest.mark.parametrize("depth", [2, 100])
def test_other_depths_are_refused(depth):
    with pytest.raises(UserError, match=f"depth is {depth}; a bottleneck network for CIFAR has 9 n"):
        create_model("resnet164_cifar", classes=10, depth=depth)
