import torch

from foveate.attention.criss_cross import CrissCrossAttention, cross_weights


def reached(recurrence: int) -> torch.Tensor:
    """The positions of a 5x9 map that position (2, 3) of the result depends on."""
    torch.manual_seed(0)
    module = CrissCrossAttention(8, recurrence=recurrence).double()
    torch.nn.init.ones_(module.gamma)
    x = torch.randn(1, 8, 5, 9, dtype=torch.float64, requires_grad=True)
    module(x)[0, :, 2, 3].sum().backward()
    return x.grad[0].abs().sum(0) > 0


def test_one_turn_reaches_row_and_column_and_two_reach_everything():
    cross = torch.zeros(5, 9, dtype=torch.bool)
    cross[2], cross[:, 3] = True, True
    assert torch.equal(reached(1), cross)
    assert reached(2).all()


def test_a_position_counts_once_though_it_lies_in_row_and_column():
    q = torch.randn(2, 3, 4, 5)
    columns, rows = cross_weights(q, q)
    assert not columns.diagonal(dim1=1, dim2=3).any()
    torch.testing.assert_close(columns.sum(-1) + rows.sum(-1), torch.ones(2, 3, 4))
