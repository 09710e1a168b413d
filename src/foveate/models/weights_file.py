"""Find the file of a trained model's weights, without PyTorch."""

from pathlib import Path

from foveate.errors import UserError


def find_weights(path: str | Path, name: str = "best") -> Path:
    """Return the file of weights that `path` names: itself, or `NAME.safetensors` in that folder.

    Raises `UserError` where there is none, and for a file of another kind.
    """
    path = Path(path)
    weights = path if path.is_file() else path / f"{name}.safetensors"
    if not weights.is_file():
        matches = [match for depth in ("*", "*/*", "*/*/*") for match in path.glob(f"{depth}/{weights.name}")]
        example = f", such as {min(matches).parent}" if matches else ""
        raise UserError(
            f"{weights}: there is no such checkpoint; give the folder that holds {weights.name}{example}"
        )
    if weights.suffix != ".safetensors":
        raise UserError(
            f"{weights}: not a .safetensors file; checkpoints of other kinds can run code and are not read"
        )
    return weights
