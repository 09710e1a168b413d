"""Colours of classes, and of right, wrong and ignored pixels, for display."""

import colorsys

Color = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""

IGNORED = (150, 150, 150)
RIGHT = (222, 226, 230)
WRONG = (213, 94, 0)
MENDED = (0, 114, 178)
"""Pixels that the host alone gets wrong and attention gets right."""

_OKABE_ITO = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def palette(classes: int) -> tuple[Color, ...]:
    """Return one RGB triple per class.

    The first eight colours are those of Okabe and Ito (2008), which colour-blind readers can distinguish. The
    others are hues in golden-ratio steps at three lightnesses.

    >>> palette(2)
    ((0, 0, 0), (230, 159, 0))
    >>> len(set(palette(100)))
    100
    """
    more = (
        colorsys.hls_to_rgb(number * 0.618034 % 1, (0.35, 0.55, 0.75)[number % 3], 0.7)
        for number in range(classes - len(_OKABE_ITO))
    )
    extra = tuple((round(red * 255), round(green * 255), round(blue * 255)) for red, green, blue in more)
    return (_OKABE_ITO + extra)[:classes]
