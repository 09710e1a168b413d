"""Entries and layouts of datasets whose mask values are known beforehand."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from foveate.data.catalogue import DatasetInfo
from foveate.data.dataset import Entry
from foveate.data.errors import DataError
from foveate.data.layout import Layout
from foveate.data.masks import MaskCodec
from foveate.data.pairing import read_pair


def coded_layout(
    parts: Mapping[str, Sequence[Entry]], codec: MaskCodec, info: DatasetInfo, *notes: str
) -> Layout:
    """Layout of masks that are read by a fixed codec; no mask is opened before it is needed."""
    colors = dict(zip(info.classes, info.colors, strict=False))
    return Layout(
        task="segmentation",
        classes=codec.classes,
        parts=parts,
        reader=partial(read_pair, codec=codec),
        colors=tuple(colors[name] for name in codec.classes) if colors else (),
        notes=(codec.reading, *notes),
    )


def read_list(path: Path) -> list[tuple[int, list[str]]]:
    """The words of each line of a list, with the line's number; blank lines and # comments are passed over.

    `DataError` where the list is missing, empty or not text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such list; get the dataset again") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the list is not text ({error.reason}); get the dataset again") from None
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    rows = [(number, words) for number, words in rows if words and not words[0].startswith("#")]
    if not rows:
        raise DataError(f"{path}: the list is empty; get the dataset again")
    return rows


def listed(path: Path, where: str) -> Path:
    """A file that a list names at `where` ("file:line"); `DataError` if it is not there."""
    if not path.is_file():
        raise DataError(f"{where}: names {path}, which is not there; unpack the archive again, whole")
    return path
