"""Every mechanism once more, straight from its paper's equations: slow, plain, independent of the package.

Each function takes the module, for its parameters alone, and the input. No layer of the module is called.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def attention_matrix(module: nn.Module, x: Tensor) -> Tensor:
    """softmax(Q K^T), b n n."""
    q = F.conv2d(x, module.query.weight, module.query.bias).flatten(2)
    k = F.conv2d(x, module.key.weight, module.key.bias).flatten(2)
    return torch.softmax(torch.bmm(q.transpose(1, 2), k), dim=-1)


def neighbour_rows(matrix: Tensor, height: int, width: int) -> Tensor:
    """For every position, the rows of the matrix of its 8 neighbours, edges replicated: 8 b n n."""
    rows = matrix.unflatten(1, (height, width))
    samples = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if (down, right) != (0, 0):
                y = (torch.arange(height) + down).clamp(0, height - 1)
                x = (torch.arange(width) + right).clamp(0, width - 1)
                samples.append(rows[:, y][:, :, x].flatten(1, 2))
    return torch.stack(samples)


def decide_and_smooth(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The positions whose row lies further than the threshold from a neighbour's (b n), and A' (b n n)."""
    matrix = attention_matrix(module, x)
    neighbours = neighbour_rows(matrix, *x.shape[2:])
    mask = (matrix - neighbours).abs().amax((0, -1)) > module.threshold
    m = mask.to(x.dtype).unsqueeze(-1)
    return mask, (1 - m) * matrix + m * neighbours.mean(0)


def self_attention(module: nn.Module, x: Tensor, matrix: Tensor) -> Tensor:
    v = F.conv2d(x, module.value.weight, module.value.bias).flatten(2)
    return module.gamma * torch.bmm(v, matrix.transpose(1, 2)).view_as(x) + x


def smooth(module: nn.Module, x: Tensor) -> Tensor:
    return self_attention(module, x, decide_and_smooth(module, x)[1])


def nonlocal_(module: nn.Module, x: Tensor) -> Tensor:
    return self_attention(module, x, attention_matrix(module, x))


def perceptron(first: nn.Module, second: nn.Module, pooled: Tensor) -> Tensor:
    """W1 relu(W0 z), with biases where the layers have them; z is b c."""
    hidden = torch.relu(F.linear(pooled, first.weight.flatten(1), first.bias))
    return F.linear(hidden, second.weight.flatten(1), second.bias)


def cbam(module: nn.Module, x: Tensor, spatial_gate: Callable[[Tensor], Tensor] = torch.sigmoid) -> Tensor:
    fc1, fc2 = module.channel.fc1, module.channel.fc2
    both = perceptron(fc1, fc2, x.mean((2, 3))) + perceptron(fc1, fc2, x.amax((2, 3)))
    x = x * torch.sigmoid(both)[:, :, None, None]
    weight, norm = module.spatial.conv.conv.weight, module.spatial.conv.bn
    pooled = torch.stack([x.mean(1), x.amax(1)], dim=1)
    score = F.conv2d(pooled, weight, padding=weight.shape[-1] // 2)
    if module.training:
        mean, variance = score.mean(), score.var(unbiased=False)
    else:
        mean, variance = norm.running_mean, norm.running_var
    return x * spatial_gate((score - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias)


def se(module: nn.Module, x: Tensor) -> Tensor:
    return x * torch.sigmoid(perceptron(module.se.fc1, module.se.fc2, x.mean((2, 3))))[:, :, None, None]


def eca(module: nn.Module, x: Tensor) -> Tensor:
    kernel, channels = module.eca.conv.weight.flatten(), x.shape[1]
    reach = len(kernel) // 2
    means = x.mean((2, 3))
    scores = []
    for c in range(channels):
        near = [
            kernel[i] * means[:, c + i - reach] for i in range(len(kernel)) if 0 <= c + i - reach < channels
        ]
        scores.append(sum(near))
    return x * torch.sigmoid(torch.stack(scores, 1))[:, :, None, None]


def scse(module: nn.Module, x: Tensor) -> Tensor:
    gate, place = module.scse.cSE, module.scse.sSE[0]
    channel = torch.sigmoid(perceptron(gate[1], gate[3], x.mean((2, 3))))[:, :, None, None]
    spatial = torch.sigmoid((place.weight * x).sum(1, keepdim=True) + place.bias)
    return x * channel + x * spatial


def placebo(module: nn.Module, x: Tensor) -> Tensor:
    """x plus, for every learnable weight, the shifted input channel it multiplies."""
    out, width, size, _ = module.shape
    places = size**2 * width * out
    count, reach = len(module.weight), size // 2
    padded = F.pad(x, [reach] * 4)
    y = x.clone()
    for i, weight in enumerate(module.weight):
        flat = int((i + 0.5) * places / count)
        target, within = divmod(flat, width * size**2)
        member, tap = divmod(within, size**2)
        source = target // width * width + member
        window = padded[:, source, tap // size :, tap % size :][:, : x.shape[2], : x.shape[3]]
        y[:, target] = y[:, target] + weight * window
    return y
