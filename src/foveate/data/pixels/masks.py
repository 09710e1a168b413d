"""Map the values or colours of mask files to class ids, by one codec for the whole dataset."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from foveate.data.pixels.images import read_raw
from foveate.data.pixels.palette import Color
from foveate.errors import DataError

IGNORE = 255
"""The mask value that losses, scores and maps ignore."""

MAX_UNNAMED = 64
"""Masks without class names are refused if they hold more distinct values: smoothing or JPEG makes these."""

LEFT_OUT = "ignore"
"""Written in place of a class name, it makes the pixels of that value ignored."""

_LEFT_OUT = re.compile(r"ignored?", re.IGNORECASE)
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

    def __post_init__(self) -> None:
        check_names(self.classes)

    @property
    def colored(self) -> bool:
        return isinstance(self.values[0][0], tuple)

    @cached_property
    def _table(self) -> tuple[bytes, bytes]:
        """The class id of each of the 256 stored values, and the byte that marks unknown values.

        The second is b"" if all 256 values are known.
        """
        known = dict(self.values)
        none = next((number for number in range(256) if number not in known.values()), 0)
        table = bytes(known.get(value, none) for value in range(256))
        return table, bytes([none]) if len(known) < 256 else b""

    @cached_property
    def _colors(self) -> tuple[np.ndarray, np.ndarray]:
        colors, numbers = zip(*self.values, strict=True)
        codes = _pack(np.array(colors))
        order = codes.argsort()
        return codes[order], np.array(numbers, dtype=np.uint8)[order]

    def decode(self, raw: UInt8[np.ndarray, "..."], path: str | Path) -> UInt8[np.ndarray, "h w"]:
        """Map the result of `read_raw` to class ids; raise `DataError` for a value or colour without a class.

        >>> codec = MaskCodec(("background", "foreground"), ((0, 0), (255, 1)), "0/255")
        >>> codec.decode(np.array([[0, 255]], dtype=np.uint8), "a.png")
        array([[0, 1]], dtype=uint8)
        """
        if self.colored:
            return self._decode_colors(raw, path)
        table, none = self._table
        content = bytearray(np.ascontiguousarray(raw)).translate(table)  # a third of the time of indexing
        ids = np.frombuffer(content, dtype=np.uint8).reshape(raw.shape)
        if none and none in content:
            values, counts = np.unique(raw[ids == none[0]], return_counts=True)
            raise DataError(
                f"{path}: mask value {values[0]} ({counts[0]} pixels) stands for none of the "
                f"{len(self.classes)} classes ({', '.join(self.classes[:20])}"
                f"{', ...' * (len(self.classes) > 20)}); {self.remedy}"
            )
        return ids

    def _decode_colors(self, raw: UInt8[np.ndarray, "h w 3"], path: str | Path) -> UInt8[np.ndarray, "h w"]:
        codes, numbers = self._colors
        packed = _pack(raw)
        position = np.minimum(np.searchsorted(codes, packed), len(codes) - 1)
        unknown = codes[position] != packed
        if unknown.any():
            code, count = max(
                zip(*np.unique(packed[unknown], return_counts=True), strict=True), key=lambda p: p[1]
            )
            color = (int(code) >> 16, int(code) >> 8 & 255, int(code) & 255)
            raise DataError(
                f"{path}: colour {color} ({count} pixels; {unknown.sum()} pixels in all have unknown "
                f"colours) stands for no class; {self.remedy}"
            )
        return numbers[position]

    def count(self, stored: Int64[np.ndarray, "256"]) -> Int64[np.ndarray, " classes"]:
        """Return the pixels per class, given the pixels per stored value."""
        counts = np.zeros(len(self.classes), dtype=np.int64)
        for value, number in self.values:
            if number != IGNORE:
                counts[number] += stored[value]
        return counts


def read_mask(path: str | Path, codec: MaskCodec) -> UInt8[np.ndarray, "h w"]:
    """Read the class ids of a mask file, `IGNORE` for ignored pixels.

    Raises `DataError` as `read_raw` and `MaskCodec.decode` do.
    """
    return codec.decode(read_raw(path, codec.colored, brightness=codec.brightness), path)


def choose_codec(values: Mapping[int, str | Path], classes: Sequence[str] | None = None) -> MaskCodec:
    """Choose the codec of single-channel masks from the values in a dataset and the names of its classes.

    values: every stored value, with a file that holds it. Masks of only 0 and 255 (or 0 and 1) are background
    and foreground. Other values are class ids, in the order of `classes` if given. 255 is ignored, as is any
    value named "ignore"; all other names, void included, are classes. Raises `DataError` for values that
    `classes` do not cover, and for more than `MAX_UNNAMED` values without `classes`.

    >>> choose_codec({0: "a.png", 255: "a.png"}).classes
    ('background', 'foreground')
    >>> choose_codec(dict.fromkeys([0, 1, 2, 255], "a.png"), ["road", "ignore", "car"]).values
    ((0, 0), (1, 255), (2, 1), (255, 255))
    >>> choose_codec(dict.fromkeys([0, 1, 2, 255], "a.png"), ["road", "void", "car"]).classes
    ('road', 'void', 'car')
    """
    present = set(values)
    names = tuple(classes) if classes else None
    left_out = {value for value, name in enumerate(names or ()) if _LEFT_OUT.fullmatch(name.strip())}
    if present <= {0, 255} and 255 in present and (names is None or (len(names) == 2 and not left_out)):
        pair = names or ("background", "foreground")
        return MaskCodec(pair, ((0, 0), (255, 1)), f"masks are binary: 0 = {pair[0]}, 255 = {pair[1]}")
    present.discard(IGNORE)
    if names is None and present <= {0, 1}:
        names = ("background", "foreground")
    if names is None:
        return _unnamed(present)
    outside = sorted(present - set(range(len(names))))
    if outside:
        raise DataError(
            f"{values[outside[0]]}: the mask holds the value {outside[0]}, and {len(names)} classes "
            f"({', '.join(names)}) cover 0 "
            f"to {len(names) - 1}; name every class, in the order of the values, with --classes, or mend "
            "the masks"
        )
    kept = tuple(name for value, name in enumerate(names) if value not in left_out)
    pairs = tuple((v, IGNORE if v in left_out else kept.index(name)) for v, name in enumerate(names))
    ignored = [str(value) for value in (*sorted(left_out), IGNORE)]
    reading = f"masks hold class ids; {' and '.join(ignored)} {'are' if left_out else 'is'} ignored"
    if void := [name for name in kept if is_void(name)]:
        reading += (
            f"; {' and '.join(void)} counts as a class, for it is named (call it {LEFT_OUT} to ignore it)"
        )
    return MaskCodec(kept, (*pairs, (IGNORE, IGNORE)), reading)


def check_binary(
    stored: Int64[np.ndarray, "files 256"],
    files: Sequence[str | Path],
    classes: Sequence[str] | None = None,
) -> None:
    """Raise `DataError` if a few pixels of masks of 0 and 255 hold another value.

    Resampling or a slip of the brush leaves such values. With them, `choose_codec` would read all values as
    class ids and ignore 255. A value is refused if it has fewer than a twentieth of the pixels of 255; others
    may be rare classes. stored: pixels per stored value of each of the `files`. classes: with three names or
    more, nothing is refused.

    >>> stored = np.zeros((2, 256), dtype=np.int64)
    >>> stored[:, [0, 255]], stored[1, 7] = 50, 1
    >>> check_binary(stored, ["a.png", "b.png"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.DataError: b.png: the mask holds the value 7 in 1 pixel, and all others are 0 ...
    """
    pixels = stored.sum(0)
    odd = [int(value) for value in pixels.nonzero()[0] if value not in (0, 255)]
    if not odd or not pixels[0] or not pixels[255] or len(classes or ()) > 2:
        return
    if 20 * pixels[odd].sum() >= pixels[255]:
        return
    value, (holder, *rest) = odd[0], stored[:, odd[0]].nonzero()[0]
    count = int(stored[holder, value])
    also = f", as in {len(rest)} more masks" if rest else ""
    others = f" (others like it: {', '.join(map(str, odd[1:6]))})" if len(odd) > 1 else ""
    raise DataError(
        f"{files[holder]}: the mask holds the value {value}{others} in {count} pixel{'s' * (count > 1)}"
        f"{also}, and all others are 0 and 255, background and foreground. Mend the mask; or, where 255 "
        "marks what is to be ignored, name the classes in the order of the values with --classes, and "
        f"'{LEFT_OUT}' as one more"
    )


def _unnamed(present: set[int]) -> MaskCodec:
    if len(present) > MAX_UNNAMED:
        raise DataError(
            f"the masks hold {len(present)} different values; they may number objects one by one, or come "
            "from JPEG or resizing with smoothing; save each class under one number, as PNG without "
            "smoothing, or name the classes with --classes"
        )
    values = sorted(present)
    names = tuple(f"class {value}" for value in values)
    pairs = tuple((value, number) for number, value in enumerate(values))
    reading = f"masks hold class ids {', '.join(map(str, values))}; 255 is ignored"
    return MaskCodec(names, (*pairs, (IGNORE, IGNORE)), reading)


def _pack(colors: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(colors.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue
