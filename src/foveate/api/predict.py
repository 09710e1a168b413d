"""Predict an image or a folder of images, and write masks or labels to files."""

import csv
import errno
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.drift_check import DriftCheck
from foveate.api.ensemble import settled_temperature
from foveate.api.masks_out import MasksOut
from foveate.api.results import check_folder, check_free, make_folder
from foveate.api.tiles import Tiles
from foveate.errors import UserError
from foveate.models.hub import located
from foveate.models.several import several_runs
from foveate.models.weights_file import find_model

if TYPE_CHECKING:
    from foveate.data.dataset import Pixels
    from foveate.prediction.assemble import Prediction
    from foveate.prediction.predictor import Predictor
    from foveate.watching.drift import Drift

    PredictPixels = Callable[[Pixels], Prediction]

NAME_BYTES = 255
"""The longest name of a file, in bytes, on all common file systems."""

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Errors of the disk that results are written to, not of one image."""

_MEMORY = ("out of memory", "can't allocate memory")
"""What PyTorch says on a GPU and on a CPU."""


@dataclass(frozen=True)
class PredictedFolder:
    """The result of `predict`. images: number of images. left_out: an error for each image without a
    result. notes: how images were read, where that can be done in several ways. drift: of each sign of the
    images, the largest index first; empty without `check_drift`.
    """

    folder: Path
    task: str
    images: int
    left_out: tuple[UserError, ...]
    notes: tuple[str, ...] = ()
    drift: "tuple[Drift, ...]" = ()


def predict(
    run: str | Path | Sequence[str | Path],
    images: str | Path,
    out: str | Path = "predictions",
    overwrite: bool = False,
    device: str | None = None,
    progress: Callable[[float, int, str], None] | None = None,
    tile: int | None = None,
    overlap: int | str = "auto",
    format: str | None = None,
    check_drift: bool = False,
    baseline: str | Path | None = None,
    weights: Sequence[float] = (),
    temperature: float | str = 1.0,
) -> PredictedFolder:
    """Predict an image or a folder of images, and write the results to the folder `out`.

    For each image: NAME.png with class ids, NAME_color.png with class colours, and NAME_overlay.jpg with the
    colours over the image, all at its own size. For a classifier: predictions.csv. If two images would write
    the same file, such as a.jpg and a.png, NAME keeps the suffix: a.jpg.png, a.png.png. An image that cannot
    be read, that the memory is too small for, or whose result cannot be written under its name, is left out.
    `progress(done, images, name)` is called after each image, and within an image that is cut into tiles.

    An image that is too large for the memory is predicted in overlapping tiles at its own scale, and gives
    NAME.tif alone. A command that was stopped within it continues at the row of tiles that it had reached.
    tile, overlap: pixels; a tile given here cuts every image. format: of masks, one of `png`, `palette`,
    `npz`, `cityscapes`, `geotiff`, `stored` (see `foveate.prediction.mask_files`), or `coco` for one
    annotations.json.

    check_drift: compare the images with the run's validation images (see `foveate.watching.drift`), those in
    tiles excepted.
    baseline: the run whose validation images are meant, for an exported file.
    weights, temperature: of several runs that predict together, as in `foveate.evaluate_ensemble`.

    Raises `UserError` if there is no run or no image, if results would replace the images or (unless
    `overwrite`) existing results, and if `out` cannot be written to.
    """
    source, target = Path(images), Path(out)
    paths = _image_paths(source)
    check_folder(target, source)
    given = [run] if isinstance(run, str | Path) else list(run)
    runs = [located(each) for each in several_runs(given)]
    models = tuple(find_model(each) for each in runs)
    if len(runs) > 1 and check_drift:
        raise UserError(
            "--check-drift: an ensemble has no validation images of its own; check drift with one of its runs"
        )
    from foveate.prediction.predictor import load

    predictor = load(runs, device, weights, settled_temperature(runs, weights, temperature, device))
    tiles = Tiles(models, tile, overlap)
    masks = None if predictor.task == "classification" else MasksOut(target, predictor.facts, format)
    endings = masks.endings if masks else ()
    names = _result_names(paths, endings)
    check_free(target, _written(names, masks), overwrite)
    check = DriftCheck(baseline or runs[0], predictor, baseline is None, len(paths)) if check_drift else None
    predict_pixels = check.predict_pixels if check else predictor.predict_pixels
    make_folder(target)
    rows: list[list[object]] = []
    unread: list[UserError] = []
    for number, path in enumerate(paths, 1):
        advance = _within(progress, number, len(paths), path.name)
        try:
            _check_name(path, names[path], endings)
            if masks is not None:
                _predict_mask(predictor, predict_pixels, path, names[path], masks, tiles, advance)
            else:
                rows.append(_predict_label(predictor, predict_pixels, path))
        except (UserError, OSError, MemoryError, RuntimeError) as error:
            unread.append(_of_one_image(path, error))
        advance(1)
    if masks is not None:
        masks.finish()
    elif rows:
        _write_labels(target / "predictions.csv", predictor.classes, rows)
    drift = check.result() if check else ()
    return PredictedFolder(target, predictor.task, len(paths), tuple(unread), tuple(tiles.notes), drift)


def _within(
    progress: Callable[[float, int, str], None] | None, number: int, images: int, name: str
) -> Callable[[float], None]:
    """Return the progress within image `number`, from 1, as a function of the share that is done."""

    def advance(share: float) -> None:
        if progress is not None:
            progress(number - 1 + share, images, name)

    return advance


def _written(names: dict[Path, str], masks: MasksOut | None) -> list[str]:
    if masks is None:
        return ["predictions.csv"]
    return [*masks.shared, *(name + ending for name in names.values() for ending in masks.endings)]


def _of_one_image(path: Path, error: Exception) -> UserError:
    """Return the reason why one image is left out; raise an error that every image would meet."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError) and error.errno not in _DISK:
        return UserError(f"{path}: {error.strerror or error}")
    if isinstance(error, MemoryError) or any(words in str(error) for words in _MEMORY):
        return UserError(f"{path}: the memory is too small for an image of this size; make it smaller")
    raise error


