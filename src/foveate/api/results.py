"""Check and create the folder for results before work begins; never overwrite files without `overwrite`."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile

from foveate.errors import UserError


def check_folder(target: Path, images: Path | None = None) -> None:
    """Raise `UserError` if `target` is a file, or the folder of the input `images`."""
    if target.is_file():
        raise UserError(f"--out: {target} is a file; name a folder for the results")
    if images is None or not images.exists():
        return
    folder = images if images.is_dir() else images.parent
    if target.resolve() == folder.resolve():
        raise UserError(
            f"--out: {target} holds the images, which the results could replace; name another folder"
        )


def check_free(target: Path, names: Iterable[str], overwrite: bool) -> None:
    """Raise `UserError` if one of the files `names` exists in `target`, unless `overwrite`."""
    existing = (
        [] if overwrite else [name for name in names if os.path.exists(target / name)]
    )  # False for a name that is too long
    if existing:
        others = f" and {len(existing) - 1} more of the results" if len(existing) > 1 else ""
        are = "are" if len(existing) > 1 else "is"
        raise UserError(
            f"--out: {target / existing[0]}{others} {are} there already; name another folder, or add "
            "--overwrite to replace what is there"
        )


def make_folder(target: Path) -> None:
    """Create `target` if it is missing. Raise `UserError` if it cannot be written to."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=target):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--out: cannot write to {target} ({reason}); name another folder") from None


def check_file(target: Path, suffix: str, overwrite: bool) -> None:
    """Check the file that results go to, and create its folder.

    Raises `UserError` if it is a folder, has another suffix, exists already (unless `overwrite`), or if its
    folder cannot be written to.
    """
    if target.suffix.lower() != suffix or target.is_dir():
        raise UserError(f"--out: {target} is no name of a {suffix} file; name one such as model{suffix}")
    check_free(target.parent, [target.name], overwrite)
    make_folder(target.parent)
