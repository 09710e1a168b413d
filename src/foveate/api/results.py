"""The folder that takes a command's results: checked before the work, and never written over unasked."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile

from foveate.errors import UserError


def check_folder(target: Path, images: Path | None = None) -> None:
    """See that `target` is no file and does not hold the `images` that are read."""
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
    """See that none of the files `names` is in `target`, unless they may be replaced."""
    there = [] if overwrite else [name for name in names if (target / name).exists()]
    if there:
        others = f" and {len(there) - 1} more of the results" if len(there) > 1 else ""
        are = "are" if len(there) > 1 else "is"
        raise UserError(
            f"--out: {target / there[0]}{others} {are} there already; name another folder, or add "
            "--overwrite to replace what is there"
        )


def make_folder(target: Path) -> None:
    """Make `target` if need be, and see that it can be written to."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=target):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--out: cannot write to {target} ({reason}); name another folder") from None
