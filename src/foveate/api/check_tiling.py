"""Measure what tiles change on an image, and propose how large they should be."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.tiles import multiple_of
from foveate.errors import UserError
from foveate.models.hub import located
from foveate.models.weights_file import find_model

if TYPE_CHECKING:
    from foveate.data.dataset import Pixels
    from foveate.prediction.predictor import Predictor
    from foveate.prediction.seams import Seams
    from foveate.prediction.tiling import Tiling

TILES = (256, 512, 1024)
PARTS = (8, 4, 2)
"""Overlaps that are tried, as parts of a tile."""

LARGEST = 2048
"""Pixels a side of the middle of an image that is predicted whole."""


@dataclass(frozen=True)
class TilingCheck:
    """The result of `check_tiling`. size: height and width of the part of the image that was predicted."""

    image: Path
    size: tuple[int, int]
    seams: tuple["Seams", ...]
    proposed: "Seams"


def check_tiling(
    run: str | Path,
    image: str | Path,
    tile: int | None = None,
    overlap: int | str = "auto",
    device: str | None = None,
) -> TilingCheck:
    """Predict the middle of an image whole and in tiles; count the pixels that differ.

    At most 2048 pixels a side are predicted, at the image's own scale. tile, overlap: the sizes to try;
    without them, tiles of 256, 512 and 1024 with overlaps of an eighth, a quarter and a half. Raises
    `UserError` for a classifier, and for an image that is not larger than the tiles.
    """
    path = Path(image)
    if path.is_dir() or not path.exists():
        raise UserError(f"{path}: --check-tiling needs one image; name an image like those to be predicted")
    run = located(run)
    find_model(run)
    from foveate.prediction.predictor import load
    from foveate.prediction.seams import compare_tilings, propose

    predictor = load(run, device)
    if predictor.task == "classification":
        raise UserError("--check-tiling: a classifier predicts an image as a whole, not in tiles")
    pixels = _middle(predictor, path)
    tilings = _tilings(predictor, max(pixels.shape[:2]), tile, overlap)
    if not tilings:
        raise UserError(
            f"{path}: {pixels.shape[0]} x {pixels.shape[1]} pixels are looked at, and tiles must be smaller; "
            "name a larger image, or a smaller --tile"
        )
    seams = compare_tilings(predictor, pixels, tilings)
    return TilingCheck(path, pixels.shape[:2], tuple(seams), propose(seams))


def _middle(predictor: "Predictor", path: Path) -> "Pixels":
    import numpy as np

    from foveate.prediction.rows import image_size, pixel_rows

    height, width = image_size(path)
    top, left = max(0, height - LARGEST) // 2, max(0, width - LARGEST) // 2
    bottom = min(height, top + LARGEST)
    held = []
    for first, pixels in pixel_rows(path, predictor.facts.bands, top):
        held.append(pixels[max(0, top - first) : bottom - first, left : left + LARGEST])
        if first + len(pixels) >= bottom:
            break
    return np.concatenate(held)


def _tilings(predictor: "Predictor", side: int, tile: int | None, overlap: int | str) -> list["Tiling"]:
    """Return the tilings to try, of which an image of this longer side needs several tiles."""
    from foveate.prediction.tiling import Tiling

    sizes = [
        (each, each // part if overlap == "auto" else int(overlap))
        for each in (TILES if tile is None else (tile,))
        for part in (PARTS if overlap == "auto" else (1,))
        if tile is not None or overlap == "auto" or 2 * int(overlap) <= each
    ]
    multiple = multiple_of(predictor)
    tilings = dict.fromkeys(Tiling(*each, multiple) for each in sizes)
    return [tiling for tiling in tilings if len(tiling.spans(side)) > 1]
