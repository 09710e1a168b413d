"""`foveate inspect`: what the attention of a trained run does, in pictures and numbers."""

import re
import sys

from foveate.errors import UserError


def inspect(
    run: str,
    images: str | None = None,
    *,
    out: str = "inspection",
    split: str = "test",
    pixels: list[str] | None = None,
    figures: list[str] | None = None,
    limit: int = 8,
    overwrite: bool = False,
    device: str | None = None,
) -> int:
    """Draw what the attention of a run does on images, and keep the numbers.

    Opens with index.html, a page of all figures. Each image has a folder with panels.png (image, truth,
    prediction, errors), the figures of each attention in a folder of its name, as
    smooth@encoder5/matrix.png, and the values behind them in maps.npz, explained by maps.json. An image that
    cannot be read is told and left out, and the exit code is then 2.

    Args:
        run: a run directory.
        images: an image, a folder of images, or data with the same classes; without it, the run's own.
        out: the folder that takes the results.
        split: test, val or train, of data that has splits.
        pixels: where pairwise attention is looked at from, as ROW,COLUMN in the images; the centre and those
            of the quadrants if not given.
        figures: which to draw, of panels, channels, spatial, mask, pixels, matrix, surface, scatter, bars,
            bubbles, grid, cumulative, channel_pairs, memory and levels; all that suit if not given.
        limit: the most images; they are taken evenly spread.
        overwrite: replace figures that are there already.
        device: cpu or cuda; cuda where there is one if not given.

    Example:
      foveate inspect runs/a photos/ --out looks --pixels 40,60 200,310 --figures panels pixels matrix
    """
    places = [_parse_pixel(text) for text in pixels or ()]
    from foveate.api.inspect import inspect as draw
    from foveate.cli.progress import progress

    with progress("Inspecting") as advance:
        found, page = draw(run, images, out, split, places, figures or (), limit, overwrite, device, advance)
    for error in found.left_out:
        print(f"foveate: left out: {error}", file=sys.stderr)
    count = len(found.drawings)
    drawn = sum(map(len, found.drawings.values()))
    print(f"{count} of {found.available} images, {drawn} figures of {found.arm}")
    print(page)
    return 2 if found.left_out else 0


def _parse_pixel(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6}),(\d{1,6})", text.strip())
    if not match:
        raise UserError(f"--pixels: '{text}' is no pixel; write ROW,COLUMN, counted from 0, such as 120,64")
    return int(match[1]), int(match[2])
