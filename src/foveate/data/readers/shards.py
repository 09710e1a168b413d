"""Shards: tar files of images with their masks or labels, and shards.json with the position of each file.

`foveate data pack` writes them; WebDataset and other readers of tars can read them too. An entry is a byte
range, so entries can be read in any order from any fsspec address. The order therefore depends on the sampler
only, and not on the number of workers and processes.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foveate.data.known import names_others
from foveate.data.layout import Layout, reader
from foveate.data.pixels.masks import IGNORE, MaskCodec
from foveate.data.storage.addresses import read_bytes
from foveate.data.storage.shards import FORMAT, INDEX, Packed, read_packed
from foveate.errors import DataError


@reader("shards", 5, "*.tar with shards.json, as `foveate data pack` writes them", tars=True)
class Shards:
    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / INDEX).is_file()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return read_shards(str(root), classes)


def read_shards(address: str, classes: Sequence[str] | None = None) -> Layout:
    """Return the layout of the shards at an address: a folder, or anything that fsspec opens (s3://, ...).

    Entries, splits, stems and pixels equal those of the packed data. Raises `DataError` if the index is
    missing, damaged or of another format, or if `classes` differ from those that were packed.
    """
    root = address.rstrip("/")
    where = f"{root}/{INDEX}"
    content = read_bytes(where)
    try:
        index = json.loads(content)
        layout = _layout(index, root) if index["format"] == FORMAT else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: the index is damaged ({type(error).__name__}: {error}); copy it again"
        ) from None
    if layout is None:
        raise DataError(f"{where}: has the format '{index['format']}', not '{FORMAT}'; pack the data again")
    if names_others(classes, layout.classes):
        raise DataError(
            f"{where}: the shards hold the classes {', '.join(layout.classes)}; leave --classes out, or give "
            "it to `foveate data pack`"
        )
    return layout


def identity(classes: Sequence[str]) -> MaskCodec:
    """Return the codec of masks that hold class ids.

    >>> identity(["road", "sky"]).values
    ((0, 0), (1, 1), (255, 255))
    """
    ids = ((number, number) for number in range(len(classes)))
    return MaskCodec(tuple(classes), (*ids, (IGNORE, IGNORE)), "masks hold class ids")


def _layout(index: dict[str, Any], root: str) -> Layout:
    classes = tuple(index["classes"])
    parts = {part: tuple(_entry(row, root) for row in rows) for part, rows in index["parts"].items()}
    return Layout(
        task=index["task"],
        classes=classes,
        parts=parts,
        reader=partial(read_packed, codec=identity(classes) if index["task"] == "segmentation" else None),
        colors=tuple(tuple(color) for color in index["colors"]),
        counts={
            row["stem"]: np.array(row["counts"], dtype=np.int64)
            for rows in index["parts"].values()
            for row in rows
            if "counts" in row
        },
        notes=(*index["notes"], f"packed from {index['packed_from']}"),
    )


def _entry(row: dict[str, Any], root: str) -> Packed:
    mask = row.get("mask")
    if "/" in row["shard"]:
        raise ValueError(f"'{row['shard']}' lies in another folder")
    return Packed(
        row["stem"],
        label=row.get("label"),
        group=row.get("group"),
        shard=f"{root}/{row['shard']}",
        image_span=tuple(row["image"]),
        mask_span=tuple(mask) if mask else None,
    )
