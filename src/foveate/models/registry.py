"""Hosts by name: how each is built, the encoder it has of its own, and the arm it was published with."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foveate.errors import choose

from .host import Host


@dataclass(frozen=True)
class Wanted:
    """What every host is built from; `download` names pretrained weights, `config` is what the host keeps."""

    arch: str
    encoder_name: str
    download: str | None
    in_channels: int
    classes: int
    config: dict[str, Any]


Builder = Callable[..., Host]


@dataclass(frozen=True)
class Recipe:
    """A registered host.

    build: `(wanted, **options)`. encoder: from the options to the name of the host's own encoder, "none" for
    a host without. arm: what `create_model` attaches unless told otherwise.
    """

    build: Builder
    encoder: Callable[..., str]
    arm: str


HOSTS: dict[str, Recipe] = {}


def host(
    *names: str, encoder: str | Callable[..., str] = "resnet18", arm: str = "none"
) -> Callable[[Builder], Builder]:
    """Register a builder; a name that is taken raises."""

    def register(build: Builder) -> Builder:
        own = encoder if callable(encoder) else lambda **options: encoder
        for name in names:
            if name in HOSTS:
                raise RuntimeError(f"two hosts are called '{name}'")
            HOSTS[name] = Recipe(build, own, arm)
        return build

    return register


def build_host(wanted: Wanted, options: dict[str, Any]) -> Host:
    """Build a host. Options that its builder does not take raise a `UserError` with the nearest."""
    build = HOSTS[wanted.arch].build
    parameters = list(inspect.signature(build).parameters.values())[1:]
    if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
        check_options(wanted.arch, options, [parameter.name for parameter in parameters])
    return build(wanted, **options)


def check_options(arch: str, options: dict[str, Any], allowed: list[str]) -> None:
    for name in options:
        choose(name, allowed, f"option of {arch}")
