"""Predict one image in tiles, into a file of rows that a killed command leaves and the next one continues."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import UserError
from foveate.files import folder_lock, write_whole

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy import ndarray

    from foveate.prediction.predictor import Predictor
    from foveate.prediction.tiling import Tiling

TILE = 1024
"""Pixels a side of tiles, unless the user says otherwise."""

BYTES_PER_PIXEL = 1000
"""Memory that a network takes for each pixel of an image; 500 to 700 were measured for U-Net (ResNet-18,
ResNet-50) and DeepLabV3+ (ResNet-18)."""

ROWS, STATE = "mask.rows", "state.json"


@dataclass
class Tiles:
    """Which images are predicted in tiles, and how.

    models: the files of the networks. tile: pixels a side; None for 1024, for images that need tiles.
    overlap: pixels; "auto" for a quarter of a tile. notes: what was done with which image.
    """

    models: tuple[Path, ...]
    tile: int | None = None
    overlap: int | str = "auto"
    notes: list[str] = field(default_factory=list)

    def tiling(self, predictor: "Predictor", image: Path) -> "Tiling | None":
        """Return how an image is cut into tiles; None to predict it whole.

        Without `tile`, an image needs tiles if it has more than `MAX_PIXELS` pixels, or if the network would
        take more than half of the free memory for it. Raises `UserError` for an image that cannot be read,
        and for a network that takes no tiles.
        """
        from foveate.prediction.rows import image_size
        from foveate.prediction.tiling import Tiling

        if self.tile is None and _fits(predictor, image_size(image)):
            return None
        if any(getattr(predictor.model, "shape", (None,) * 4)[2:]):
            raise UserError(
                f"{self.models[0]}: takes images of one fixed size; for tiles, export without --fixed"
            )
        tile = TILE if self.tile is None else self.tile
        overlap = tile // 4 if self.overlap == "auto" else int(self.overlap)
        return Tiling(tile, overlap, multiple_of(predictor))

    @contextmanager
    def mask(
        self,
        predictor: "Predictor",
        image: Path,
        work: Path,
        tiling: "Tiling",
        progress: Callable[[float], None] | None = None,
    ) -> Iterator["UInt8[ndarray, 'h w']"]:
        """Give the mask of an image, predicted in tiles, as an array that lies in a file.

        work: a folder for unfinished work, beside the results. It holds the rows of the mask that are done,
        is continued if it is of the same image, network and tiles, and is removed when the block ends without
        an error. progress: called with the share that is done.

        Raises `UserError` if the image cannot be read, or if another process works in the same folder.
        """
        import numpy as np

        from foveate.prediction.rows import image_size

        size = image_size(image)
        together = [getattr(predictor.model, name, None) for name in ("weights", "temperature")]
        files = [_stamp(path) for path in (image, *self.models)]
        made = json.loads(
            json.dumps({"size": size, "tiling": vars(tiling), "files": files, "ensemble": together})
        )
        work.mkdir(exist_ok=True)
        with folder_lock(work):
            done = _rows_done(work, made)
            self.notes.append(_note(predictor, image, size, tiling, done))
            _predict_rows(predictor, image, work, tiling, size, done, made, progress)
            mask = np.memmap(work / ROWS, np.uint8, "r", shape=size)
            yield mask
            del mask
            shutil.rmtree(work)


def _note(predictor: "Predictor", image: Path, size: tuple[int, int], tiling: "Tiling", done: int) -> str:
    count = len(tiling.spans(size[0])) * len(tiling.spans(size[1]))
    seen = (
        f"; the run saw images resized to {predictor.size[0]} x {predictor.size[1]}" if predictor.size else ""
    )
    continued = f", continued at row {done}" if done else ""
    return (
        f"{image.name}: {size[0]} x {size[1]} pixels (height x width) in {count} tiles of {tiling.tile}, "
        f"which overlap by {tiling.overlap}, at the image's own scale{seen}{continued}"
    )


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


def multiple_of(predictor: "Predictor") -> int:
    """Return the pixels on whose multiples tiles begin, for the grid of the network in every view."""
    scales = predictor.facts.test_scales
    factor = next((k for k in (1, 2, 4) if all(float(scale * k).is_integer() for scale in scales)), 1)
    return factor * getattr(predictor.model, "multiple", 32)


def _fits(predictor: "Predictor", size: tuple[int, int]) -> bool:
    import psutil
    import torch

    from foveate.data.pixels.limits import MAX_PIXELS

    if size[0] * size[1] > MAX_PIXELS:
        return False
    height, width = predictor.size or size
    needed = height * width * max(1, *predictor.facts.test_scales) ** 2 * BYTES_PER_PIXEL
    cuda = predictor.device.type == "cuda"
    free = torch.cuda.mem_get_info(predictor.device)[0] if cuda else psutil.virtual_memory().available
    return needed <= free / 2
