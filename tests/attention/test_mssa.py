import pytest
import torch

from foveate.attention.mssa import FeatureFusion, MultiScaleSpatialAttention
from foveate.errors import UserError

from . import naive_residual


@pytest.mark.parametrize("training", [True, False])
def test_fusion_follows_its_equation(training: bool):
    torch.manual_seed(0)
    fusion = FeatureFusion(7, 4).double().train(training)
    one, two = torch.randn(2, 3, 5, 9, dtype=torch.float64), torch.randn(2, 4, 5, 9, dtype=torch.float64)
    convolution, norm, _ = fusion.join
    _, first, _, second, _ = fusion.gate
    y = torch.conv2d(torch.cat([one, two], 1), convolution.weight, padding=1)
    y = torch.relu(naive_residual.batch_norm(norm, y))
    hidden = torch.relu(y.mean((2, 3)) @ first.weight.flatten(1).T + first.bias)
    gate = torch.sigmoid(hidden @ second.weight.flatten(1).T + second.bias)
    torch.testing.assert_close(fusion(one, two), y + y * gate[:, :, None, None])


def test_an_unknown_form_raises_a_clear_error():
    with pytest.raises(UserError, match="unknown form 'as_draw'; did you mean 'as_drawn'"):
        MultiScaleSpatialAttention(8, form="as_draw")
