"""Window attention beyond the contract: timm's where it is right, and padding, where it is not."""

import pytest
import torch
from timm.models.swin_transformer import SwinTransformerBlock

from foveate.attention.swin_window import WindowAttention
from foveate.errors import UserError


def timms(module: WindowAttention, size: int, shifted: bool) -> SwinTransformerBlock:
    """timm's block with the weights of ours, for maps of size x size."""
    shift = module.side // 2 if shifted else 0
    block = SwinTransformerBlock(8, (size, size), num_heads=2, window_size=module.side, shift_size=shift)
    block.norm1.load_state_dict(module.norm.state_dict())
    block.attn.qkv.load_state_dict(module.qkv.state_dict())
    block.attn.proj.load_state_dict(module.projection.state_dict())
    block.attn.relative_position_bias_table.data.copy_(module.table)
    return block.eval()


def difference(size: int, shifted: bool) -> float:
    """How far ours and timm's lie apart."""
    torch.manual_seed(0)
    module = WindowAttention(8, window_size=4, shifted=shifted, heads=2)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    block, x = timms(module, size, shifted), torch.randn(2, 8, size, size)
    rows = x.movedim(1, 3)
    theirs = (rows + block._attn(block.norm1(rows))).movedim(3, 1)
    return float((module(x) - theirs).detach().abs().max())


@pytest.mark.parametrize("shifted", [False, True])
def test_is_timms_where_windows_fill_the_map(shifted: bool):
    assert difference(8, shifted) < 1e-4


def test_timm_attends_to_its_padding():
    """When this fails, timm masks what it pads, and our page must no longer say otherwise."""
    assert difference(6, shifted=False) > 0.1


def test_nothing_is_gathered_from_outside_the_map():
    module = WindowAttention(8, window_size=7)
    (pairs,) = module.weights(torch.randn(1, 8, 1, 2))
    torch.testing.assert_close(pairs.values.sum(-1), torch.ones(1, 1, 2))


def test_heads_divide_the_channels():
    with pytest.raises(UserError, match="heads=3: expected a number that divides the 8 channels"):
        WindowAttention(8, heads=3)
