"""What every host of the works keeps, in small variants."""

import pytest
import torch

from foveate.models.attaching.attach import attach, attention_parameters
from foveate.models.checkpoints import load_model, save_model

from ..small import small

HOSTS = {
    "smooth_unet": {"arch": "smooth_unet"},
    "fcn 8s": {"arch": "fcn"},
    "fcn 32s": {"arch": "fcn", "head": "32s", "hidden": 16},
    "fcbformer": {"arch": "fcbformer"},
    "mssa as drawn": {"arch": "mssa"},
    "mssa as coded": {"arch": "mssa", "encoder_name": "resnet18", "form": "as_coded"},
    "attention56": {"arch": "attention56"},
    "attention92_cifar": {"arch": "attention92_cifar", "modules": [2, 2, 2], "mask": "spatial"},
}


def build(name, **options):
    return small(**HOSTS[name] | options)


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", HOSTS)
def test_takes_other_channels_and_odd_sizes(name, channels):
    model = build(name, in_channels=channels, classes=5).eval()
    for size in ((33, 47), (7, 90)):
        with torch.no_grad():
            logits = model(torch.rand(1, channels, *size))
        assert logits.shape == ((1, 5) if model.task == "classification" else (1, 5, *size))
        assert logits.isfinite().all()


@pytest.mark.parametrize("name", HOSTS)
def test_a_gradient_reaches_every_parameter(name):
    model = build(name).train()
    model(torch.rand(2, 3, 64, 64)).square().mean().backward()
    added = attention_parameters(model)
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().max() > 0 or parameter_name in added, parameter_name


@pytest.mark.parametrize("name", HOSTS)
def test_a_saved_host_is_loaded_unchanged(name, tmp_path):
    model = build(name, in_channels=4, classes=3).eval()
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    image = torch.rand(1, 4, 30, 40)
    assert again.config == model.config
    assert torch.equal(again(image), model(image))


@pytest.mark.parametrize("name", [name for name in HOSTS if not name.startswith("attention")])
def test_the_two_branch_head_fits_every_segmentation_host(name):
    model = attach(build(name, arm="none", classes=3), "cbam@decoder+two_branch(activation=tanh)")
    logits = model(torch.rand(2, 3, 40, 33))
    assert logits.shape == (2, 3, 40, 33)
    assert logits.abs().max() <= (3 if name == "fcn 8s" else 1)  # three strides are added
