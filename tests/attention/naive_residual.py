"""Residual attention and MSSA's block once more, from their papers' equations; see `naive`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def batch_norm(norm: nn.Module, x: Tensor) -> Tensor:
    if norm.training:
        mean = x.mean((0, 2, 3))
        variance = (x - mean[:, None, None]).square().mean((0, 2, 3))
    else:
        mean, variance = norm.running_mean, norm.running_var
    slope = norm.weight / (variance + norm.eps).sqrt()
    return x * slope[:, None, None] + (norm.bias - mean * slope)[:, None, None]


def unit(module: nn.Module, x: Tensor) -> Tensor:
    """x + W3 a(W2 a(W1 a(x))) with a = relu(bn(.))."""
    first, norm2, second, norm3, third = module.residual
    y = torch.relu(batch_norm(module.activation.bn, x))
    y = torch.einsum("oc,bchw->bohw", first.weight[:, :, 0, 0], y)
    y = F.conv2d(torch.relu(batch_norm(norm2.bn, y)), second.weight, padding=1)
    return x + torch.einsum("oc,bchw->bohw", third.weight[:, :, 0, 0], torch.relu(batch_norm(norm3.bn, y)))


def in_turn(modules: nn.Module, x: Tensor) -> Tensor:
    for module in modules:
        x = unit(module, x)
    return x


def line(positions: int, sources: int) -> Tensor:
    """Linear interpolation of a line as a matrix, positions x sources, between centres of pixels."""
    matrix = torch.zeros(positions, sources, dtype=torch.float64)
    for i in range(positions):
        place = max(0.0, (i + 0.5) * sources / positions - 0.5)
        low = int(place)
        matrix[i, low] += 1 - (place - low)
        matrix[i, min(low + 1, sources - 1)] += place - low
    return matrix


def hourglass(module: nn.Module, x: Tensor) -> Tensor:
    padded = F.pad(x, [1] * 4, value=-torch.inf)
    y = in_turn(module.down, padded.unfold(2, 3, 2).unfold(3, 3, 2).amax((-2, -1)))
    if module.below is not None:
        y = unit(module.skip, y) + hourglass(module.below, y)
    y = in_turn(module.up, y)
    rows, columns = (line(new, old).to(x.dtype) for new, old in zip(x.shape[2:], y.shape[2:], strict=True))
    return torch.einsum("ip,bcpq,jq->bcij", rows, y, columns)


def soft_mask(module: nn.Module, kind: str, x: Tensor) -> Tensor:
    norm1, first, norm2, second = module.score
    z = torch.relu(batch_norm(norm1.bn, hourglass(module.hourglass, x)))
    z = torch.einsum("oc,bchw->bohw", first.weight[:, :, 0, 0], z)
    z = torch.relu(batch_norm(norm2.bn, z))
    z = torch.einsum("oc,bchw->bohw", second.weight[:, :, 0, 0], z)
    if kind == "channel":
        return z / z.square().sum(1, keepdim=True).sqrt().clamp(min=1e-12)
    if kind == "spatial":
        z = (z - z.mean((2, 3), keepdim=True)) / (z.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    return torch.sigmoid(z)


def masked(module: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """What follows the mask: (1 + M) T or M T, and the last units."""
    trunk = in_turn(module.trunk, in_turn(module.before, x))
    return in_turn(module.after, ((module.learning == "residual") + mask) * trunk)


def residual(kind: str):
    return lambda module, x: masked(module, x, soft_mask(module.mask, kind, in_turn(module.before, x)))


def mssa(module: nn.Module, x: Tensor) -> Tensor:
    score = torch.einsum("oc,bc->bo", module.score.weight[:, :, 0, 0], x.mean((2, 3))) + module.score.bias
    return ((module.form == "as_drawn") + torch.sigmoid(score)[:, :, None, None]) * x
