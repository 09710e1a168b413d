"""Predict one image in tiles, into a file of rows that a killed command leaves and the next one continues."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import UserError
from foveate.files import folder_lock, write_whole

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy import ndarray

    from foveate.prediction.predictor import Predictor
    from foveate.prediction.tiling import Tiling

ROWS, STATE = "mask.rows", "state.json"


@contextmanager
def tiled_mask(
    predictor: "Predictor",
    model: Path,
    image: Path,
    work: Path,
    tiling: "Tiling",
    progress: Callable[[float], None] | None = None,
) -> Iterator["UInt8[ndarray, 'h w']"]:
    """Give the mask of an image, predicted in tiles, as an array that lies in a file.

    model: the file of the network. work: a folder for unfinished work, beside the results. It holds the rows
    of the mask that are done, is continued if it is of the same image, network and tiles, and is removed when
    the block ends without an error. progress: called with the share that is done.

    Raises `UserError` if the image cannot be read, or if another process works in the same folder.
    """
    import numpy as np

    from foveate.prediction.rows import image_size

    size = image_size(image)
    made = {"size": list(size), "tiling": vars(tiling), "image": _stamp(image), "model": _stamp(model)}
    work.mkdir(exist_ok=True)
    with folder_lock(work):
        done = _rows_done(work, made)
        _predict_rows(predictor, image, work, tiling, size, done, made, progress)
        mask = np.memmap(work / ROWS, np.uint8, "r", shape=size)
        yield mask
        del mask
        shutil.rmtree(work)


def _predict_rows(
    predictor: "Predictor",
    image: Path,
    work: Path,
    tiling: "Tiling",
    size: tuple[int, int],
    done: int,
    made: dict[str, Any],
    progress: Callable[[float], None] | None,
) -> None:
    from foveate.prediction.rows import pixel_rows
    from foveate.prediction.tiled import first_seen, predict_tiles

    def advance(tiles: int, of: int) -> None:
        if progress is not None:
            progress(tiles / of)

    if done >= size[0]:
        return
    parts = pixel_rows(image, predictor.facts.bands, first_seen(size, tiling, done))
    with open(work / ROWS, "r+b" if done else "wb") as file:
        file.truncate(done * size[1])
        file.seek(0, os.SEEK_END)
        for first, mask in predict_tiles(predictor, parts, size, tiling, str(image), done, advance):
            file.write(mask.data)
            file.flush()
            os.fsync(file.fileno())
            with write_whole(work / STATE, "w") as state:
                json.dump({**made, "rows": first + len(mask)}, state)


def _rows_done(work: Path, made: dict[str, Any]) -> int:
    """Return the rows of the mask that an earlier command finished; 0 if it made something else."""
    try:
        state = json.loads((work / STATE).read_text(encoding="utf-8"))
        rows = state.pop("rows")
        stored = (work / ROWS).stat().st_size
    except (OSError, ValueError, KeyError, AttributeError):
        return 0
    fits = state == made and isinstance(rows, int) and 0 <= rows * made["size"][1] <= stored
    return rows if fits and rows <= made["size"][0] else 0


def _stamp(path: Path) -> list[Any]:
    """Return what tells a file from another, or from what it was before."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


def check_tileable(predictor: "Predictor") -> None:
    """Raise `UserError` for a network that cannot predict tiles."""
    if predictor.task == "classification":
        raise UserError("--tile: a classifier predicts an image as a whole; leave out --tile")
    if any(getattr(predictor.model, "shape", (None,) * 4)[2:]):
        raise UserError(
            f"{predictor.model.path}: takes images of one fixed size; export without --fixed for tiles"
        )
