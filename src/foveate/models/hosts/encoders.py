"""Encoders of segmentation_models_pytorch, and hosts built on them."""

import segmentation_models_pytorch as smp
from torch import nn

from foveate.errors import UserError
from foveate.models.host import Host
from foveate.models.hosts.registry import HostRequest


def create_encoder(request: HostRequest) -> nn.Module:
    """Build an encoder of segmentation_models_pytorch with features at strides 1 to 32."""
    try:
        encoder = smp.encoders.get_encoder(
            request.encoder_name, in_channels=request.in_channels, weights=request.download
        )
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, AssertionError) as error:
        raise UserError(
            f"{request.arch} cannot be built with the encoder {request.encoder_name}: {error}"
        ) from error
    return encoder


def host_on_encoder(network: nn.Module, request: HostRequest) -> Host:
    """Return a host of a network whose submodule `encoder` has strides up to 32."""
    return Host(network, request.config, multiple=32, encoder="encoder")
