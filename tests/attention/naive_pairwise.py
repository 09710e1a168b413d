"""Attention between pairs once more, over whole matrices, from the papers' equations; see `naive`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .naive import attention_matrix


def scores(module: nn.Module, x: Tensor) -> Tensor:
    q = F.conv2d(x, module.query.weight, module.query.bias).flatten(2)
    k = F.conv2d(x, module.key.weight, module.key.bias).flatten(2)
    return torch.bmm(q.transpose(1, 2), k)


def gathered(module: nn.Module, x: Tensor, matrix: Tensor) -> Tensor:
    v = F.conv2d(x, module.value.weight, module.value.bias).flatten(2)
    return torch.bmm(v, matrix.transpose(1, 2)).view_as(x)


def places(height: int, width: int) -> Tensor:
    """Row and column of every position, n 2."""
    return torch.tensor([(i // width, i % width) for i in range(height * width)])


def criss_cross(module: nn.Module, x: Tensor) -> Tensor:
    row, column = places(*x.shape[2:]).T
    cross = (row[:, None] == row) | (column[:, None] == column)
    for _ in range(module.recurrence):
        matrix = torch.softmax(torch.where(cross, scores(module, x), -torch.inf), -1)
        x = module.gamma * gathered(module, x, matrix) + x
    return x


def dual(sign: int):
    def form(module: nn.Module, x: Tensor) -> Tensor:
        channels = torch.softmax(sign * torch.einsum("bchw,bdhw->bcd", x, x), -1)
        return dual_from(module, x, attention_matrix(module, x), channels)

    return form


def dual_from(module: nn.Module, x: Tensor, positions: Tensor, channels: Tensor) -> Tensor:
    return (
        module.position_gamma * gathered(module, x, positions)
        + module.channel_gamma * torch.einsum("bcd,bdhw->bchw", channels, x)
        + x
    )


def layer_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """Over the channels of b n c."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt() * norm.weight + norm.bias


def swin_window(shift: int):
    """With the windows' borders `shift` positions after the multiples of their side."""

    def form(module: nn.Module, x: Tensor) -> Tensor:
        q, k, _ = window_tokens(module, x)
        where, side = places(*x.shape[2:]), module.side
        window = (where - shift).div(side, rounding_mode="floor")
        together = (window[:, None] == window).all(-1)
        apart = (where[:, None] - where).clamp(1 - side, side - 1) + side - 1
        bias = module.table[apart[..., 0] * (2 * side - 1) + apart[..., 1]].permute(2, 0, 1)
        score = torch.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5 + bias
        return window_from(module, x, torch.softmax(torch.where(together, score, -torch.inf), -1))

    return form


def window_tokens(module: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    tokens = F.linear(layer_norm(module.norm, x.flatten(2).mT), module.qkv.weight, module.qkv.bias)
    return tuple(part.unflatten(-1, (module.heads, -1)) for part in tokens.chunk(3, -1))


def window_from(module: nn.Module, x: Tensor, matrix: Tensor) -> Tensor:
    attended = torch.einsum("bhqk,bkhd->bqhd", matrix, window_tokens(module, x)[2]).flatten(2)
    return x + F.linear(attended, module.projection.weight, module.projection.bias).mT.reshape(x.shape)
