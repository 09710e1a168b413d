"""Save and load last.ckpt: writes are atomic, and loading never executes code from the file."""

import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from foveate.errors import UserError
from foveate.files import write_whole

VERSION = 1


class CheckpointFile(TorchCheckpointIO):
    """Lightning's checkpoint files; a new one replaces the previous one only when it is fully written.

    Saving raises `UserError` if the disk is full. Loading raises `UserError` if the file is missing,
    truncated, of another version, or holds code.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        try:
            with write_whole(path) as file:
                torch.save({**checkpoint, "foveate_checkpoint": VERSION}, file)
        except (OSError, RuntimeError) as error:
            kept = "the previous checkpoint is unharmed; " if Path(path).exists() else ""
            raise UserError(
                f"{path} could not be written ({error}); {kept}free some disk space and resume the run"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such checkpoint") from None
        except pickle.UnpicklingError as error:
            raise UserError(
                f"{path} holds more than weights and numbers, which foveate never writes; it was not "
                "loaded and nothing in it was executed. Start the run anew in another folder"
            ) from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            reason = (str(error) or "it ends too early").splitlines()[0]
            raise UserError(
                f"{path} is truncated or not a checkpoint ({reason}); start the run anew in another folder"
            ) from error
        version = checkpoint.get("foveate_checkpoint") if isinstance(checkpoint, dict) else None
        if version != VERSION:
            raise UserError(
                f"{path} is a checkpoint of version {version}, this foveate reads version {VERSION}; resume "
                "with the foveate that began the run (see environment.json), or start anew in another folder"
            )
        return checkpoint
