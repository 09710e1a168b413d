"""Gates once more, straight from their papers' equations: slow, plain, independent of the package.

Each function takes the module, for its parameters alone, and the input. No layer of the module is called.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .naive import perceptron


def normalized(scores: Tensor, norm: nn.Module, training: bool) -> Tensor:
    """Batch norm a channel, over batch and positions."""
    shape = (1, -1, 1, 1)
    if training:
        mean, variance = scores.mean((0, 2, 3)), scores.var((0, 2, 3), unbiased=False)
    else:
        mean, variance = norm.running_mean, norm.running_var
    scores = (scores - mean.view(shape)) / (variance + norm.eps).sqrt().view(shape)
    return scores * norm.weight.view(shape) + norm.bias.view(shape)


def convolved(x: Tensor, layer: nn.Module, dilation: int = 1) -> Tensor:
    """At the size of x, zero beyond the border."""
    padding = [size // 2 * dilation for size in layer.weight.shape[2:]]
    return F.conv2d(x, layer.weight, layer.bias, padding=padding, dilation=dilation)


def bam(module: nn.Module, x: Tensor) -> Tensor:
    """Equations 1 to 4, ReLU between the layers."""
    first, second, channel_norm = module.channel[0], module.channel[2], module.channel[3]
    channel = perceptron(first, second, x.mean((2, 3)))[:, :, None, None]
    channel = normalized(channel, channel_norm, module.training)
    f0, f1, f2, f3, spatial_norm = (module.spatial[i] for i in (0, 2, 4, 6, 7))
    spatial = torch.relu(convolved(x, f0))
    for wide in (f1, f2):
        spatial = torch.relu(convolved(spatial, wide, dilation=wide.dilation[0]))
    spatial = normalized(convolved(spatial, f3), spatial_norm, module.training)
    return x + x * torch.sigmoid(channel + spatial)


def bam_as_coded(module: nn.Module, x: Tensor) -> Tensor:
    """Norms behind the hidden layers, and the product of the scores."""
    channel, spatial = x.mean((2, 3), keepdim=True), x
    for i in (0, 3, 6):
        norm, dilation = module.spatial[i + 1], module.spatial[i].dilation[0]
        spatial = torch.relu(
            normalized(convolved(spatial, module.spatial[i], dilation), norm, module.training)
        )
    channel = torch.relu(
        normalized(convolved(channel, module.channel[0]), module.channel[1], module.training)
    )
    score = convolved(channel, module.channel[3]) * convolved(spatial, module.spatial[9])
    return x * (1 + torch.sigmoid(score))


def coord(module: nn.Module, x: Tensor) -> Tensor:
    conv1, norm, conv_h, conv_w = (
        getattr(module.coord, name) for name in ("conv1", "bn1", "conv_h", "conv_w")
    )
    rows, columns = x.mean(3), x.mean(2)
    f = convolved(torch.cat([rows, columns], 2)[:, :, :, None], conv1)
    f = normalized(f, norm, module.training)
    f = f * (f + 3).clamp(0, 6) / 6
    g_h = torch.sigmoid(convolved(f[:, :, : x.shape[2]], conv_h))
    g_w = torch.sigmoid(convolved(f[:, :, x.shape[2] :], conv_w))
    return x * g_h * g_w.transpose(2, 3)


def simam(divisor: Callable[[int], int]) -> Callable[[nn.Module, Tensor], Tensor]:
    """Equations 5 and 6; `divisor` gives what divides the variance, from the number of positions."""

    def run(module: nn.Module, x: Tensor) -> Tensor:
        count, r = x.shape[2] * x.shape[3], module.regularization
        mean = x.sum((2, 3), keepdim=True) / count
        variance = ((x - mean) ** 2).sum((2, 3), keepdim=True) / divisor(count)
        energy = 4 * (variance + r) / ((x - mean) ** 2 + 2 * variance + 2 * r)
        return torch.sigmoid(1 / energy) * x

    return run


def window_means(
    x: Tensor, windows: Callable[[int, int], tuple[slice, slice]], size: tuple[int, int]
) -> Tensor:
    """The mean over `windows(i, j)` for every i, j of a map of `size`."""
    rows = []
    for i in range(size[0]):
        rows.append(torch.stack([x[(..., *windows(i, j))].mean((2, 3)) for j in range(size[1])], -1))
    return torch.stack(rows, 2)


def interpolation(new: int, old: int) -> Tensor:
    """The matrix new x old of linear interpolation between pixel centres, clamped at the ends."""
    matrix = torch.zeros(new, old, dtype=torch.float64)
    for i in range(new):
        at = max((i + 0.5) * old / new - 0.5, 0.0)
        low = min(math.floor(at), old - 1)
        high = min(low + 1, old - 1)
        matrix[i, low] += 1 - (at - low)
        matrix[i, high] += at - low
    return matrix


def resized(x: Tensor, height: int, width: int) -> Tensor:
    sizes = zip((height, width), x.shape[2:], strict=True)
    down, across = (interpolation(new, old).to(x.dtype) for new, old in sizes)
    return torch.einsum("ir,bcrs,js->bcij", down, x, across)


def gate_by(module: nn.Module, x: Tensor, signal: Tensor) -> Tensor:
    """Equations 1 and 2: what multiplies x, from x at the resolution of the signal, and the signal."""
    coarse = resized(x, *signal.shape[2:])
    q = convolved(
        torch.relu(convolved(coarse, module.feature) + convolved(signal, module.signal)), module.score
    )
    return resized(torch.sigmoid(q), *x.shape[2:])


def gate(module: nn.Module, x: Tensor) -> Tensor:
    """Equations 1 and 2, the gating signal from means of x around each position."""
    half = ((x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2)
    coarse = window_means(x, lambda i, j: (slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2)), half)
    reach = module.context // 2
    around = window_means(
        coarse, lambda i, j: tuple(slice(max(0, at - reach), at + reach + 1) for at in (i, j)), half
    )
    joined = torch.relu(convolved(coarse, module.feature) + convolved(around, module.signal))
    return x * resized(torch.sigmoid(convolved(joined, module.score)), *x.shape[2:])


def triplet(module: nn.Module, x: Tensor) -> Tensor:
    """Rotate, pool the first axis, gate, rotate back: one branch an axis."""
    total = 0
    for branch, axes in ((module.cw, (0, 2, 1, 3)), (module.hc, (0, 3, 2, 1)), (module.hw, (0, 1, 2, 3))):
        rotated = x.permute(axes)
        pooled = torch.stack([rotated.amax(1), rotated.mean(1)], 1)
        score = normalized(convolved(pooled, branch.conv), branch.bn, module.training)
        total = total + (rotated * torch.sigmoid(score)).permute(axes)
    return total / 3


def strip(module: nn.Module, x: Tensor) -> Tensor:
    rows = normalized(convolved(x.mean(3, True), module.rows.conv), module.rows.bn, module.training)
    columns = normalized(convolved(x.mean(2, True), module.columns.conv), module.columns.bn, module.training)
    strips = torch.relu(rows.expand_as(x) + columns.expand_as(x))
    return x * torch.sigmoid(convolved(strips, module.fuse))


def from_memory(module: nn.Module, x: Tensor, shares: Tensor) -> Tensor:
    read = convolved(shares, module.values)
    return torch.relu(x + normalized(convolved(read, module.merge.conv), module.merge.bn, module.training))


def external(module: nn.Module, x: Tensor) -> Tensor:
    """Softmax over positions, then every position's row divided by its sum over slots."""
    scores = convolved(convolved(x, module.project), module.keys)
    over_positions = scores.exp() / scores.exp().sum((2, 3), keepdim=True)
    return from_memory(module, x, over_positions / over_positions.sum(1, keepdim=True))


def with_context(module: nn.Module, x: Tensor, contexts: Tensor) -> Tensor:
    """What each position makes of its context; contexts are b c h w."""
    block = module.block
    mlp = block.mlp_add if block.mlp_add is not None else block.mlp_scale
    hidden = convolved(contexts, mlp.fc1)
    mean, variance = hidden.mean(1, keepdim=True), hidden.var(1, unbiased=False, keepdim=True)
    hidden = (hidden - mean) / (variance + mlp.norm.eps).sqrt()
    hidden = hidden * mlp.norm.weight.view(1, -1, 1, 1) + mlp.norm.bias.view(1, -1, 1, 1)
    transformed = convolved(torch.relu(hidden), mlp.fc2)
    return x + transformed if block.mlp_add is not None else x * torch.sigmoid(transformed)


def global_context(module: nn.Module, x: Tensor) -> Tensor:
    scores = convolved(x, module.block.conv_attn)
    attention = scores.exp() / scores.exp().sum((2, 3), keepdim=True)
    return with_context(module, x, (attention * x).sum((2, 3), keepdim=True).expand_as(x))
