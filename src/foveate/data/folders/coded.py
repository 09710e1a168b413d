"""Build the layouts of datasets with fixed classes, and read their lists of files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from foveate.data.dataset import Entry, Pixels, Read, pixels_of
from foveate.data.folders.pairing import read_pair
from foveate.data.info import DatasetInfo
from foveate.data.known import by_name
from foveate.data.layout import Layout
from foveate.data.names import joined_note, one_form, spellings_of
from foveate.data.pixels.masks import MaskCodec
from foveate.errors import DataError, choose
from foveate.files import escapes_folder


def read_labelled(entry: Entry) -> tuple[Pixels, int]:
    """Return the image and the label of one entry."""
    return pixels_of(entry), entry.label


def coded_layout(
    parts: Mapping[str, Sequence[Entry]],
    codec: MaskCodec,
    info: DatasetInfo,
    *notes: str,
    reader: Read | None = None,
) -> Layout:
    """Return the layout of masks with a fixed codec. No mask is read.

    notes: sentences for the user. reader: decodes one entry (None: an image file and a mask file).
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
    """Return the layout of images with labels, which are indices into `names`.

    Names that are equal in their one form are one class. classes: the names to keep, in their new order
    (None: all); images of other classes are left out. notes: sentences for the user.
    """
    spellings = spellings_of(names)
    if len(spellings) < len(names):
        places = [list(spellings).index(one_form(name)) for name in names]
        parts = {
            part: tuple(replace(entry, label=places[entry.label]) for entry in entries)
            for part, entries in parts.items()
        }
    names, notes = tuple(spellings), (*joined_note(spellings), *notes)
    if wanted := by_name(classes, names):
        classes = tuple(dict.fromkeys(wanted))
        numbers = [names.index(choose(name, names, "class of this dataset")) for name in classes]
        ids = {number: label for label, number in enumerate(numbers)}
        parts = {
            part: tuple(replace(entry, label=ids[entry.label]) for entry in entries if entry.label in ids)
            for part, entries in parts.items()
        }
    return Layout("classification", tuple(dict.fromkeys(wanted or names)), parts, reader, notes=notes)


def read_list(path: Path) -> list[tuple[int, list[str]]]:
    """Return each line of a list as (line number, words), without blank lines and # comments.

    Raises `DataError` if the list is missing, empty or not text.
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
    """Return the path of a file in `folder` that a list names at `where` ("file:line").

    Raises `DataError` if the file does not exist or lies outside the folder.
    """
    if escapes_folder(name):
        raise DataError(f"{where}: '{name}' leads out of {folder}; get the dataset from its official source")
    if not (folder / name).is_file():
        raise DataError(
            f"{where}: names {folder / name}, which is not there; unpack the archive again, whole"
        )
    return folder / name
