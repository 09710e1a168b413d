"""Find augmented and copied images by their names: NAME.rf.HASH, NAME_flip, NAME_aug3, NAME (1)."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_ROBOFLOW = re.compile(r"^(.+)\.rf\.\w+$")
"""Roboflow's exports: each version of an image has the image's name and a hash."""

_DIRECTION = "(?:horizontal|vertical|hor|ver|left|right|lr|ud|h|v|x|y)"
_CHANGES = "|".join(
    (
        r"aug(?:ment(?:ed|ation)?)?",
        rf"{_DIRECTION}?[_-]?(?:flip(?:ped)?|mirror(?:ed)?)(?:[_-]?{_DIRECTION})?",
        r"rot(?:at(?:e|ed|ion))?[_-]?-?(?:\d{1,3})?(?:deg|cw|ccw)?",
        r"(?:gauss(?:ian)?[_-]?)?(?:blur(?:red)?|nois[ey])|sharp(?:en(?:ed)?)?|elastic|distort(?:ed|ion)?|warp(?:ed)?",
        r"bright(?:er|ness|ened)?|dark(?:er|ened)?|contrast|gamma|hue|saturat(?:ed|ion)|(?:color)?jitter(?:ed)?",
        r"crop(?:ped)?|zoom(?:ed)?|shift(?:ed)?|shear(?:ed)?|scaled?|translat(?:ed|ion)|transposed?|cutout",
        r"gr[ae]y(?:scale)?|invert(?:ed)?|equali[sz]ed?|clahe|orig(?:inal)?",
    )
)
_COPY = "copy|kopie|copie|copia"
_END = re.compile(
    rf"(?:[ _.-]+|(?<=\d))(?:(?:{_CHANGES}|{_COPY})(?:[ _-]?\(?\d{{1,3}}\)?)?"
    rf"|\((?:another )?(?:{_COPY})(?: \d+)?\))$",
    re.IGNORECASE,
)
_BEGIN = re.compile(rf"^(?:copy of |(?:{_CHANGES})(?:[_-]\d{{1,3}})?[_-]+)", re.IGNORECASE)
_NUMBERED = re.compile(r" ?\(\d{1,3}\)$")

_FEW = 4
_MOST_NUMBERED = 4
"""Downloads are numbered, too, as images (1) to images (60). With more numbers a name they are no copies."""


def copy_sources(paths: Sequence[str]) -> dict[str, str]:
    """Return the source of each image that shares it with another, by path without suffix.

    paths: of images below the folder of their split. The source of `a/x_flip` is `a/x` if that is an image,
    too, or if its name holds a digit: words before a change, as in `leaf_dark`, are classes more often. What
    more than half of the images would be copies of is no source.

    >>> copy_sources(["x1", "x1_flip", "x2.rf.0a1b", "x2.rf.2c3d", "x3"])
    {'x1': 'x1', 'x1_flip': 'x1', 'x2.rf.0a1b': 'x2', 'x2.rf.2c3d': 'x2'}
    >>> copy_sources(["leaf_dark", "leaf_bright"])
    {}
    """
    known = set(paths)
    sources = {path: _source(path, known) for path in paths}
    sources |= _numbered(known, sources)
    sizes = Counter(sources.values())
    most = max(_FEW, len(paths) // 2)
    return {path: source for path, source in sources.items() if 1 < sizes[source] <= most}


def _source(path: str, known: set[str]) -> str:
    folder, slash, name = path.rpartition("/")
    if match := _ROBOFLOW.search(name):
        return folder + slash + match[1]
    start, shorter = folder + slash, _shortened(name)
    for source in (shorter, _BEGIN.sub("", shorter)):
        if source != name and start + source in known:
            return start + source
    return start + shorter if any(sign.isdigit() for sign in shorter) else path


def _shortened(name: str) -> str:
    """Return a name without the changes at its end.

    >>> _shortened("x1_flip_rot90")
    'x1'
    """
    while shorter := _END.sub("", name):
        if shorter == name:
            break
        name = shorter
    return name


def _numbered(known: Iterable[str], sources: dict[str, str]) -> dict[str, str]:
    """Return the sources of images called NAME (1), for which NAME is an image, too."""
    stems = {path: _NUMBERED.sub("", path) for path in known if _NUMBERED.search(path)}
    found = {path: sources[stem] for path, stem in stems.items() if stem in sources}
    return found if len(found) <= _MOST_NUMBERED * len(set(found.values())) else {}
