"""Mask codecs of datasets with a fixed table of classes, of which a user may keep some."""

from collections.abc import Mapping, Sequence

from foveate.data.known import by_name
from foveate.data.pixels.masks import IGNORE, MaskCodec
from foveate.data.pixels.palette import Color
from foveate.errors import choose

REMEDY = "mend the mask, or get the dataset again"


def kept_names(names: Sequence[str], classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return those of `names` that are among `classes` (None: all), in the order of `names`.

    Raises `UserError` for a class that is not among `names`.
    """
    wanted = {choose(name, names, "class of this dataset") for name in by_name(classes, names) or names}
    return tuple(name for name in names if name in wanted)


def table_codec(
    names: Sequence[str],
    values: Mapping[int | Color, str | None],
    classes: Sequence[str] | None,
    reading: str,
    remedy: str = REMEDY,
) -> MaskCodec:
    """Return the codec of a fixed table.

    names: the classes in the order of their ids. values: the class of each stored value or colour, None to
    ignore it. classes: the names to keep (None: all); other pixels are ignored. reading, remedy: as in
    `MaskCodec`.

    >>> codec = table_codec(["road", "sky"], {7: "road", 23: "sky", 0: None}, ["sky"], "masks hold ids")
    >>> codec.classes, codec.values, codec.reading
    (('sky',), ((7, 255), (23, 0), (0, 255)), 'masks hold ids; road ignored')
    """
    kept = kept_names(names, classes)
    ids = {name: number for number, name in enumerate(kept)}
    left_out = [name for name in names if name not in kept]
    if left_out:
        shown = ", ".join(left_out[:20]) + ", ..." * (len(left_out) > 20)
        reading = f"{reading}; {shown} ignored"
    pairs = tuple(
        (value, IGNORE if name is None else ids.get(name, IGNORE)) for value, name in values.items()
    )
    return MaskCodec(kept, pairs, reading, remedy)


def binary_codec(
    names: tuple[str, str], classes: Sequence[str] | None = None, dark: bool = False, threshold: int = 128
) -> MaskCodec:
    """Return the codec of masks in two shades, which may be JPEG: `threshold` and above is the second name.

    dark: values below the threshold are the second name instead.

    >>> import numpy as np
    >>> codec = binary_codec(("background", "fire"))
    >>> codec.decode(np.array([[0, 3, 250, 255]], dtype=np.uint8), "a.jpg").tolist()
    [[0, 0, 1, 1]]
    """
    values = {value: names[(value >= threshold) != dark] for value in range(256)}
    side = f"darker than {threshold}" if dark else f"{threshold} and brighter"
    codec = table_codec(names, values, classes, f"masks are two shades: {side} is {names[1]}")
    return MaskCodec(codec.classes, codec.values, codec.reading, REMEDY, brightness=True)
