"""Refuse masks whose values would have to be guessed, with the flags that say what they stand for."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from foveate.data.pixels.masks import IGNORE, LEFT_OUT, MaskCodec
from foveate.data.pixels.tally import Tally, holders, pixels_by_value
from foveate.errors import DataError

SHOWN = 8
"""At most this many values are listed in a message."""

_SHADES_APART = 16
_STEPS = 15
_WHITES = (1, IGNORE, 65535)
_SHADE = 64
_SOFT = 3
_ALMOST_WHITE = 192
_BINARY = ("background", "foreground")


def suggest(values: Sequence[int], names: Sequence[str] | None = None) -> str:
    """Return the flag that binds values, with the user's names if there are as many.

    >>> suggest([0, 128, 255], ["cup", "disc", "background"]), suggest([0, 5])
    ('--classes cup=0 disc=128 background=255', '--classes name0=0 name5=5')
    """
    fitting = names if names and len(names) == len(values) else [f"name{value}" for value in values]
    return "--classes " + " ".join(f"{name}={v}" for name, v in zip(fitting, values, strict=True))


def are_shades(values: Collection[int]) -> bool:
    """Whether values with 255 among them look like shades of grey, drawn for the eye, rather than class ids.

    >>> are_shades([0, 128, 255]), are_shades([0, 51, 102, 153, 204, 255])
    (True, True)
    >>> [are_shades(values) for values in ([0, 255], [0, 1, 2, 255], [0, 7, 11, 255], [0, 15, 255])]
    [False, False, False, False]
    """
    inner = sorted(set(values) - {0, IGNORE})
    if IGNORE not in values or not inner or inner[-1] < _SHADE or inner[-1] > IGNORE:
        return False
    steps = [0, *inner, IGNORE]
    return min(b - a for a, b in pairwise(steps)) >= _SHADES_APART


def check_binary(tallies: Sequence[Tally], classes: Sequence[str] | None = None) -> None:
    """Raise `DataError` if a few pixels of masks of 0 and 255 hold another value.

    Resampling or a slip of the brush leaves such values. With them, `choose_codec` would read all values as
    class ids and ignore 255. A value is refused if it has fewer than a twentieth of the pixels of 255; others
    may be rare classes. classes: with three names or more, nothing is refused.

    >>> import numpy as np
    >>> from foveate.data.pixels.tally import tally_values
    >>> mask = np.array([[0] * 50 + [255] * 50 + [7]])
    >>> check_binary([tally_values("b.png", mask)])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.DataError: b.png: the mask holds the value 7 in 1 pixel, and all others are 0 ...
    """
    pixels = pixels_by_value(tallies)
    odd = [value for value in pixels if value not in (0, 255)]
    if not odd or not pixels.get(0) or not pixels.get(255) or len(classes or ()) > 2:
        return
    if 20 * sum(pixels[value] for value in odd) >= pixels[255]:
        return
    value = odd[0]
    holder, *rest = [tally for tally in tallies if tally.of(value)]
    count = holder.of(value)
    also = f", as in {len(rest)} more masks" if rest else ""
    others = f" (others like it: {', '.join(map(str, odd[1:6]))})" if len(odd) > 1 else ""
    raise DataError(
        f"{holder.where}: the mask holds the value {value}{others} in {count} pixel{'s' * (count > 1)}"
        f"{also}, and all others are 0 and 255, background and foreground. Mend the mask; or say what each "
        f"value stands for, such as {suggest([0, 255, value])} ({LEFT_OUT}={value} to ignore it)"
    )


def refuse_unbound(codec: MaskCodec, tallies: Sequence[Tally]) -> None:
    """Raise `DataError` with the values that the codec does not know, and how many pixels hold them."""
    known = {_packed(value) for value, _ in codec.values}
    pixels = pixels_by_value(tallies)
    unknown = sorted((value for value in pixels if value not in known), key=lambda value: -pixels[value])
    if not unknown:
        return
    total, files = sum(pixels.values()), holders(tallies)
    listed = ", ".join(
        f"{_shown(value, codec.colored)} ({_percent(pixels[value], total)} of all pixels, in "
        f"{sum(value in tally.values for tally in tallies)} of {len(tallies)} masks)"
        for value in unknown[:SHOWN]
    )
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    first = _shown(unknown[0], codec.colored)
    raise DataError(
        f"{files[unknown[0]]}: no class is bound to {listed}{more}. Bind each value to a class, as in "
        f"--classes name={first} (or {LEFT_OUT}={first} to ignore it), or mend the masks"
    )


def refuse_shades(tallies: Sequence[Tally], classes: Sequence[str] | None) -> None:
    """Raise `DataError` for masks without class names in which 255 lies beside shades of grey."""
    pixels = pixels_by_value(tallies)
    if classes or not are_shades(pixels):
        return
    holder, total = holders(tallies)[IGNORE], sum(pixels.values())
    others = " and ".join(", ".join(str(v) for v in pixels if v != IGNORE).rsplit(", ", 1))
    raise DataError(
        f"{holder}: 255 covers {_percent(pixels[IGNORE], total)} of all pixels beside the "
        f"value{'s' * (len(pixels) > 2)} {others}. Beside class ids, 255 is ignored; but these look like "
        "shades of grey, of which 255 is one more class. Say what each value stands for, in your own names: "
        f"{suggest(list(pixels))} (or {LEFT_OUT}=255 to ignore it)"
    )


def refuse_soft_edges(tallies: Sequence[Tally], classes: Sequence[str] | None) -> None:
    """Raise `DataError` for masks of 0 and 255 whose edges were smoothed.

    They hold `_SOFT` values or more in between, some almost white, each of which is rarer than 255. As class
    ids, they would leave 255, which is the object, ignored. classes: with three names or more, nothing is
    refused.
    """
    pixels = pixels_by_value(tallies)
    between = {value: count for value, count in pixels.items() if value not in (0, IGNORE)}
    if len(between) < _SOFT or not {0, IGNORE} <= set(pixels) or len(classes or ()) > 2:
        return
    if not _ALMOST_WHITE <= max(between) < IGNORE or max(between.values()) >= pixels[IGNORE]:
        return
    background, foreground = classes or _BINARY
    raise DataError(
        f"{holders(tallies)[max(between)]}: masks hold 0, 255 and {len(between)} values in between, as "
        "smoothed edges do. Beside class ids, 255 is ignored. Export the masks without smoothing; or set a "
        f"threshold: --classes {background}=0-127 {foreground}=128-255"
    )


def refuse_two_whites(tallies: Sequence[Tally], classes: Sequence[str] | None) -> None:
    """Raise `DataError` if masks hold 0 and one more value: 1, 255 or 65535, but not the same in all.

    White is 1 in a grey PNG of 1 bit, 255 in one of 8 bits, and 65535 in one of 16.
    """
    pixels = pixels_by_value(tallies)
    whites = [value for value in _WHITES if value in pixels]
    if len(whites) < 2 or not {*pixels} <= {0, *whites} or len(classes or _BINARY) != 2:
        return
    if any(sum(tally.of(white) > 0 for white in whites) > 1 for tally in tallies):
        return
    files, white, other = holders(tallies), whites[0], whites[-1]
    background, foreground = classes or _BINARY
    bound, kept = (",".join(str(w) for w in whites if w not in left) for left in ((), (IGNORE,)))
    ignored = f"; if 255 is to be ignored, --classes {background}=0 {foreground}={kept} {LEFT_OUT}=255"
    raise DataError(
        f"{files[other]}: holds {other} and no {white}, and {files[white]} holds {white} and no {other}. If "
        f"they stand for the same class, add --classes {background}=0 {foreground}={bound}"
        f"{ignored if IGNORE in whites else ''}"
    )


def refuse_two_scales(tallies: Sequence[Tally], classes: Sequence[str] | None) -> None:
    """Raise `DataError` if some masks hold ids, such as 1 and 2, and others the same as greys, 85 and 170."""
    if classes:
        return
    held = [{*tally.values.tolist()} - {0, IGNORE} for tally in tallies]
    ids = {value for values in held if values and max(values) <= _STEPS for value in values}
    greys = {value for values in held if values and min(values) > _STEPS for value in values}
    split = all(not values or max(values) <= _STEPS or min(values) > _STEPS for values in held)
    step = next((255 // n for n in range(2, _STEPS + 1) if {value * (255 // n) for value in ids} >= greys), 0)
    if not split or len(greys) < 2 or not step:
        return
    files = holders(tallies)
    bound = " ".join(f"name{value}={value},{value * step}" for value in sorted(ids))
    raise DataError(
        f"{files[min(greys)]}: holds {' and '.join(map(str, sorted(greys)))}, and {files[min(ids)]} "
        f"{' and '.join(map(str, sorted(ids)))}, of which these are {step} times as much. If they are the "
        f"same classes, add --classes name0=0 {bound} (and {LEFT_OUT}=255 to ignore it); if not, bind each "
        "value"
    )


def refuse_palettes(tallies: Sequence[Tally]) -> None:
    """Raise `DataError` if a colour has one number in the palette of a mask and another in another mask."""
    numbers: dict[int, tuple[int, Tally]] = {}
    for tally in tallies:
        if len(set(tally.palette.values())) < len(tally.palette):
            continue
        for value, color in tally.palette.items():
            first, other = numbers.setdefault(color, (value, tally))
            if first != value:
                raise DataError(
                    f"{tally.where}: the colour {_shown(color, True)} has the number {value} in this "
                    f"palette, and {first} in that of {other.where}. Export all masks with one palette; or "
                    f"say what the colours stand for, such as {_suggest_colors(tallies)}; or, if the numbers "
                    f"are right, what they stand for: {suggest(list(pixels_by_value(tallies))[:SHOWN])}"
                )


def refuse_depths(tallies: Sequence[Tally]) -> None:
    """Raise `DataError` if masks of few bits hold their white, and 8-bit masks hold theirs, which is 255.

    ImageMagick, for one, stores a grey PNG of 0 and 255 with 1 bit, as 0 and 1, and one of 0, 128 and 255 as
    it is.
    """
    shallow = next((tally for tally in tallies if tally.bits < 8 and tally.of(white_of(tally))), None)
    deep = next(
        (tally for tally in tallies if tally.bits >= 8 and not tally.palette and tally.of(IGNORE)), None
    )
    if shallow is None or deep is None:
        return
    white, values = white_of(shallow), list(pixels_by_value(tallies))[:SHOWN]
    raise DataError(
        f"{shallow.where}: a grey mask of {_bits(shallow.bits)}, in which {white} is white, and {deep.where} "
        "has 8 bits, in which 255 is. Programs that make files smaller save bits where the look allows it, "
        f"and the number changes. Export all masks with 8 bits; or, if {white} and 255 are right as they are "
        f"stored, say what the values stand for: {suggest(values)} (or {LEFT_OUT}=255 to ignore it)"
    )


def white_of(tally: Tally) -> int:
    """Return the highest value that the bits of a grey mask allow."""
    return 2**tally.bits - 1


def depths_note(tallies: Sequence[Tally]) -> str:
    """Say that grey masks of 1, 2 and 4 bits were read as stored, where white has several numbers; "" if not.

    >>> import numpy as np
    >>> masks = [Tally("a.png", (1, 1), np.array([2**bits - 1]), np.array([1]), bits=bits) for bits in (1, 2)]
    >>> depths_note(masks)
    'the numbers are those that are stored, in grey masks of 1 bit and of 2 bits, in which 1 and 3 look alike'
    """
    depths = sorted({tally.bits for tally in tallies if tally.bits < 8 and tally.of(white_of(tally))})
    if len(depths) < 2:
        return ""
    bits, whites = map(_bits, depths), (str(2**depth - 1) for depth in depths)
    return (
        f"the numbers are those that are stored, in grey masks of {' and of '.join(bits)}, in which "
        f"{' and '.join(whites)} look alike"
    )


def refuse_grey_palettes(tallies: Sequence[Tally]) -> None:
    """Raise `DataError` for palettes of greys whose numbers seem to be accidental.

    Programs that make a palette for a grey mask number the greys as they occur. The number is taken to be
    meant if the greys rise with it, as in pictures of class ids, are not so dark that they are the ids, and
    are not the values of other masks, without a palette.
    """
    greys: dict[int, int] = {}
    for tally in tallies:
        for value, color in tally.palette.items():
            if color % 0x010101:
                return
            greys[value] = color & 255
    shown = [grey for _, grey in sorted(greys.items())]
    accidental = len(shown) > 2 and shown != sorted(shown)
    dark = max(shown, default=IGNORE) < _SHADE and any(value != grey for value, grey in greys.items())
    others = pixels_by_value([tally for tally in tallies if not tally.palette])
    mixed = any(value != grey and grey in others for value, grey in greys.items() if grey)
    if not (accidental or dark or mixed):
        return
    value = next(value for value, grey in sorted(greys.items()) if value != grey)
    holder = next(tally.where for tally in tallies if value in tally.palette)
    raise DataError(
        f"{holder}: the palette is grey, and the number {value} has the grey {greys[value]}. If the greys "
        f"are the classes, as where a program made the palette, bind them: {_suggest_colors(tallies)}; if "
        f"the numbers are: {suggest(sorted(greys)[:SHOWN])}"
    )


def _bits(number: int) -> str:
    """Return a number of bits in words.

    >>> _bits(1), _bits(4)
    ('1 bit', '4 bits')
    """
    return f"{number} bit{'s' * (number > 1)}"


def _suggest_colors(tallies: Sequence[Tally]) -> str:
    colors = sorted({color for tally in tallies for color in tally.palette.values()})[:SHOWN]
    return "--classes " + " ".join(f"name{n}={_shown(color, True)}" for n, color in enumerate(colors))


def _percent(part: int, total: int) -> str:
    """Return a share in percent, with as many digits as it takes not to be 0.

    >>> _percent(1, 8), _percent(1, 100_000)
    ('12.5%', '0.001%')
    """
    share = part / max(1, total)
    return f"{share:.1%}" if share >= 0.001 else f"{100 * share:.1g}%"


def _shown(value: int, colored: bool) -> str:
    return f"#{value:06x}" if colored else str(value)


def _packed(value: int | tuple[int, int, int]) -> int:
    return value if isinstance(value, int) else value[0] << 16 | value[1] << 8 | value[2]
