"""Draw figures of what the attention of a run does, with a page of all figures, into a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.results import check_folder, check_free, make_folder
from foveate.errors import UserError
from foveate.models.hub import located
from foveate.models.packed import is_packed, opened
from foveate.models.weights_file import EXPORTED, find_model, run_folder
from foveate.specs.data import ANY_FOLDER, FolderChoice

if TYPE_CHECKING:
    from foveate.inspection.inspect import Inspection


def inspect(
    run: str | Path,
    images: str | Path | None = None,
    out: str | Path = "inspection",
    split: str = "test",
    pixels: Sequence[tuple[int, int]] = (),
    figures: Sequence[str] = (),
    limit: int = 8,
    overwrite: bool = False,
    device: str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    folder: FolderChoice = ANY_FOLDER,
) -> "tuple[Inspection, Path]":
    """Draw the figures of `foveate.inspection.inspect.inspect` and write a page of them; return both.

    run: a run directory, a packed run (.zip), or hf://USER/NAME. folder: what the user says about the folder
    of a dataset.

    Raises `UserError` as that does. Also if `out` holds the images, is not empty (unless `overwrite`), or
    cannot be written to. A new folder is removed if drawing fails.
    """
    target = Path(out)
    check_folder(target, None if images is None else Path(images))
    if target.is_dir():
        check_free(target, sorted(path.name for path in target.iterdir()), overwrite)
    path = find_model(located(run))
    if path.suffix.lower() in EXPORTED:
        raise UserError(f"{run}: attention in an exported file cannot be seen; name the run that it is of")
    from foveate.inspection.inspect import inspect as draw
    from foveate.report.inspection import write_page

    created = not target.exists()
    make_folder(target)
    try:
        with opened(path if is_packed(path) else run_folder(path)) as place:
            inspection = draw(place, target, images, split, pixels, figures, limit, device, progress, folder)
        inspection.run = str(run)
    except BaseException:
        if created and not any(target.iterdir()):
            target.rmdir()
        raise
    return inspection, write_page(inspection)
