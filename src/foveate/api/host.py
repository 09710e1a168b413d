"""The host that a call trains, built with its arm before anything is read, or little."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from foveate.errors import UserError

if TYPE_CHECKING:
    from foveate.api.settings import Settings
    from foveate.specs.model import ModelSpec


def check_host(asked: "Settings", arm: str, usual: "Mapping[str, ModelSpec]") -> None:
    """Build the host with its arm, and say by which flags what is wrong can be mended.

    usual: by the task of the data, the host that is taken where no arch is given. While the task is not
    known, it is enough that one of them can be built.
    """
    from foveate.training.build import seeded_model

    told: list[str] = []
    for task, host in usual.items():
        spec = asked.host(host, arm)
        try:
            seeded_model(replace(spec, encoder_weights="none"), classes=2, seed=0)
            return
        except UserError as error:
            if "arch" in asked.model or _names_an_option(str(error)):
                raise
            said = str(error).rstrip(".")
            told.append(
                f"{said}. Without --arch the host for {task} is {spec.arch}: --arm, --encoder and --options "
                "must fit it, or --arch name another"
            )
    raise UserError(told[0])


def _names_an_option(message: str) -> bool:
    """Whether an option of a mechanism is at fault, which is the same on every host.

    >>> _names_an_option("reduction='many': expected a whole number of at least 1")
    True
    """
    return bool(re.match(r"\w+=", message))
