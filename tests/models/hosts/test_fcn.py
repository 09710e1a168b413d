import pytest
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional as F

from foveate.errors import UserError
from foveate.evaluation.cost import parameters
from foveate.models.attaching.attach import attach, detach
from foveate.models.create import create_model
from foveate.models.hosts.fcn import FCN, Scores


def seen_by_the_scores(model, side=64):
    """The shapes of what the score layers get, from coarse to fine."""
    shapes = []
    model.network.segmentation_head.register_forward_pre_hook(
        lambda module, args: shapes.extend(tuple(x.shape[1:]) for x in args)
    )
    model.eval()(torch.empty(1, 3, side, side, device=model.mean.device))
    return shapes


@pytest.mark.parametrize(
    ("encoder", "shapes"),
    [
        ("vgg16", [(32, 2, 2), (512, 4, 4), (256, 8, 8)]),  # fc7, pool4, pool3
        ("resnet18", [(32, 2, 2), (256, 4, 4), (128, 8, 8)]),
    ],
)
@pytest.mark.parametrize("head", ["32s", "16s", "8s"])
def test_a_head_scores_the_strides_that_its_name_tells(encoder, shapes, head):
    with torch.device("meta"):
        model = create_model("fcn", encoder, classes=4, head=head, hidden=32)
    assert seen_by_the_scores(model) == shapes[: {"32s": 1, "16s": 2, "8s": 3}[head]]


def test_vgg_takes_any_size_and_trains():
    model = create_model("fcn", "vgg11", classes=4, hidden=16)
    logits = model(torch.rand(2, 3, 33, 47))
    assert logits.shape == (2, 4, 33, 47)
    logits.square().mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_the_published_network_has_its_134_million_parameters():
    with torch.device("meta"):
        network = FCN(smp.encoders.get_encoder("vgg16", weights=None), 21, "8s", hidden=4096)
    convolutional, fc6, fc7 = 14_714_688, 512 * 4096 * 49 + 4096, 4096 * 4096 + 4096
    scores, doublings = (4096 + 512 + 256 + 3) * 21, 2 * 21 * 21 * 16
    assert parameters(network) == convolutional + fc6 + fc7 + scores + doublings == 134_376_863


def test_only_vgg_has_fully_connected_layers_unless_asked_for():
    with torch.device("meta"):
        assert create_model("fcn", "vgg11").network.decoder[0].out_channels == 4096
        assert parameters(create_model("fcn", "resnet18").network.decoder) == 0
        assert seen_by_the_scores(create_model("fcn", "vgg11", hidden=0))[0] == (512, 2, 2)


def test_at_first_the_coarse_scores_decide_alone_then_all_strides_do():
    torch.manual_seed(0)
    head = Scores([8, 6, 5], 3, stride=8)
    coarse, middle, fine = torch.rand(1, 8, 2, 3), torch.rand(1, 6, 4, 6), torch.rand(1, 5, 8, 12)
    first = head(coarse, middle, fine)
    torch.testing.assert_close(first, head(coarse, 5 * middle, 7 * fine))
    ramp = torch.arange(8.0)[:, None] + torch.arange(6.0)  # which bilinear interpolation continues exactly
    one_stride = Scores([8], 3, stride=32)
    one_stride.scores[0].load_state_dict(head.scores[0].state_dict())
    inside = (..., slice(40, -40), slice(40, -40))  # doubling takes zeros for what lies beyond the border
    at_stride_8 = head(ramp.expand(1, 8, 8, 6), torch.rand(1, 6, 16, 12), torch.rand(1, 5, 32, 24))
    torch.testing.assert_close(at_stride_8[inside], one_stride(ramp.expand(1, 8, 8, 6))[inside])
    first.square().mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in head.parameters())


def test_scores_are_added_from_coarse_to_fine():
    torch.manual_seed(0)
    head = Scores([4, 3, 2], 2, stride=8).double()
    features = [torch.randn(1, c, s, s, dtype=torch.float64) for c, s in ((4, 2), (3, 4), (2, 8))]
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)

    def doubled(x, kernel):
        size = 2 * x.shape[-1]
        y = torch.zeros(1, 2, size + 2, size + 2, dtype=x.dtype)
        for i in range(x.shape[-2]):
            for j in range(x.shape[-1]):
                patch = torch.einsum("bc, coij -> boij", x[..., i, j], kernel)
                y[..., 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += patch
        return y[..., 1:-1, 1:-1]

    a, b, c = (
        torch.einsum("bchw, oc -> bohw", x, score.weight[..., 0, 0]) + score.bias[:, None, None]
        for x, score in zip(features, head.scores, strict=True)
    )
    total = doubled(doubled(a, head.doubling[0].weight) + b, head.doubling[1].weight) + c
    expected = F.interpolate(total, scale_factor=8, mode="bilinear")
    torch.testing.assert_close(head(*features), expected)


def test_a_head_of_an_arm_replaces_the_scores_of_every_stride():
    torch.manual_seed(0)
    model = create_model("fcn", "resnet18").eval()
    image = torch.rand(1, 3, 40, 33)
    before, names = model(image), list(model.state_dict())
    attach(model, "two_branch(activation=relu)")
    replaced = [name for name in model.state_dict() if "branches.weight" in name]
    assert replaced == [f"network.segmentation_head.scores.{k}.branches.weight" for k in range(3)]
    assert model(image).min() >= 0
    assert torch.equal(detach(model)(image), before)
    assert list(model.state_dict()) == names


def test_wrong_options_raise_a_clear_error():
    with pytest.raises(UserError, match="unknown head of fcn '8'; did you mean '8s'"):
        create_model("fcn", head="8")
    with pytest.raises(UserError, match="hidden=-1: expected a whole number of at least 0"):
        create_model("fcn", hidden=-1)
    with pytest.raises(UserError, match="unknown option of fcn 'heads'; did you mean 'head'"):
        create_model("fcn", heads="8s")
