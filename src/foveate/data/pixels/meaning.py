"""Infer what the stored values of masks stand for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foveate.data.known import KnownClasses
from foveate.data.pixels.doubts import (
    SHOWN,
    check_binary,
    depths_note,
    refuse_depths,
    refuse_grey_palettes,
    refuse_palettes,
    refuse_shades,
    refuse_soft_edges,
    refuse_two_scales,
    refuse_two_whites,
    refuse_unbound,
    suggest,
)
from foveate.data.pixels.masks import IGNORE, LEFT_OUT, MaskCodec, is_void
from foveate.data.pixels.tally import Tally, by_transparency, holders, pixels_by_value
from foveate.errors import DataError
from foveate.specs.bindings import IGNORED, Binding, bind, parse_bindings

MAX_UNNAMED = 64
"""Masks without class names are refused if they hold more distinct values: smoothing or JPEG makes these."""

_WHITE = (IGNORE, 65535)
"""White in masks of 8 and of 16 bits."""

_BINARY = ("background", "foreground")


@dataclass(frozen=True)
class Meaning:
    """What the stored values of all masks of a dataset stand for.

    table: the codec as bindings, which read other masks alike. counts: pixels per class, of each mask.
    """

    codec: MaskCodec
    table: tuple[str, ...]
    counts: tuple[Int64[np.ndarray, " classes"], ...]


def infer_meaning(tallies: Sequence[Tally], classes: Sequence[str] | None = None) -> Meaning:
    """Infer what the stored values of all masks of a dataset stand for.

    classes: names in the order of the values, or bindings (see `foveate.specs.bindings`). Raises `DataError`
    as `choose_codec` does, for values to which no class is bound, and where the meaning would be a guess: 255
    beside shades of grey, 255 in some masks and 1 in others, a few odd pixels in masks of 0 and 255, white
    with several numbers, palettes in which a colour has different numbers, and those of greys.

    >>> from foveate.data.pixels.tally import tally_values
    >>> infer_meaning([tally_values("a.png", np.array([[0, 128, 255]]))])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.DataError: a.png: 255 covers 33.3% of all pixels beside the values 0 and 128. ...
    """
    clear = by_transparency(tallies)
    masks = tallies if clear is None else clear
    if bindings := parse_bindings(classes or ()):
        if isinstance(classes, KnownClasses):  # the user has not looked at the numbers of these masks
            refuse_palettes(masks)
            refuse_depths(masks)
        codec = bound_codec(bindings, masks)
    else:
        refuse_palettes(masks)
        check_binary(masks, classes)
        refuse_two_whites(masks, classes)
        refuse_two_scales(masks, classes)
        refuse_depths(masks)
        refuse_grey_palettes(masks)
        refuse_shades(masks, classes)
        refuse_soft_edges(masks, classes)
        codec = choose_codec(holders(masks), classes)
        if note := depths_note(masks):
            codec = replace(codec, reading=f"{codec.reading}; {note}")
    counts = tuple(codec.count(mask.values, mask.counts) for mask in masks)
    table = tuple(map(str, bindings)) or table_of(codec, pixels_by_value(masks))
    if clear is not None:
        reading = (
            f"the shapes are in the transparency of the masks, whose colour is constant: {codec.reading}"
        )
        codec = replace(codec, alpha=True, reading=reading)
    return Meaning(codec, table, counts)


def table_of(codec: MaskCodec, present: Collection[int]) -> tuple[str, ...]:
    """Return a codec as bindings, which read other masks as this codec does.

    present: the stored values that occur. Without them, 255 is not recorded as ignored.

    >>> table_of(choose_codec({0: "a.png", 1: "a.png"}), [0, 1])
    ('background=0', 'foreground=1')
    """
    names = dict(enumerate(codec.classes)) | {IGNORE: LEFT_OUT}
    kept = [(value, number) for value, number in codec.values if number != IGNORE or value in present]
    numbers = sorted({number for _, number in kept})
    return tuple(str(bind(names[n], (value for value, number in kept if number == n))) for n in numbers)


def bound_codec(bindings: Sequence[Binding], tallies: Sequence[Tally] = ()) -> MaskCodec:
    """Return the codec of values that are bound to classes; `LEFT_OUT` is ignored.

    tallies: masks of which all values must be bound. Raises `DataError` with those that are not.

    >>> bound_codec(parse_bindings(["background=255", "cup=0", "disc=128"])).values
    ((255, 0), (0, 1), (128, 2))
    """
    kept = [binding for binding in bindings if not IGNORED.fullmatch(binding.name)]
    ignored = [binding for binding in bindings if IGNORED.fullmatch(binding.name)]
    numbers = [*enumerate(kept), *((IGNORE, binding) for binding in ignored)]
    pairs = tuple((value, number) for number, binding in numbers for value in binding.values)
    shown = ", ".join(str(binding).replace("=", " = ") for binding in kept)
    reading = f"mask values: {shown}"
    reading += "".join(f"; {str(b).partition('=')[2]} ignored" for b in ignored)
    codec = MaskCodec(tuple(b.name for b in kept), pairs, reading, "bind it, too, or mend the mask")
    refuse_unbound(codec, tallies)
    return codec


def choose_codec(values: Mapping[int, str | Path], classes: Sequence[str] | None = None) -> MaskCodec:
    """Choose the codec of single-channel masks from the values in a dataset and the names of its classes.

    values: every stored value, with a file that holds it. Masks of only 0 and 255 (or 0 and 1, or 0 and
    65535) are background and foreground. Other values are class ids, in the order of `classes` if given. 255
    is ignored, as is any value named "ignore"; all other names, void included, are classes. Bindings say what
    each value is. Raises `DataError` for values that
    `classes` do not cover, and for more than `MAX_UNNAMED` values without `classes`.

    >>> choose_codec({0: "a.png", 255: "a.png"}).classes
    ('background', 'foreground')
    >>> choose_codec(dict.fromkeys([0, 1, 2, 255], "a.png"), ["road", "ignore", "car"]).values
    ((0, 0), (1, 255), (2, 1), (255, 255))
    >>> choose_codec(dict.fromkeys([0, 1, 2, 255], "a.png"), ["road", "void", "car"]).classes
    ('road', 'void', 'car')
    """
    if bindings := parse_bindings(classes or ()):
        return bound_codec(bindings)
    present = set(values)
    names = tuple(classes) if classes else None
    left_out = {value for value, name in enumerate(names or ()) if IGNORED.fullmatch(name.strip())}
    white = max(present, default=0)
    if present <= {0, white} and white in _WHITE and (names is None or (len(names) == 2 and not left_out)):
        pair = names or _BINARY
        reading = f"masks are binary: 0 = {pair[0]}, {white} = {pair[1]}"
        return MaskCodec(pair, ((0, 0), (white, 1)), reading)
    present.discard(IGNORE)
    if names is None and present <= {0, 1}:
        names = _BINARY
    if names is None:
        return _unnamed(present)
    outside = sorted(present - set(range(len(names))))
    if outside:
        raise DataError(
            f"{values[outside[0]]}: the mask holds the value {outside[0]}, and {len(names)} classes "
            f"({', '.join(names)}) cover 0 to {len(names) - 1}; name every class, in the order of the "
            f"values, or bind the values: {suggest(sorted(values)[:SHOWN], names)}; or mend the masks"
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
