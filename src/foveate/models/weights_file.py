"""Find the files of a trained model, without PyTorch."""

from pathlib import Path

from foveate.errors import UserError


def find_weights(path: str | Path, name: str = "best") -> Path:
    """Return the file of weights that `path` names: itself, or `NAME.safetensors` in that folder.

    Raises `UserError` where there is none, and for a file of another kind.
    """
    path = Path(path)
    weights = path if path.is_file() else path / f"{name}.safetensors"
    if not path.exists():
        raise UserError(
            f"{path}: there is no such file or folder; give the folder of a trained run, which holds "
            f"{weights.name}"
        )
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


def run_folder(weights: Path) -> Path:
    """Return the run directory of a file of weights.

    Raises `UserError` for weights other than the best: what is read from a run belongs to these.
    """
    if weights.name != "best.safetensors":
        raise UserError(
            f"{weights}: a run stands for its best.safetensors; name the folder {weights.parent}. foveate "
            "predict takes other weights, too"
        )
    return weights.parent


EXPORTED = (".onnx", ".xml")
"""Suffixes of exported files that predict."""


def find_model(path: str | Path) -> Path:
    """Return what `path` names: an exported file, a packed run (.zip), or a run's file of weights.

    Raises `UserError` where there is none, and for a file of another kind.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".pt2":
        raise UserError(
            f"{path}: PyTorch reads its exported programs with pickle, which can run code; load the run, or "
            "its .onnx file"
        )
    if suffix not in (*EXPORTED, ".zip") or path.is_dir():
        return find_weights(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    return path
