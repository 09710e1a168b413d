"""Write predicted masks to a folder in a chosen format, with pictures for the eye."""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.errors import choose
from foveate.files import write_whole

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy import ndarray

    from foveate.prediction.assemble import Prediction
    from foveate.prediction.facts import Facts

PICTURES = ("_color.png", "_overlay.jpg")
"""Endings of the pictures beside the mask of an image that is predicted whole."""


class MasksOut:
    """The folder that masks are written to.

    endings: of the files of one image. shared: names of files for all images. format: one of `FORMATS`, or
    coco; None for png, and geotiff for an image in tiles. Raises `UserError` for a format that the classes
    cannot be written in.
    """

    def __init__(self, folder: Path, facts: "Facts", format: str | None = None) -> None:
        from foveate.prediction.mask_files import COCO, FORMATS, CocoAnnotations, check_format

        if format is not None:
            check_format(choose(format, [*FORMATS, "coco"], "format"), facts)
        self.folder, self.facts = folder, facts
        self.coco = CocoAnnotations(facts) if format == "coco" else None
        self.shared: tuple[str, ...] = (COCO,) if self.coco else ()
        self.whole = FORMATS.get(format or "png")
        self.tiled = FORMATS.get(format or "geotiff")
        formats = dict.fromkeys(each.ending for each in (self.whole, self.tiled) if each)
        self.endings = (*formats, *PICTURES)

    def add(self, name: str, image: Path, shown: "UInt8[ndarray, 'h w 3']", prediction: "Prediction") -> None:
        """Write the mask of an image under this name, its colours, and these over the image as `shown`."""
        from PIL import Image

        from foveate.inspection.overlays import colorize, over_image

        color = colorize(prediction.mask, prediction.colors)
        self._write(name, image, prediction.mask, tiled=False)
        for ending, pixels in zip(PICTURES, (color, over_image(shown, color)), strict=True):
            with write_whole(self.folder / f"{name}{ending}") as file:
                Image.fromarray(pixels).save(file, "JPEG" if ending.endswith(".jpg") else "PNG")

    def add_tiled(self, name: str, image: Path, mask: "UInt8[ndarray, 'h w']") -> None:
        """Write the mask of an image that was predicted in tiles."""
        self._write(name, image, mask, tiled=True)

    def _write(self, name: str, image: Path, mask: "UInt8[ndarray, 'h w']", tiled: bool) -> None:
        if self.coco is not None:
            self.coco.add(image.name, mask)
            return
        form = self.tiled if tiled else self.whole
        with write_whole(self.folder / f"{name}{form.ending}") as file:
            form.write(file, mask, self.facts, image)

    def finish(self) -> None:
        """Write the files that all images share."""
        if self.coco is not None:
            with write_whole(self.folder / self.shared[0], "w") as file:
                file.write(self.coco.text())
