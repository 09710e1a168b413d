"""A small variant of every host: the layers and the strides of the published one, few of each, narrow."""

from typing import Any

import torch
from torch import nn

from foveate.models.create import create_model
from foveate.models.host import Host

RESNET = {"encoder_name": "tu-test_resnet"}
DECODER = RESNET | {"decoder_channels": [16, 16, 8, 8, 8]}
RESIDUAL = {"modules": [1, 1, 1], "depths": [1, 1, 1], "widths": [16, 16, 24, 24]}

SMALL: dict[str, dict[str, Any]] = {
    "attention115": RESIDUAL,
    "attention236_cifar": RESIDUAL,
    "attention452_cifar": RESIDUAL,
    "attention56": RESIDUAL,
    "attention92": RESIDUAL,
    "attention92_cifar": RESIDUAL,
    "classifier": {"encoder_name": "test_resnet"},
    "deeplabv3": RESNET | {"decoder_channels": 16},
    "deeplabv3plus": RESNET | {"decoder_channels": 16},
    "dpt": {
        "encoder_name": "tu-test_vit",
        "encoder_depth": 4,
        "decoder_intermediate_channels": [16, 16, 24, 24],
        "decoder_fusion_channels": 16,
    },
    "fcbformer": {"encoder_name": "tu-pvt_v2_b0"},
    "fcn": RESNET,
    "fcn_torchvision": {},
    "fpn": RESNET | {"decoder_pyramid_channels": 16, "decoder_segmentation_channels": 64},
    "linknet": RESNET,
    "manet": DECODER,
    "mssa": {},
    "pan": RESNET | {"decoder_channels": 16},
    "pspnet": RESNET | {"psp_out_channels": 16},
    "resnet164_cifar": {"depth": 20},
    "segformer": RESNET | {"decoder_segmentation_channels": 16},
    "smooth_unet": RESNET,
    "unet": DECODER,
    "unetplusplus": DECODER,
    "upernet": RESNET | {"decoder_channels": 16},
}

ALIKE = {"attention92", "attention236_cifar", "attention452_cifar"}
"""Hosts that differ from another in the numbers and sizes of their modules only."""


def small(arch: str, **arguments: Any) -> Host:
    """The small variant of a host, of seed 0, with its residual branches open, which timm's start closed."""
    torch.manual_seed(0)
    model = create_model(arch, **SMALL[arch] | arguments)
    for module in model.network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.any():
            nn.init.ones_(module.weight)
    return model
