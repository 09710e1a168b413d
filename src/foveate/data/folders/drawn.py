"""Build the layouts of outlined objects: annotations that are drawn as masks when an image is read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import SPLITS, Entry, Pixels, pixels_of
from foveate.data.known import by_name
from foveate.data.layout import Layout
from foveate.data.names import joined_note, one_form, spellings_of
from foveate.data.pixels.codecs import kept_names
from foveate.data.pixels.masks import check_names, is_void
from foveate.data.pixels.shapes import BACKGROUND, Shape, draw
from foveate.data.words import split_of
from foveate.errors import DataError
from foveate.extras import require

_CHECKED = 2000
"""About so many outlines are looked at to see whether they lie in their images."""


@dataclass(frozen=True)
class Outlined:
    """One image with the outlines of its objects.

    annotations: the file that holds them. shapes: their names are in one form, see
    `foveate.data.names.one_form`. size: height and width that it states; None if it states none, and
    the corners are then shares of the image's width and height.
    """

    stem: str
    image: Path
    annotations: Path
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class ReadDrawn:
    """Reads an entry's image and draws its mask.

    shapes: by stem. sizes: height and width by stem, of images whose annotations state them; the corners of
    the others are shares of the image's sides. ids: class id by name.
    """

    shapes: Mapping[str, tuple[Shape, ...]]
    sizes: Mapping[str, tuple[int, int]]
    ids: Mapping[str, int]

    def __call__(self, entry: Entry) -> tuple[Pixels, UInt8[np.ndarray, "h w"]]:
        image, shapes = pixels_of(entry), self.shapes.get(entry.stem, ())
        height, width = size = image.shape[:2]
        if entry.stem not in self.sizes:
            return image, draw([shape.scaled(height, width) for shape in shapes], size, self.ids)
        stated = self.sizes[entry.stem]
        if size != stated:
            raise DataError(
                f"{entry.image}: is {height} x {width} pixels (height x width), and {entry.mask} says "
                f"{stated[0]} x {stated[1]}; use the image that was annotated"
            )
        return image, draw(shapes, size, self.ids)

    def classes_of(self, entry: Entry) -> set[int]:
        """Return the class ids of the shapes in an entry's image, and that of background."""
        names = {shape.name for shape in self.shapes.get(entry.stem, ()) if not shape.ignored}
        return {self.ids[name] for name in (BACKGROUND, *names) if name in self.ids}


def drawn_layout(
    parts: Mapping[str, Sequence[Outlined]],
    written: Collection[str],
    classes: Sequence[str] | None,
    program: str,
    nothing: str,
    notes: Sequence[str] = (),
) -> Layout:
    """Return the layout of outlined objects; the classes are background and the names of outlined objects.

    written: the names of all classes as the data writes them, in the order of their ids; those called void,
    ignore or unlabelled are ignored. classes: those to keep (None: all that are outlined). program: what made
    the annotations, for the user. nothing: the error if no object is outlined. notes: sentences for the user.

    Raises `DataError` if no object is outlined, two images share a stem, or the extra `data` is missing.
    """
    require("pycocotools.mask", "data", f"drawing the shapes of {program}")
    outlined = [each for part in parts.values() for each in part]
    drawn = {shape.name for each in outlined for shape in each.shapes if not shape.ignored} - {BACKGROUND}
    spellings = spellings_of(written)
    spellings |= {name: [name] for name in sorted(drawn - spellings.keys())}
    asked = by_name(classes, spellings)
    void = [name for name in spellings if is_void(name.strip("_")) and name not in (asked or ())]
    left_out = {BACKGROUND, *void}
    wanted = [name for name in spellings if name not in left_out and (asked or name in drawn)]
    kept = kept_names((BACKGROUND, *wanted), asked)
    check_names(kept)
    if not drawn - left_out and not asked:
        raise DataError(nothing)
    entries = {
        part: tuple(Entry(e.stem, e.image, e.annotations) for e in held) for part, held in parts.items()
    }
    _require_distinct(outlined)
    _require_inside(outlined)
    ids = {name: number for number, name in enumerate(kept)}
    unused = [name for name in spellings if name not in left_out | drawn]
    empty = sum(not each.shapes for each in outlined)
    said = [
        f"objects are drawn as {program} outline them; where they overlap, the one of fewer pixels is on top"
    ]
    said += [*joined_note(spellings), *notes]
    said += [f"{', '.join(void)} ignored"] * bool(void)
    said += [f"{empty} images without any outline are background"] * bool(empty)
    said += [f"no object is outlined of {', '.join(unused)}"] * bool(unused)
    read = ReadDrawn(
        {each.stem: each.shapes for each in outlined if each.shapes},
        {each.stem: each.size for each in outlined if each.size},
        ids,
    )
    return Layout("segmentation", kept, entries, read, notes=tuple(said))


