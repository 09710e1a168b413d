"""`foveate summary`: the layers of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import UserError

if TYPE_CHECKING:
    from foveate.inspection.layers import Layer

SIZE = (224, 224)


def summary(
    network: str | Path,
    arm: str = "none",
    encoder: str = "auto",
    options: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    classes: int = 2,
    channels: int = 3,
    depth: int = 2,
) -> "tuple[Layer, str]":
    """Return the tree of a network's layers, for one image of `size` (height, width), and its title.

    network: a host, a timm name, or a run directory, which has its own arm, encoder, options, classes and
    channels. depth: levels of modules that are shown.

    Raises `UserError` for an unknown network, arm or option.
    """
    from foveate.inspection.layers import layers_of
    from foveate.models.checkpoints import load_model
    from foveate.models.create import check_no_arguments, create_model

    if depth < 1:
        raise UserError(f"--depth: {depth} levels show nothing; give 1 or more")
    if (Path(network) / "config.json").is_file():
        if arm != "none" or encoder != "auto" or options:
            raise UserError(f"{network}: is a run, and has its own arm, encoder and options; leave these out")
        model = load_model(network)
        size = size or tuple(model.notes.get("size", SIZE))
        title = f"{network}: {model.config['arm']}" if model.config["arm"] != "none" else str(network)
    else:
        check_no_arguments(options or {})
        given = {"in_channels": channels, "classes": classes, "arm": arm, "gate": "zero"}
        model = create_model(str(network), encoder, None, **given, **(options or {}))
        named = model.config["encoder_name"]
        host = str(network) if named in ("none", str(network)) else f"{network} with {named}"
        title = host if arm == "none" else f"{host}, {arm}"
    height, width = size = size or SIZE
    return layers_of(model.eval(), size, depth), f"{title}, at {height}x{width}"
