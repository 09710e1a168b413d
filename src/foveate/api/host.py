"""Check that the host can be built with its arm, before the images are read."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from foveate.errors import UserError
from foveate.specs.arm import parse_arm

if TYPE_CHECKING:
    from foveate.api.settings import Settings
    from foveate.specs.model import ModelSpec


def check_host(settings: "Settings", arm: str, defaults: "Mapping[str, ModelSpec]") -> None:
    """Build the host with its arm. Raise `UserError` naming the flags to change if that fails.

    defaults: the default host for each possible task of the data, taken if no arch is given. One of them must
    fit.
    """
    from foveate.training.build import seeded_model

    messages: list[str] = []
    for task, host in defaults.items():
        spec = settings.host(host, str(parse_arm(arm).network))
        try:
            seeded_model(replace(spec, encoder_weights="none"), classes=2, seed=0)
            return
        except UserError as error:
            if "arch" in settings.model or _names_an_option(str(error)):
                raise
            message = str(error).rstrip(".")
            messages.append(
                f"{message}. Without --arch the host for {task} is {spec.arch}: --arm, --encoder and "
                "--options must fit it, or --arch name another"
            )
    raise UserError(messages[0])


def _names_an_option(message: str) -> bool:
    """Whether the error is in an option of a mechanism: it then fails on every host.

    >>> _names_an_option("reduction='many': expected a whole number of at least 1")
    True
    """
    return bool(re.match(r"\w+=", message))
