import pytest
import torch
from torch import nn

from foveate.errors import UserError
from foveate.models.attaching.attach import attach, attention_parameters, detach
from foveate.models.attaching.heads import create_head
from foveate.models.create import create_model


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("none", lambda x: x),
        ("tanh", torch.tanh),
        ("relu", torch.relu),
        ("leaky_relu", nn.functional.leaky_relu),
        ("selu", nn.functional.selu),
        ("gelu", nn.functional.gelu),
    ],
)
def test_two_branch_is_a_convolution_per_class_each_with_its_activation(activation, function):
    torch.manual_seed(0)
    head, x = create_head("two_branch", 4, 2, activation=activation), torch.randn(1, 4, 3, 3)
    weight, bias = head.branches.weight, head.branches.bias
    branches = [function(nn.functional.conv2d(x, weight[k : k + 1], bias[k : k + 1])) for k in range(2)]
    torch.testing.assert_close(head(x), torch.cat(branches, dim=1))


@pytest.mark.parametrize(
    ("arch", "encoder"), [("unet", "resnet18"), ("fpn", "resnet18"), ("fcn_torchvision", "resnet50")]
)
def test_an_arm_with_a_head_replaces_the_output_layer_and_detach_brings_it_back(arch, encoder):
    model = create_model(arch, encoder, classes=2).eval()
    image = torch.rand(1, 3, 40, 33)
    before, names = model(image), list(model.state_dict())
    attach(model, "se@decoder(reduction=4)+two_branch(activation=relu)")
    changed = model(image)
    assert changed.shape == before.shape
    assert changed.min() >= 0
    assert any("branches" in name for name in attention_parameters(model))
    assert detach(model) is model
    assert list(model.state_dict()) == names
    assert torch.equal(model(image), before)


def test_a_host_without_an_output_convolution_is_told():
    with pytest.raises(UserError, match="replaces the output convolution of a segmentation host"):
        create_model("classifier", "resnet18", arm="two_branch")


def test_unknown_heads_options_and_activations_name_the_nearest():
    with pytest.raises(UserError, match="unknown head 'two_branches'; did you mean 'two_branch'"):
        create_head("two_branches", 4, 2)
    with pytest.raises(UserError, match="option of two_branch 'activations'; did you mean 'activation'"):
        create_head("two_branch", 4, 2, activations="selu")
    with pytest.raises(UserError, match="unknown activation 'seul'; did you mean 'selu'"):
        create_head("two_branch", 4, 2, activation="seul")
    with pytest.raises(UserError, match="unknown activation 'False'"):
        create_model("unet", "resnet18", arm="two_branch(activation=false)")
    with pytest.raises(UserError, match="unknown option of two_branch 'name'"):
        create_model("unet", "resnet18", arm="two_branch(name=1)")
