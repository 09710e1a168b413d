"""`foveate predict`: predict masks or labels for new images."""

import sys
from typing import TYPE_CHECKING, Literal

from foveate.cli.flags import EnsembleFlags
from foveate.errors import UserError

if TYPE_CHECKING:
    from foveate.watching.drift import Drift

Format = Literal["png", "palette", "npz", "coco", "cityscapes", "geotiff", "stored"]


def predict(
    run: str,
    images: str,
    together: EnsembleFlags,
    *,
    out: str = "predictions",
    overwrite: bool = False,
    device: str | None = None,
    format: Format | None = None,
    tile: int | None = None,
    overlap: int | Literal["auto"] = "auto",
    check_drift: bool = False,
    baseline: str | None = None,
    check_tiling: bool = False,
) -> int:
    """Predict masks (or labels) for an image or a folder of images.

    Writes for each image, at its size: NAME.png with class ids, NAME_color.png with class colours, and
    NAME_overlay.jpg with the image and the colours. A classifier writes predictions.csv. An image that cannot
    be read, or whose result cannot be written, is reported at the end and left out; the exit code is then 2.
    If images would write the same file, such as a.jpg and a.png, NAME keeps the ending: a.jpg.png, a.png.png.

    An image that is too large for the memory is predicted in overlapping tiles, at its own scale, and gives
    NAME.tif alone, with the georeference of the image. A command that was stopped within it continues there.

    Args:
        run: a run directory, a packed run (.zip), hf://USER/NAME, or an exported file (.onnx, .xml).
        images: an image, or a folder of images.
        out: the folder for the results.
        overwrite: replace existing results.
        device: cpu or cuda; by default cuda if available.
        format: of masks: png (ids), palette (png of ids with colours), npz, coco (annotations.json),
            cityscapes (label ids), geotiff or stored (png of the values that the masks of training held); png
            if not given, and geotiff for images in tiles.
        tile: cut every image into tiles of so many pixels a side; without it, only those too large for the
            memory, in 1024.
        overlap: pixels that neighbouring tiles share; auto: a quarter of a tile.
        check_drift: say whether the images still resemble the run's validation images; if not, the exit code
            is 1.
        baseline: the run whose validation images are meant, for an exported file.
        check_tiling: predict the middle of one image whole and in tiles, print what tiles change, propose
            sizes, and write nothing.

    Example:
      foveate predict runs/a photos/ --out masks
      foveate predict runs/a map.tif --tile 1024
      foveate predict runs/a photos/ --ensemble runs/b runs/c
    """
    runs = together.runs(run)
    if check_tiling and len(runs) > 1:
        raise UserError("--check-tiling: is for one run; leave --ensemble out")
    if check_tiling:
        return _print_check(run, images, tile, overlap, device)
    from foveate.api.predict import predict as predict_folder
    from foveate.cli.progress import progress

    with progress("Predicting") as advance:
        done = predict_folder(
            runs,
            images,
            out,
            overwrite,
            device,
            advance,
            tile,
            overlap,
            format,
            check_drift,
            baseline,
            together.weights or (),
            together.temperature,
        )
    for note in done.notes:
        print(note)
    for error in done.left_out:
        print(f"foveate: left out: {error}", file=sys.stderr)
    missing = f", {len(done.left_out)} left out" if done.left_out else ""
    print(f"{done.images - len(done.left_out)} of {done.images} images predicted{missing}")
    if done.task != "classification" and format in (None, "png") and len(done.notes) < done.images:
        print("NAME.png holds class ids from 0 and looks black; NAME_color.png shows the classes in colour.")
    drifted = [sign for sign in done.drift if sign.found]
    if check_drift:
        print(_describe_drift(done.drift))
    print(f"\n{done.folder}")
    return 2 if done.left_out else int(bool(drifted))


def _describe_drift(signs: "tuple[Drift, ...]") -> str:
    drifted = [f"  {sign}" for sign in signs if sign.found]
    if not signs:
        return "\nDrift: too few images could be read to tell."
    if not drifted:
        return f"\nNo drift in {len(signs)} signs; the largest: {signs[0]}."
    return "\n".join(["\nDrift: these images differ from the run's validation images:", *drifted])


def _print_check(run: str, image: str, tile: int | None, overlap: int | str, device: str | None) -> int:
    from foveate.api.check_tiling import check_tiling

    check = check_tiling(run, image, tile, overlap, device)
    from foveate.prediction.seams import DISTANCES, TOLERANCE

    rows = [("tile", "overlap", "work", "changed", *(f"{each} px on" for each in DISTANCES))]
    for each in check.seams:
        shares = (each.changed, *each.by_distance)
        shown = ("-" if share is None else f"{100 * share:.3f}%" for share in shares)
        rows.append((str(each.tiling.tile), str(each.tiling.overlap), f"{each.tiling.cost:.2f}x", *shown))
    for row in rows:
        print("".join(f"{cell:>11}" for cell in row))
    best, (height, width) = check.proposed, check.size
    enough = f"; none changes at most {100 * TOLERANCE:g}%" if best.changed > TOLERANCE else ""
    print(
        f"\nPixels of {check.image.name} ({height} x {width} of its middle) whose class in tiles is not "
        f"that in the whole image: of all, and by the distance to the nearest seam{enough}"
        f"\n\n--tile {best.tiling.tile} --overlap {best.tiling.overlap}"
    )
    return 0
