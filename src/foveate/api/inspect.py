"""What the attention of a run does, drawn into a folder that opens with a page of all figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.results import check_folder, check_free, make_folder
from foveate.models.weights_file import find_weights

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
) -> "tuple[Inspection, Path]":
    """Draw as `foveate.inspection.inspect.inspect` does, and write the page; returns both.

    Raises `UserError` as that does, where figures would replace the images or, unless `overwrite`, anything
    in `out`, and where `out` cannot be written to. A folder that was made for nothing is removed.
    """
    target = Path(out)
    check_folder(target, None if images is None else Path(images))
    if target.is_dir():
        check_free(target, sorted(path.name for path in target.iterdir()), overwrite)
    find_weights(run)
    from foveate.inspection.inspect import inspect as draw
    from foveate.report.inspection import write_page

    made = not target.exists()
    make_folder(target)
    try:
        found = draw(run, target, images, split, pixels, figures, limit, device, progress)
    except BaseException:
        if made and not any(target.iterdir()):
            target.rmdir()
        raise
    return found, write_page(found)
