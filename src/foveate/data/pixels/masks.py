"""Map the values or colours of mask files to class ids, by one codec for the whole dataset."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from foveate.data.pixels.palette import Color
from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError

IGNORE = 255
"""The mask value that losses, scores and maps ignore."""

LEFT_OUT = "ignore"
"""Written in place of a class name, it makes the pixels of that value ignored."""

_VOID = re.compile(r"(void|ignored?|unlabell?ed|unlabell?ed[ _-]?pixels?)", re.IGNORECASE)


def is_void(name: str) -> bool:
    """Whether data that names a class so marks ignored pixels with it.

    >>> [name for name in ("Void", "unlabelled", "ignore", "avoidance") if is_void(name)]
    ['Void', 'unlabelled', 'ignore']
    """
    return _VOID.fullmatch(name.strip()) is not None


def without_void(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that data gives its values, with `LEFT_OUT` in place of void names.

    >>> without_void(["road", "Void", "car"])
    ('road', 'ignore', 'car')
    """
    return tuple(LEFT_OUT if is_void(name) else name for name in names)


def check_names(classes: Sequence[str]) -> None:
    """Raise `DataError` if there is no class, a class occurs twice, or there are more than 255.

    8-bit masks have 256 values, and `IGNORE` takes one of them.

    >>> check_names([])
    Traceback (most recent call last):
    foveate.errors.DataError: no class is left, for all of them are ignored; keep at least one
    """
    if not classes:
        raise DataError("no class is left, for all of them are ignored; keep at least one")
    if len(set(classes)) != len(classes):
        raise DataError(f"--classes names a class twice: {', '.join(classes)}; give each class its own name")
    if len(classes) > IGNORE:
        raise DataError(
            f"{len(classes)} classes are more than the {IGNORE} that masks of 8 bits can hold ({IGNORE} "
            "itself is ignored); name those to keep with --classes"
        )


@dataclass(frozen=True)
class MaskCodec:
    """Maps the stored values of mask files to class ids.

    classes: names in the order of their ids. values: pairs of a stored value (or colour) and its class id, or
    `IGNORE`. reading: how the masks were interpreted, for the user. remedy: what to do about any other value,
    for the error message. brightness: use the grey value of each pixel; accepts JPEG and colours.
    """

    classes: tuple[str, ...]
    values: tuple[tuple[int | Color, int], ...]
    reading: str
    remedy: str = "mend the mask, or name all classes in the order of their values with --classes"
    brightness: bool = False
    alpha: bool = False

    def __post_init__(self) -> None:
        check_names(self.classes)

    @property
    def colored(self) -> bool:
        return isinstance(self.values[0][0], tuple)

    @cached_property
    def _table(self) -> tuple[bytes, bytes]:
        """The class id of each stored value of 8 bits, and the byte that marks unknown values.

        The second is b"" if all 256 values are known.
        """
        known = {value: number for value, number in self.values if isinstance(value, int) and value < 256}
        none = next((number for number in range(256) if number not in known.values()), 0)
        table = bytes(known.get(value, none) for value in range(256))
        return table, bytes([none]) if len(known) < 256 else b""

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray]:
        """The stored values (packed colours) in rising order, and their class ids."""
        values, numbers = zip(*self.values, strict=True)
        codes = pack(np.array(values)) if self.colored else np.array(values)
        order = codes.argsort()
        return codes[order], np.array(numbers, dtype=np.uint8)[order]

    def decode(self, raw: Integer[np.ndarray, "..."], path: str | Path) -> UInt8[np.ndarray, "h w"]:
        """Map the result of `read_raw` to class ids; raise `DataError` for a value or colour without a class.

        >>> codec = MaskCodec(("background", "foreground"), ((0, 0), (255, 1)), "0/255")
        >>> codec.decode(np.array([[0, 255]], dtype=np.uint8), "a.png")
        array([[0, 1]], dtype=uint8)
        """
        if self.colored or raw.dtype != np.uint8:
            return self._look_up(raw, path)
        table, none = self._table
        content = bytearray(np.ascontiguousarray(raw)).translate(table)  # a third of the time of indexing
        ids = np.frombuffer(content, dtype=np.uint8).reshape(raw.shape)
        if none and none in content:
            raise self._unknown(raw[ids == none[0]], path)
        return ids

    def _look_up(self, raw: Integer[np.ndarray, "..."], path: str | Path) -> UInt8[np.ndarray, "h w"]:
        codes, numbers = self._codes
        stored = pack(raw) if self.colored else raw
        position = np.minimum(np.searchsorted(codes, stored), len(codes) - 1)
        unknown = codes[position] != stored
        if unknown.any():
            raise self._unknown(stored[unknown], path)
        return numbers[position]

    def _unknown(self, stored: Integer[np.ndarray, " pixels"], path: str | Path) -> DataError:
        values, counts = np.unique(stored, return_counts=True)
        value, count = int(values[counts.argmax()]), counts.max()
        if self.colored:
            color = (value >> 16, value >> 8 & 255, value & 255)
            return DataError(
                f"{path}: colour {color} ({count} pixels; {len(stored)} pixels in all have unknown "
                f"colours) stands for no class; {self.remedy}"
            )
        return DataError(
            f"{path}: mask value {value} ({count} pixels) stands for none of the "
            f"{len(self.classes)} classes ({', '.join(self.classes[:20])}"
            f"{', ...' * (len(self.classes) > 20)}); {self.remedy}"
        )

    def count(
        self, values: Int64[np.ndarray, " values"], counts: Int64[np.ndarray, " values"]
    ) -> Int64[np.ndarray, " classes"]:
        """Return the pixels per class, given the pixels of each stored value (or packed colour).

        >>> codec = MaskCodec(("sky", "road"), ((7, 0), (9, 1), (255, IGNORE)), "ids")
        >>> codec.count(np.array([9, 255]), np.array([5, 3]))
        array([0, 5])
        """
        codes, numbers = self._codes
        ids = numbers[np.searchsorted(codes, values)]
        return np.bincount(ids, weights=counts, minlength=256)[: len(self.classes)].astype(np.int64)


def read_mask(path: str | Path, codec: MaskCodec, content: bytes | None = None) -> UInt8[np.ndarray, "h w"]:
    """Read the class ids of a mask file, `IGNORE` for ignored pixels. content: as in `read_image`.

    Raises `DataError` as `read_raw` and `MaskCodec.decode` do.
    """
    raw = read_raw(path, codec.colored, content, brightness=codec.brightness, alpha=codec.alpha)
    return codec.decode(raw, path)


def pack(colors: Integer[np.ndarray, "*axes 3"]) -> Int64[np.ndarray, "*axes"]:
    """Pack each RGB colour into one integer, red << 16 | green << 8 | blue.

    >>> pack(np.array([0, 1, 2], dtype=np.uint8))
    array(258)
    """
    red, green, blue = np.moveaxis(colors.astype(np.int64), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)
