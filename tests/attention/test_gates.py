"""What single gates promise beyond the contract, each seen in a case that can be checked by hand."""

import torch
from timm.layers.global_context import GlobalContext as TimmBlock

from foveate.attention.external import doubly_normalized
from foveate.attention.gate import mean_pool_2x2, window_mean
from foveate.attention.registry import create_attention
from foveate.attention.simam import inverse_energy


def image(channels: int = 4, height: int = 6, width: int = 9) -> torch.Tensor:
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(0))


def test_cbam_with_tanh_can_reverse_the_sign_of_a_position():
    cbam = create_attention("cbam", 4, gates="sigmoid_tanh").eval()
    channel, spatial = cbam.weights(x := image())
    assert (channel.values > 0).all()
    assert spatial.values.min() < 0 < spatial.values.max()
    turned = (spatial.values < 0)[:, None].expand_as(x)
    assert torch.equal(cbam(x)[turned].sign(), -x[turned].sign())


def test_simam_is_the_least_energy_of_a_linear_classifier():
    """The energy: the mean of (-1 - w x - b)^2 over the channel, plus (1 - w t - b)^2 + r w^2."""
    x, r = image(1, 3, 5).double(), 0.1
    mean, squares = x.mean(), x.square().mean()
    for t, inverse in zip(x.flatten(), inverse_energy(x, r).flatten(), strict=True):
        curvature = torch.stack([squares + t**2 + r, mean + t, mean + t, torch.tensor(2.0)]).view(2, 2)
        slope = torch.stack([t - mean, torch.zeros_like(t)])
        least = 2 - slope @ torch.linalg.solve(curvature, slope)
        torch.testing.assert_close(1 / inverse, least)


def test_simam_is_defined_on_a_map_of_one_position():
    for variance in ("population", "sample"):
        x = torch.full((1, 2, 1, 1), 3.0)
        assert torch.equal(
            create_attention("simam", 2, variance=variance)(x), x * torch.tensor(0.5).sigmoid()
        )


def test_coord_is_a_row_profile_times_a_column_profile():
    (mask,) = create_attention("coord", 4).double().eval().weights(image().double())
    assert torch.linalg.matrix_rank(mask.values).tolist() == [[1, 1, 1, 1]]


def test_bam_scales_values_by_a_factor_from_1_to_2():
    x = image(16)
    for form in ("paper", "code"):
        ratio = create_attention("bam", 16, form=form).eval()(x) / x
        assert 1 <= ratio.min() <= ratio.max() <= 2


def test_the_gating_signal_is_the_mean_of_the_surroundings():
    x = torch.zeros(1, 1, 12, 12)
    x[..., 5, 5] = 1
    around = window_mean(mean_pool_2x2(x), 3)[0, 0]
    assert around.nonzero().amin(0).tolist() == [1, 1]
    assert around.nonzero().amax(0).tolist() == [3, 3]
    assert mean_pool_2x2(torch.ones(1, 2, 5, 3)).unique().tolist() == [1]


def test_shares_of_slots_sum_to_1_even_if_all_are_tiny():
    scores = torch.tensor([[[[60.0, -60.0]], [[58.0, -59.0]]]])
    shares = doubly_normalized(scores)
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 1, 2))
    torch.testing.assert_close(shares[0, :, 0, 1], torch.tensor([-120.0, -117.0]).softmax(0))


def test_global_context_starts_at_the_identity_and_timms_does_not():
    """When timm's does, the line that zeroes the bias can go."""
    x = image()
    assert torch.equal(create_attention("global_context", 4)(x), x)
    assert not torch.equal(TimmBlock(4, fuse_add=True, fuse_scale=False, rd_channels=4)(x), x)


def test_global_context_distinguishes_images_at_few_channels():
    one, other = image(2), image(2) + 1
    attention = create_attention("global_context", 2, fusion="scale")
    assert not torch.equal(attention.weights(one)[1].values, attention.weights(other)[1].values)
