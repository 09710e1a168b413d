"""Save and load a model: weights in `best.safetensors`, and in `config.json` the arguments that rebuild it.

Loading executes no code from disk: weights are safetensors, the config is JSON. Both are written atomically.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model as load_tensors
from safetensors.torch import save as serialise
from torch import Tensor, nn

from foveate.data.pixels.limits import MAX_PIXELS
from foveate.errors import UserError
from foveate.files import write_whole
from foveate.models.create import create_model
from foveate.models.host import Host
from foveate.models.packed import opened
from foveate.models.weights_file import find_weights

FORMAT = 1
LARGEST = 65_536
"""Limit of every number in a config, so that a damaged config cannot allocate huge tensors."""


def save_model(model: Host, folder: str | Path, name: str = "best") -> Path:
    """Write `folder/NAME.safetensors` and `folder/config.json`; return the path of the weights.

    The config holds the format's version, the model's `config` and its `notes` (class names, size, ..., in
    JSON types). Each file replaces the previous one only when it is complete: on a full disk, a `UserError`
    is raised and the previous checkpoint is kept.
    """
    folder = Path(folder)
    weights = folder / f"{name}.safetensors"
    config = {"format": FORMAT, "model": model.config, "notes": model.notes}
    try:
        text = json.dumps(config, indent=2)
        with write_whole(weights) as file:
            file.write(serialise(_distinct(model.state_dict())))
        with write_whole(folder / "config.json", "w") as file:
            file.write(text)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{weights}: the checkpoint cannot be written ({error}); the previous one is kept"
        ) from error
    return weights


def load_model(path: str | Path, name: str = "best") -> Host:
    """Rebuild a model from a folder that `save_model` wrote to, a .safetensors file in it, or a packed run.

    The model is in evaluation mode, on the CPU; nothing is downloaded. Raises `UserError` if a file is
    missing, truncated, a pickle, or of another version, or if the weights do not fit the model in the config.
    """
    with opened(path) as folder:
        weights = find_weights(folder, name)
        config = _read_config(weights.parent / "config.json")
        model = _rebuild(config, weights.parent / "config.json")
        _load_weights(model, weights)
        return model.eval()


def _distinct(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a state_dict, tied ones under their first name only: loading ties them again."""
    first_names: dict[tuple, str] = {}
    for name, tensor in state.items():
        storage = tensor.data_ptr() or name
        first_names.setdefault((storage, tensor.shape, tensor.stride()), name)
    return {name: state[name].contiguous() for name in first_names.values()}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: missing; a checkpoint is config.json beside its .safetensors file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON, perhaps truncated ({error})") from error
    version = config.get("format") if isinstance(config, dict) else None
    if version != FORMAT:
        raise UserError(
            f"{path}: a checkpoint of format {version!r}, this foveate reads format {FORMAT}; "
            "use the version of foveate that wrote it"
        )
    if not isinstance(config.get("model"), dict):
        raise UserError(f"{path}: lacks the entry 'model'")
    if not isinstance(config.setdefault("notes", {}), dict):
        raise UserError(f"{path}: the entry 'notes' is not a table of names and values")
    # The scale of bands is in the files' own unit, and allocates nothing.
    notes = {name: value for name, value in config["notes"].items() if name != "bands"}
    _check_numbers({**config, "notes": notes}, path)
    match config["notes"].get("size"):
        case [int(height), int(width)] if height * width > MAX_PIXELS:
            raise UserError(f"{path}: images of {height}x{width} are larger than any image may be")
    return config


def _check_numbers(value: Any, path: Path, name: str = "") -> None:
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            _check_numbers(part, path, f"{name}.{key}" if name else str(key))
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise UserError(f"{path}: {name} is {value}, above the limit {LARGEST}; the file may be damaged")


def _rebuild(config: dict[str, Any], path: Path) -> Host:
    arguments = dict(config["model"])
    try:
        mean, std = arguments.pop("mean"), arguments.pop("std")
        with torch.random.fork_rng(devices=[]):
            model = create_model(**arguments.pop("options"), **arguments, encoder_weights=None)
        model.set_normalisation(mean, std)
    except (KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise UserError(f"{path}: the model it describes cannot be built: {error}") from error
    model.notes = config["notes"]
    return model


def _load_weights(model: nn.Module, path: Path) -> None:
    try:
        load_tensors(model, path, strict=True)
    except SafetensorError as error:
        start = path.read_bytes()[:2] if path.stat().st_size else b""
        pickled = start in (b"PK", b"\x80\x02", b"\x80\x04")
        kind = "a pickle, which can run code and is not read" if pickled else "truncated or of another kind"
        raise UserError(f"{path}: not a readable safetensors file ({kind}; {error})") from error
    except RuntimeError as error:
        raise UserError(f"{path}: the weights are not those of the model in config.json: {error}") from error
