"""Receptive field: the part of the image that one output of a host depends on."""

import copy

import torch
from torch import Tensor, nn

from foveate.models.host import Host


def receptive_field(model: Host, size: tuple[int, int], passes: int = 4) -> tuple[int, int]:
    """Height and width, in pixels, of what the output in the middle of an image depends on.

    For segmentation the output is the logits of the middle pixel; for classification, the middle position of
    the feature map that the classifier averages. It is measured on a copy of the model, in evaluation: the
    largest extent of input gradients that are not 0, over several random images. Parameters that start at 0,
    as the last normalisation of residual blocks, are drawn at random there. A global mechanism gives the
    whole `size`.

    >>> from foveate.models.create import create_model
    >>> local = create_model("unet", "resnet18", encoder_depth=2, decoder_channels=[32, 16])
    >>> receptive_field(local, (160, 160))
    (55, 55)
    """
    model = copy.deepcopy(model).eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.eq(0).all():
                parameter.copy_(torch.rand(parameter.shape, generator=random) + 0.5)
    rows, columns = torch.zeros(size[0], dtype=torch.bool), torch.zeros(size[1], dtype=torch.bool)
    reference = next(model.parameters())
    for _ in range(passes):
        image = torch.rand(1, model.mean.shape[1], *size, generator=random).to(reference).requires_grad_()
        (gradient,) = torch.autograd.grad(_middle(model, image).abs().sum(), image)
        touched = (gradient != 0).any(1)[0].cpu()
        rows |= touched.any(1)
        columns |= touched.any(0)
    return _extent(rows), _extent(columns)


def _middle(model: Host, image: Tensor) -> Tensor:
    """The output in the middle: all its channels."""
    if model.task == "segmentation":
        return model(image)[0, :, image.shape[-2] // 2, image.shape[-1] // 2]
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[-2:]) > 1:
            maps.append(output)

    for module in model.network.modules():
        module.register_forward_hook(keep)
    model(image)
    last = maps[-1]
    return last[0, :, last.shape[-2] // 2, last.shape[-1] // 2]


def _extent(touched: Tensor) -> int:
    positions = touched.nonzero()
    return int(positions.max() - positions.min() + 1) if len(positions) else 0
