"""Registry of hosts: for each name its builder, its options, its default encoder and its published arm."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from foveate.errors import choose
from foveate.models.host import Host
from foveate.models.hosts.option_types import check_type


@dataclass(frozen=True)
class HostRequest:
    """The arguments of a host's builder.

    arch: registered name of the host. encoder_name: encoder, or "none". download: name of pretrained encoder
    weights, or None. in_channels, classes: numbers of channels. config: arguments that rebuild the host.
    """

    arch: str
    encoder_name: str
    download: str | None
    in_channels: int
    classes: int
    config: dict[str, Any]


Builder = Callable[..., Host]


@dataclass(frozen=True)
class RegisteredHost:
    """A registered host.

    build: called as `build(request, **options)`. options: names and types of the options. encoder: maps the
    options to the name of the default encoder, "none" for a host without one. arm: the arm that
    `create_model` attaches by default. one_logit: whether the host was published with one logit for two
    classes.
    """

    build: Builder
    options: Mapping[str, Any]
    encoder: Callable[..., str]
    arm: str
    one_logit: bool


HOSTS: dict[str, RegisteredHost] = {}


def host(
    *names: str,
    options: Mapping[str, Any] | None = None,
    encoder: str | Callable[..., str] = "resnet18",
    arm: str = "none",
    one_logit: bool = False,
) -> Callable[[Builder], Builder]:
    """Return a decorator that registers a builder under each name; raise `RuntimeError` for a taken name.

    options: names and types; by default those of the builder's signature. encoder, arm, one_logit:
    see `RegisteredHost`.
    """

    def register(build: Builder) -> Builder:
        default = encoder if callable(encoder) else lambda **options: encoder
        for name in names:
            if name in HOSTS:
                raise RuntimeError(f"two hosts are called '{name}'")
            known = types_of(build) if options is None else options
            HOSTS[name] = RegisteredHost(build, known, default, arm, one_logit)
        return build

    return register


def types_of(build: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters of a function or method after its first, with their annotated types.

    >>> def build(request, head: str = "8s"): ...
    >>> types_of(build)
    {'head': <class 'str'>}
    """
    _, *parameters = inspect.signature(build).parameters.values()
    return {parameter.name: parameter.annotation for parameter in parameters}


def check_options(arch: str, options: Mapping[str, Any]) -> None:
    """Raise a `UserError` for an unknown option (with the nearest name) or a value of the wrong type."""
    known = HOSTS[arch].options
    for name, value in options.items():
        check_type(name, value, known[choose(name, known, f"option of {arch}")])