def _image_paths(source: Path) -> list[Path]:
    from foveate.data.pixels.images import SUFFIXES, image_files, is_image_file
    from foveate.data.storage.archives import is_archive

    if not source.exists():
        raise UserError(f"{source}: there is no such image or folder")
    if source.is_file():
        if is_archive(source):
            raise UserError(f"{source}: an archive; unpack it, and name the folder that the images are in")
        return [source]
    paths = sorted(filter(is_image_file, source.iterdir()))
    if not paths:
        inside = [path for path in sorted(source.iterdir()) if path.is_dir() and image_files(path.iterdir())]
        below = f"; did you mean {inside[0]}?" if inside else ""
        raise UserError(
            f"{source}: holds no images; there should be files ending in {', '.join(sorted(SUFFIXES))}{below}"
        )
    return paths


def _result_names(paths: list[Path], endings: Sequence[str]) -> dict[Path, str]:
    """Return a name for the results of each image, such that no file is written twice.

    The name is the stem, or the whole file name if stems clash: a.jpg with a.png, or with a_color.png.

    >>> paths = [Path("a.jpg"), Path("a_color.png"), Path("b.jpg")]
    >>> list(_result_names(paths, (".png", "_color.png")).values())
    ['a.jpg', 'a_color.png', 'b']
    """
    names = {path: path.stem for path in paths}
    while True:
        written = Counter(name + ending for name in names.values() for ending in endings)
        clashing = [path for path, name in names.items() if any(written[name + end] > 1 for end in endings)]
        if not clashing:
            return names
        # Whole file names are unique and can only clash with stems; each round replaces stems, so this ends.
        names |= {path: path.name for path in clashing}


def _check_name(path: Path, name: str, endings: Sequence[str]) -> None:
    """Raise `UserError` for an image whose name, or that of its results, is none for a file."""
    from foveate.data.pixels.images import require_unicode

    require_unicode([path])
    longest = max((name + ending for ending in endings), key=len, default="")
    if len(os.fsencode(longest)) > NAME_BYTES:
        raise UserError(f"{path}: the name of its result, {longest}, would be too long; rename the image")


def _predict_label(predictor: "Predictor", predict_pixels: "PredictPixels", path: Path) -> list[object]:
    prediction = predict_pixels(predictor.read(path))
    shares = [f"{p:.6f}" for p in prediction.probabilities] if prediction.probabilities is not None else []
    return [path.name, prediction.label, f"{float(prediction.confidence):.6f}", *shares]


def _predict_mask(
    predictor: "Predictor",
    predict_pixels: "PredictPixels",
    path: Path,
    name: str,
    masks: MasksOut,
    tiles: Tiles,
    progress: Callable[[float], None],
) -> None:
    tiling = tiles.tiling(predictor, path)
    if tiling is None:
        image = predictor.read(path)
        masks.add(name, path, predictor.shown(image), predict_pixels(image))
        return
    with tiles.mask(predictor, path, masks.folder / f".{name}.tiles", tiling, progress) as mask:
        masks.add_tiled(name, path, mask)


def _write_labels(path: Path, classes: tuple[str, ...], rows: list[list[object]]) -> None:
    from foveate.files import write_whole

    with write_whole(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "label", "confidence", *classes])
        writer.writerows(rows)