def by_folders(root: Path, outlined: Sequence[Outlined]) -> dict[str, tuple[Outlined, ...]]:
    """Return images by the split that a folder of their paths below `root` names, or all under "all".

    Raises `DataError` if some images lie in folders of splits and others do not.
    """
    parts: dict[str, list[Outlined]] = {}
    for each in outlined:
        folders = each.image.relative_to(root).parts[:-1]
        split = next(filter(None, map(split_of, folders)), "all")
        parts.setdefault(split, []).append(each)
    if "all" in parts and len(parts) > 1:
        others = " and ".join(part for part in SPLITS if part in parts)
        raise DataError(
            f"{parts['all'][0].image}: lies in no folder of a split, and other images lie in those of "
            f"{others}; move it, or remove it"
        )
    return {part: tuple(parts[part]) for part in ("all", *SPLITS) if part in parts}


def image_stem(root: Path, image: Path) -> str:
    """Return the name of an image in a dataset: its path below `root`, without suffix, in one form."""
    return one_form(image.relative_to(root).with_suffix("").as_posix())


def _require_inside(outlined: Sequence[Outlined]) -> None:
    """Raise `DataError` if most outlines draw nothing: they lie outside their images, or in one pixel."""
    drawn = [(each, shape) for each in outlined if each.size for shape in each.shapes if _polygons(shape)]
    chosen = drawn[:: max(1, len(drawn) // _CHECKED)]
    lost = [(each, shape) for each, shape in chosen if not _reaches(_polygons(shape), each.size)]
    if 2 * len(lost) <= len(chosen):
        return
    each, shape = lost[0]
    raise DataError(
        f"{each.annotations}: {len(lost)} of {len(chosen)} outlines lie outside their images or within one "
        f"pixel, such as a '{shape.name}' of {each.image.name}; corners are x and y in pixels; if these are "
        "shares of the image's sides, or of an image of another size, export the annotations again"
    )


def _polygons(shape: Shape) -> list[list[float]]:
    return shape.outline if isinstance(shape.outline, list) else []


def _reaches(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> bool:
    """Whether polygons lie in an image of this height and width, in part, and beyond its first pixel.

    >>> _reaches([[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]], (10, 10)), _reaches([[2, 2, 9, 2, 9, 9]], (10, 10))
    (False, True)
    """
    x, y = ([value for polygon in polygons for value in polygon[start::2]] for start in (0, 1))
    return max(x) > 0 and min(x) < size[1] and max(y) > 0 and min(y) < size[0] and max(*x, *y) > 1


def _require_distinct(outlined: Sequence[Outlined]) -> None:
    seen: dict[str, Outlined] = {}
    for each in outlined:
        first = seen.setdefault(each.stem, each)
        if first is not each:
            raise DataError(
                f"{each.annotations}: two images have the name '{each.stem}' before their suffix "
                f"({first.image.name} and {each.image.name}); rename one"
            )
