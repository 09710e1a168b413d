"""Test-time augmentation: the mean over views, against the mean written out."""

import pytest
import torch
import torch.nn.functional as F

from foveate.errors import UserError
from foveate.models.create import create_model
from foveate.prediction.views import Views, with_views


@pytest.fixture(scope="module")
def host():
    torch.manual_seed(0)
    return create_model("unet", "resnet18", classes=3, decoder_channels=[16, 8, 8, 8, 4]).eval()


def resized(x, size):
    return F.interpolate(x, size, mode="bilinear", antialias=x.shape[-1] > size[1])


def test_views_average_the_probabilities(host):
    image = torch.rand(2, 3, 48, 66)
    views = [
        host(image),
        host(image.flip(-1)).flip(-1),
        resized(host(resized(image, (24, 33))), (48, 66)),
        resized(host(resized(image.flip(-1), (24, 33))), (48, 66)).flip(-1),
    ]
    expected = sum(view.softmax(1) for view in views) / 4
    found = Views(host, (1, 0.5), flip=True)(image).softmax(1)
    torch.testing.assert_close(found, expected)
    assert (found - host(image).softmax(1)).abs().max() > 1e-3


def test_a_single_plain_view_equals_the_model(host):
    image = torch.rand(1, 3, 33, 47)
    torch.testing.assert_close(Views(host)(image).softmax(1), host(image).softmax(1))


def test_views_of_a_classifier_average_its_probabilities():
    host = create_model("classifier", "resnet18", classes=4).eval()
    image = torch.rand(1, 3, 40, 40)
    expected = (host(image).softmax(1) + host(image.flip(-1)).softmax(1)) / 2
    torch.testing.assert_close(Views(host, flip=True)(image).softmax(1), expected)


def test_a_class_of_probability_0_in_all_views_is_0_not_nan(host):
    sure = torch.full((1, 3, 32, 32), -1e4)
    sure[:, 0] = 1e4
    hook = host.logits.register_forward_hook(lambda *_: sure)
    try:
        found = Views(host, (1.0,), flip=True)(torch.rand(1, 3, 32, 32)).softmax(1)
    finally:
        hook.remove()
    assert torch.equal(found[:, 0], torch.ones(1, 32, 32))


def test_with_views_follows_the_notes_of_the_model(host):
    host.notes = {"test_scales": [1.0], "test_flip": False}
    assert with_views(host) is host
    host.notes = {"test_scales": [0.75, 1.0], "test_flip": True}
    views = with_views(host)
    assert (views.scales, views.flip) == ((0.75, 1.0), True)
    host.notes = {}
    assert with_views(host) is host
    host.notes = {"test_scales": None}
    with pytest.raises(UserError, match="test_scales is None; give one or more factors above 0"):
        with_views(host)
    host.notes = {}


def test_a_forward_pass_has_at_most_the_pixels_of_the_batch_or_of_one_view(host):
    image, shown = torch.rand(8, 3, 16, 24), []
    expected = torch.cat([Views(host, (2, 1, 1.5))(one[None]) for one in image])
    hook = host.register_forward_pre_hook(lambda module, args: shown.append(tuple(args[0].shape)))
    try:
        found = Views(host, (2, 1, 1.5))(image)
        Views(host, (4,))(image[:2])
    finally:
        hook.remove()
    torch.testing.assert_close(found, expected)
    assert [one[0] for one in shown] == [2, 2, 2, 2, 8, 3, 3, 2, 1, 1]
    assert {one[2:] for one in shown} == {(32, 48), (16, 24), (24, 36), (64, 96)}


@pytest.mark.parametrize("scales", [(), (0.5, 0), (-1,), (float("inf"),), (1, 4.01), (True,)])
def test_impossible_scales_raise(host, scales):
    with pytest.raises(UserError, match=r"test_scales is .*; give one or more factors above 0 and up to 4"):
        Views(host, scales)
