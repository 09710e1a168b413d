import pytest
import torch

from foveate.attention.dual import DualAttention
from foveate.errors import UserError


def test_channels_gather_from_the_least_alike_as_in_the_code_and_the_most_alike_as_in_the_paper():
    x = torch.stack([torch.ones(2, 3), torch.ones(2, 3), -torch.ones(2, 3)]).unsqueeze(0)
    code, paper = (DualAttention(3, form=form).channel_weights(x)[0] for form in ("code", "paper"))
    assert code.argmax(-1).tolist() == [2, 2, 0]
    torch.testing.assert_close(paper[0], torch.tensor([0.5, 0.5, 0.0]), atol=1e-5, rtol=0)


def test_channels_are_compared_in_float32_under_autocast():
    module, x = DualAttention(8), 2 * torch.randn(1, 8, 16, 16)
    exact = module.channel_weights(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(module.channel_weights(x), exact)


def test_an_unknown_form_raises_a_clear_error():
    with pytest.raises(UserError, match="unknown form 'papr'; did you mean 'paper'"):
        DualAttention(8, form="papr")
