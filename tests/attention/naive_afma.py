"""AFMA straight from its equations: the whole map, layer by layer, independent of the package.

Each function takes the module, for its parameters, level and patch size alone. No layer of it is called.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def patches(x: Tensor, size: int) -> Tensor:
    """b c n size^2: the patches in reading order; what is left at the right and at the bottom is in none."""
    columns = F.unfold(x.flatten(0, 1).unsqueeze(1), size, stride=size)
    return columns.mT.unflatten(0, x.shape[:2])


def one_hot(ids: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """b classes h w; ids beyond the classes, such as 255, are of none."""
    return torch.stack([(ids == c).to(dtype) for c in range(classes)], 1)


def attention_map(module: nn.Module, image: Tensor, feature: Tensor) -> Tensor:
    """A = P Q^T / p^2: b classes n_image n_feature."""
    p, scale = module.patch_size, 2**module.level
    image_maps = F.conv2d(image, module.image_conv1.weight, module.image_conv1.bias, padding=3)
    image_maps = F.conv2d(image_maps, module.image_conv2.weight, module.image_conv2.bias, padding=1)
    inside = feature[..., : image.shape[2] // scale, : image.shape[3] // scale]
    feature_maps = F.conv2d(inside, module.feature_conv.weight, module.feature_conv.bias) / 4**module.level

    def embed(x: Tensor) -> Tensor:
        return torch.relu(patches(x, p) @ module.patch_linear1.weight.T @ module.patch_linear2.weight.T)

    return embed(image_maps) @ embed(feature_maps).mT / p**2


def correction(module: nn.Module, logits: Tensor, matrix: Tensor) -> Tensor:
    """Return A M with each row of A divided by its number of non-zeros, as a map; 0 outside patches."""
    p, (height, width) = module.patch_size, logits.shape[-2:]
    winners = one_hot(logits.argmax(1), logits.shape[1], logits.dtype)
    pooled = patches(F.avg_pool2d(winners, 2**module.level), p)
    corrected = matrix / ((matrix != 0).sum(-1, keepdim=True) + 1e-5) @ pooled
    folded = F.fold(corrected.mT.flatten(0, 1), (height, width), p, stride=p)
    return folded.unflatten(0, logits.shape[:2]).squeeze(2)


def refine(module: nn.Module, logits: Tensor, image: Tensor, feature: Tensor) -> Tensor:
    return logits * correction(module, logits, attention_map(module, image, feature)) + logits


def gold_map(module: nn.Module, mask: Tensor, matrix: Tensor) -> Tensor:
    """Return G, the product of the patches of the one-hot truth and of the average-pooled one-hot truth."""
    truth, p = one_hot(mask, matrix.shape[1], matrix.dtype), module.patch_size
    return patches(truth, p) @ patches(F.avg_pool2d(truth, 2**module.level), p).mT / p**2


def auxiliary_loss(module: nn.Module, matrix: Tensor, mask: Tensor) -> Tensor:
    """The mean of (A - gold)^2, over the pairs of patches in both of which something is known."""
    gold, known = gold_map(module, mask, matrix), (mask != 255).to(matrix.dtype).unsqueeze(1)
    if known.all():
        return F.mse_loss(matrix, gold)
    rows = patches(known, module.patch_size).sum(-1) > 0
    columns = patches(F.avg_pool2d(known, 2**module.level), module.patch_size).sum(-1) > 0
    pairs = (rows.unsqueeze(-1) & columns.unsqueeze(-2)).expand_as(matrix)
    return (matrix - gold)[pairs].square().mean()
