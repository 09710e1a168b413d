"""`foveate inspect`: draw the attention of a trained run, and save it as numbers."""

import re
import sys

from foveate.cli.flags import FolderFlags
from foveate.errors import UserError


def inspect(
    run: str,
    images: str | None = None,
    *,
    folder: FolderFlags,
    out: str = "inspection",
    split: str = "test",
    pixels: list[str] | None = None,
    figures: list[str] | None = None,
    limit: int = 8,
    overwrite: bool = False,
    device: str | None = None,
) -> int:
    """Draw the attention of a run on images, and save it as numbers.

    That is the attention of its arm, or of the network itself where a transformer was trained without one.

    Writes index.html, a page of all figures, and a folder for each image. The folder holds panels.png (image,
    truth, prediction, errors), the figures of each attention, such as smooth@encoder5/matrix.png, and the
    attention maps in maps.npz, explained by maps.json. An image that cannot be read is reported and left out;
    the exit code is then 2.

    Args:
        run: a run directory, a packed run (.zip), or hf://USER/NAME.
        images: an image, a folder of images, or data with the same classes; the run's own if not given.
        out: the folder for the results.
        split: test, val or train, if the data has splits.
        pixels: pixels from which pairwise attention is drawn, as ROW,COLUMN in the images; the centres of the
            image and its quadrants if not given.
        figures: the figures to draw, of panels, channels, spatial, mask, pixels, matrix, smoothing, surface,
            scatter, bars, bubbles, grid, cumulative, channel_pairs, memory, levels, gold and self; all that
            apply if not given.
        limit: at most this many images, evenly spread.
        overwrite: replace existing figures.
        device: cpu or cuda; by default cuda if available.

    Example:
      foveate inspect runs/a photos/ --out looks --pixels 40,60 200,310 --figures panels pixels matrix
    """
    places = [_parse_pixel(text) for text in pixels or ()]
    from foveate.api.inspect import inspect as draw
    from foveate.cli.progress import progress

    with progress("Inspecting") as advance:
        inspection, page = draw(
            run,
            images,
            out,
            split,
            places,
            figures or (),
            limit,
            overwrite,
            device,
            advance,
            folder.choice,
        )
    for error in inspection.left_out:
        print(f"foveate: left out: {error}", file=sys.stderr)
    count = len(inspection.drawings)
    drawn = sum(map(len, inspection.drawings.values()))
    subject = "the network without an arm" if inspection.arm == "none" else inspection.arm
    print(f"{count} of {inspection.available} images, {drawn} figures of {subject}")
    print(page)
    return 2 if inspection.left_out else 0


def _parse_pixel(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6}),(\d{1,6})", text.strip())
    if not match:
        raise UserError(
            f"--pixels: '{text}' is not a pixel; write ROW,COLUMN, counted from 0, such as 120,64"
        )
    return int(match[1]), int(match[2])
