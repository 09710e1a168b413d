"""Entries and layouts of datasets whose classes are known beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry, Read
from foveate.data.folders.pairing import read_pair
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout
from foveate.data.pixels.images import read_image
from foveate.data.pixels.masks import MaskCodec
from foveate.errors import DataError, choose
from foveate.files import escapes_folder


def read_labelled(entry: Entry) -> tuple[UInt8[np.ndarray, "h w 3"], int]:
    """Image and label of one entry."""
    return read_image(entry.image), entry.label


def coded_layout(
    parts: Mapping[str, Sequence[Entry]],
    codec: MaskCodec,
    info: DatasetInfo,
    *notes: str,
    reader: Read | None = None,
) -> Layout:
    """Layout of masks that are read by a fixed codec; no mask is opened before it is needed.

    reader: decodes one entry (None: an image file and a mask file).
    """
    colors = dict(zip(info.classes, info.colors, strict=False))
    return Layout(
        task="segmentation",
        classes=codec.classes,
        parts=parts,
        reader=reader or partial(read_pair, codec=codec),
        colors=tuple(colors[name] for name in codec.classes) if colors else (),
        notes=(codec.reading, *notes),
    )


def labelled_layout(
    parts: Mapping[str, Sequence[Entry]],
    names: Sequence[str],
    classes: Sequence[str] | None,
    *notes: str,
    reader: Read = read_labelled,
) -> Layout:
    """Layout of images with labels, which count `names`. classes: the names to keep, in their new order
    (None: all); images of other classes are left out.
    """
    if classes:
        classes = tuple(dict.fromkeys(classes))
        numbers = [names.index(choose(name, names, "class of this dataset")) for name in classes]
        ids = {number: label for label, number in enumerate(numbers)}
        parts = {
            part: tuple(replace(entry, label=ids[entry.label]) for entry in entries if entry.label in ids)
            for part, entries in parts.items()
        }
    return Layout("classification", tuple(classes or names), parts, reader, notes=notes)


def read_list(path: Path) -> list[tuple[int, list[str]]]:
    """The words of each line of a list, with the line's number; blank lines and # comments are passed over.

    `DataError` where the list is missing, empty or not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such list; get the dataset again") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the list is not text ({error.reason}); get the dataset again") from None
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    rows = [(number, words) for number, words in rows if words and not words[0].startswith("#")]
    if not rows:
        raise DataError(f"{path}: the list is empty; get the dataset again")
    return rows


def listed(folder: Path, name: str, where: str) -> Path:
    """A file that a list names at `where` ("file:line"); `DataError` if it is not there or lies elsewhere."""
    if escapes_folder(name):
        raise DataError(f"{where}: '{name}' leads out of {folder}; get the dataset from its official source")
    if not (folder / name).is_file():
        raise DataError(
            f"{where}: names {folder / name}, which is not there; unpack the archive again, whole"
        )
    return folder / name
