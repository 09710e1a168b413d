import segmentation_models_pytorch as smp
import torch
from torch.nn import functional as F

from foveate.evaluation.cost import parameters
from foveate.models.create import create_model
from foveate.models.hosts.fcbformer import ConvolutionalBranch, FCBFormer, Pyramid, ResidualBlock


def test_the_real_size_has_the_published_parameters_and_takes_any_image():
    torch.manual_seed(0)
    model = create_model("fcbformer", classes=1).eval()
    assert model.config["encoder_name"] == "tu-pvt_v2_b3"
    network = model.network
    assert parameters(network.encoder) == 44_725_696
    assert parameters(network.encoder) + parameters(network.pyramid) == 46_404_544
    assert parameters(network.convolutional) == 6_384_800
    assert parameters(network.decoder) + parameters(network.segmentation_head) == 172_993
    assert parameters(model) == 52_962_337
    with torch.no_grad():
        assert model(torch.rand(1, 3, 33, 47)).shape == (1, 1, 33, 47)


def test_the_authors_size_works_as_any_other():
    with torch.device("meta"):
        network = FCBFormer(smp.encoders.get_encoder("tu-pvt_v2_b0", weights=None), 3, 2)
        for size in ((352, 352), (32, 96)):
            assert network(torch.empty(1, 3, *size)).shape == (1, 2, *size)


def normalised(x, norm):
    groups = x.unflatten(1, (32, -1))
    mean = groups.mean((2, 3, 4), keepdim=True)
    spread = (groups - mean).square().mean((2, 3, 4), keepdim=True).add(norm.eps).sqrt()
    x = ((groups - mean) / spread).flatten(1, 2)
    x = x * norm.weight[:, None, None] + norm.bias[:, None, None]
    return x * x.sigmoid()


def naive_block(block, x):
    norm1, _, conv1, norm2, _, conv2 = block.residual
    y = F.conv2d(normalised(x, norm1), conv1.weight, conv1.bias, padding=1)
    y = F.conv2d(normalised(y, norm2), conv2.weight, conv2.bias, padding=1)
    shortcut = x if y.shape == x.shape else F.conv2d(x, block.shortcut.weight, block.shortcut.bias)
    return y + shortcut


def test_a_residual_block_is_norm_silu_convolution_twice_beside_a_shortcut():
    for channels, outputs in ((64, 32), (64, 64)):
        block, x = ResidualBlock(channels, outputs).double(), torch.randn(2, channels, 3, 5).double()
        torch.testing.assert_close(block(x), naive_block(block, x))


def test_levels_are_brought_to_the_finest_and_fused_from_coarse_to_fine():
    torch.manual_seed(0)
    pyramid = Pyramid([32, 64, 96], 32).double()
    levels = [torch.randn(1, c, s, s + 1).double() for c, s in ((32, 6), (64, 3), (96, 2))]

    def blocks(pair, x):
        return naive_block(pair[1], naive_block(pair[0], x))

    def nearest(x):
        rows = [int(i * x.shape[-2] / 6) for i in range(6)]
        columns = [int(j * x.shape[-1] / 7) for j in range(7)]
        return x[..., rows, :][..., columns]

    fine, middle, coarse = (
        nearest(blocks(pair, x)) for pair, x in zip(pyramid.emphasis, levels, strict=True)
    )
    fused = blocks(pyramid.fusion[0], torch.cat([middle, coarse], 1))
    expected = blocks(pyramid.fusion[1], torch.cat([fine, fused], 1))
    torch.testing.assert_close(pyramid(levels), expected)


def test_the_convolutional_branch_works_at_the_published_sizes():
    with torch.device("meta"):
        branch = ConvolutionalBranch(3, (32, 32, 64, 64, 128, 128))
    sides, image = [], torch.empty(1, 3, 64, 96, device="meta")
    for module in branch.down:
        module.register_forward_hook(lambda module, args, output: sides.append(tuple(output.shape[1:])))
    assert branch(image).shape == (1, 32, 64, 96)
    assert sides[:3] == [(32, 64, 96)] * 3
    assert sides[-3:] == [(128, 2, 3)] * 3
    assert len(branch.up) == 18
