"""`foveate predict`: masks or labels for new images."""

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.cli.results import check_folder, check_free, make_folder
from foveate.errors import UserError

if TYPE_CHECKING:
    from foveate.prediction.predictor import Prediction, Predictor

ENDINGS = (".png", "_color.png", "_overlay.jpg")


def predict(
    run: str, images: str, *, out: str = "predictions", overwrite: bool = False, device: str | None = None
) -> int:
    """Predict masks (or labels) for an image or a folder of images.

    Writes for each image, at its own size: NAME.png with class ids, NAME_color.png with class colours, and
    NAME_overlay.jpg with both. A classifier writes predictions.csv. An image that cannot be read is told and
    left out, and the exit code is then 2. Where images of two names would write one file, as a.jpg and a.png,
    NAME keeps the ending: a.jpg.png, a.png.png.

    Args:
        run: a run directory.
        images: an image, or a folder of images.
        out: the folder that takes the results.
        overwrite: replace results that are there already.
        device: cpu or cuda; cuda where there is one if not given.

    Example:
      foveate predict runs/a photos/ --out masks
    """
    source, target = Path(images), Path(out)
    paths = _find(source)
    check_folder(target, source)
    from foveate.cli.progress import progress
    from foveate.prediction.predictor import load

    predictor = load(run, device)
    names = _names(paths)
    if predictor.task == "classification":
        written = ["predictions.csv"]
    else:
        written = [name + ending for name in names.values() for ending in ENDINGS]
    check_free(target, written, overwrite)
    make_folder(target)
    rows: list[list[object]] = []
    unread: list[UserError] = []
    with progress("Predicting") as advance:
        for number, path in enumerate(paths, 1):
            try:
                rows += _predict_one(predictor, path, target / names[path])
            except UserError as error:
                unread.append(error)
            advance(number, len(paths), path.name)
    if predictor.task == "classification" and rows:
        _write_labels(target / "predictions.csv", predictor.classes, rows)
    for error in unread:
        print(f"foveate: left out: {error}", file=sys.stderr)
    left_out = f", {len(unread)} left out" if unread else ""
    print(f"{len(paths) - len(unread)} of {len(paths)} images predicted{left_out}")
    if predictor.task != "classification":
        print("NAME.png holds class ids, from 0 on, and looks black; NAME_color.png shows them.")
    print(f"\n{target}")
    return 2 if unread else 0


def _find(source: Path) -> list[Path]:
    from foveate.data.pixels.images import SUFFIXES, image_files
    from foveate.data.storage.archives import is_archive

    if not source.exists():
        raise UserError(f"{source}: there is no such image or folder")
    if source.is_file():
        if is_archive(source):
            raise UserError(f"{source}: an archive; unpack it, and name the folder that the images are in")
        return [source]
    paths = image_files(source.iterdir())
    if not paths:
        inside = [path for path in sorted(source.iterdir()) if path.is_dir() and image_files(path.iterdir())]
        below = f"; did you mean {inside[0]}?" if inside else ""
        raise UserError(
            f"{source}: holds no images; there should be files ending in {', '.join(sorted(SUFFIXES))}{below}"
        )
    return paths


def _names(paths: list[Path]) -> dict[Path, str]:
    """What the results of each image are called, so that no file is written twice.

    The stem, but the whole name wherever stems would clash: a.jpg with a.png, or with a_color.png.

    >>> list(_names([Path("a.jpg"), Path("a_color.png"), Path("b.jpg")]).values())
    ['a.jpg', 'a_color.png', 'b']
    """
    names = {path: path.stem for path in paths}
    while True:
        written = Counter(name + ending for name in names.values() for ending in ENDINGS)
        clashing = [path for path, name in names.items() if any(written[name + end] > 1 for end in ENDINGS)]
        if not clashing:
            return names
        # Whole names differ and end like images, which no result's name does before its own ending: they
        # clash with stems alone, so every round leaves fewer of those.
        names |= {path: path.name for path in clashing}


def _predict_one(predictor: "Predictor", path: Path, base: Path) -> list[list[object]]:
    from foveate.data.pixels.images import read_image

    image = read_image(path)
    prediction = predictor.predict(image)
    if prediction.mask is None:
        shares = (
            [f"{p:.6f}" for p in prediction.probabilities] if prediction.probabilities is not None else []
        )
        return [[path.name, prediction.label, f"{float(prediction.confidence):.6f}", *shares]]
    _write_masks(base, image, prediction)
    return []


def _write_masks(base: Path, image, prediction: "Prediction") -> None:
    import numpy as np
    from PIL import Image

    from foveate.files import write_whole
    from foveate.inspection.overlays import colorize, overlay

    color = colorize(prediction.mask, prediction.colors)
    # Black stands for background: there the image shows as it is.
    shown = np.where(color.any(-1, keepdims=True), overlay(image, color), image)
    for ending, pixels in zip(ENDINGS, (prediction.mask, color, shown), strict=True):
        with write_whole(base.with_name(base.name + ending)) as file:
            Image.fromarray(pixels).save(file, "JPEG" if ending.endswith(".jpg") else "PNG")


def _write_labels(path: Path, classes: tuple[str, ...], rows: list[list[object]]) -> None:
    from foveate.files import write_whole

    with write_whole(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "label", "confidence", *classes])
        writer.writerows(rows)
