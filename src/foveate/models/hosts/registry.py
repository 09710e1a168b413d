"""Hosts by name: how each is built, the encoder it has of its own, and the arm it was published with."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from foveate.errors import choose
from foveate.models.host import Host
from foveate.models.hosts.option_types import check_type


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

    build: `(wanted, **options)`. options: their names and types. encoder: from the options to the name of the
    host's own encoder, "none" for a host without. arm: what `create_model` attaches unless told otherwise.
    one_logit: whether it was published with a single logit for two classes.
    """

    build: Builder
    options: Mapping[str, Any]
    encoder: Callable[..., str]
    arm: str
    one_logit: bool


HOSTS: dict[str, Recipe] = {}


def host(
    *names: str,
    options: Mapping[str, Any] | None = None,
    encoder: str | Callable[..., str] = "resnet18",
    arm: str = "none",
    one_logit: bool = False,
) -> Callable[[Builder], Builder]:
    """Register a builder, with its options as its signature has them or as given; a name taken raises."""

    def register(build: Builder) -> Builder:
        own = encoder if callable(encoder) else lambda **options: encoder
        for name in names:
            if name in HOSTS:
                raise RuntimeError(f"two hosts are called '{name}'")
            known = types_of(build) if options is None else options
            HOSTS[name] = Recipe(build, known, own, arm, one_logit)
        return build

    return register


def types_of(build: Callable[..., Any]) -> dict[str, Any]:
    """The parameters that a function or method has behind its first, with their annotated types.

    >>> def build(wanted, head: str = "8s"): ...
    >>> types_of(build)
    {'head': <class 'str'>}
    """
    _, *parameters = inspect.signature(build).parameters.values()
    return {parameter.name: parameter.annotation for parameter in parameters}


def check_options(arch: str, options: Mapping[str, Any]) -> None:
    """Raise a `UserError` for an option that the host does not take, with the nearest, or of another type."""
    known = HOSTS[arch].options
    for name, value in options.items():
        check_type(name, value, known[choose(name, known, f"option of {arch}")])
