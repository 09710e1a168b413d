"""Encoders of segmentation_models_pytorch, and hosts that stand on one."""

import segmentation_models_pytorch as smp
from torch import nn

from foveate.errors import UserError
from foveate.models.host import Host
from foveate.models.hosts.registry import Wanted


def create_encoder(wanted: Wanted) -> nn.Module:
    """An encoder of segmentation_models_pytorch with features at strides 1 to 32."""
    try:
        encoder = smp.encoders.get_encoder(
            wanted.encoder_name, in_channels=wanted.in_channels, weights=wanted.download
        )
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, AssertionError) as error:
        raise UserError(
            f"{wanted.arch} cannot be built with the encoder {wanted.encoder_name}: {error}"
        ) from error
    return encoder


def on_encoder(network: nn.Module, wanted: Wanted) -> Host:
    """A host of a network whose `encoder` has strides up to 32."""
    return Host(network, wanted.config, multiple=32, encoder="encoder")
