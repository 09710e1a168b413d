"""Propose which images belong together, from their names: frames of one drive, slices of one patient."""

import re
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

from foveate.data.dataset import SPLIT_NAMES

_MOST = 0.9
"""Share of the names that must have the form of a pattern."""

_NUMBERED = 0.8
"""Share of the groups whose names must hold a digit. Words alone are classes more often than groups."""

_SEPARATORS = "_-. "
_WORD = re.compile(
    r"[_\W](patient|pat|subject|subj|case|video|vid|clip|scene|sequence|seq|scan|study|volume|vol|series|animal|mouse"
    r"|donor|slide|drive)[_ -]?\d",
    re.IGNORECASE,
)
"""What images belong to, within a name."""

_DATE = re.compile(r"(?<!\d)(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?([0-2]\d|3[01])|(?<!\d)(19|20)\d\d(?!\d)")


@dataclass(frozen=True)
class Proposal:
    """Groups that the names of images suggest.

    pattern: a regular expression for `--group`. groups, images: their numbers. keys: the group of each image,
    its own name if the pattern does not match. example: two names of one group.
    """

    pattern: str
    groups: int
    images: int
    keys: tuple[str, ...]
    example: tuple[str, str]

    @property
    def flag(self) -> str:
        """The flag of the command line."""
        return f"--group '{self.pattern}'"

    @property
    def words(self) -> str:
        """A sentence for the user.

        >>> names = [f"p{patient}_{number}" for patient in range(5) for number in range(3)]
        >>> propose_group(names).words
        'names look like 5 groups of images that belong together, such as p0_0 and p0_1'
        """
        first, second = self.example
        return (
            f"names look like {self.groups} groups of images that belong together, such as {first} and "
            f"{second}"
        )


def propose_group(names: Sequence[str], labels: Sequence[Hashable] | None = None) -> Proposal | None:
    """Return the groups that the names of images suggest, without folders and suffixes; None if none do.

    labels: the class of each image; groups that are its classes are not proposed. A group is what stands
    before a separator (`0001TP_006690`, `scene_00_03`), or before a last word with a number
    (`patient12slice3`) or letter (`Image_01L`), or a numbered word for what has images
    (`slice03_patient12`). There must be at least two groups, at most half as many as images, and most must
    have two images or more. Names that begin with words alone, dates, or train and test suggest nothing.

    >>> propose_group(["0001TP_01", "0001TP_02", "0006R0_01", "0006R0_02"]).pattern
    '^[^_]+'
    >>> propose_group(["img_001", "img_002", "img_003", "img_004"]) is None
    True
    """
    if len(names) < 4:
        return None
    proposals = (_propose(names, pattern, form, labels) for pattern, form in _patterns(names))
    return next(filter(None, proposals), None)


def _patterns(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return patterns, each with the form that names must have for it to apply, the coarsest first."""
    patterns = []
    if word := _WORD.search(names[0]):
        within = rf"[_\W]({word[1]}[_ -]?\d+)"
        patterns.append((within, within))
    for sign in _SEPARATORS:
        if sum(sign in name for name in names) < _MOST * len(names):
            continue
        word, escaped = f"[^{sign}]+", re.escape(sign) if sign == "." else sign
        for number in range(3):
            start = "^" + word + f"{escaped}{word}" * number
            patterns.append((start, start + f"{escaped}."))
        patterns.append((f"^(.+){escaped}", f"^(.+){escaped}"))
    shapes = Counter(re.sub(r"\d+", "#", name) for name in names)
    _, most = shapes.most_common(1)[0]
    if most >= _MOST * len(names):
        patterns.append((r"^\D+\d+", r"^\D+\d+[A-Za-z]+\d+$"))
    if len(shapes) <= 4:
        patterns.append((r"^.*\d(?=[A-Za-z]$)", r"^.*\d[A-Za-z]$"))
    return patterns


def _propose(
    names: Sequence[str], pattern: str, form: str, labels: Sequence[Hashable] | None
) -> Proposal | None:
    if sum(bool(re.search(form, name)) for name in names) < _MOST * len(names):
        return None
    compiled = re.compile(pattern)
    found = [compiled.search(name) for name in names]
    keys = [
        match.group(min(1, compiled.groups)) if match else name
        for name, match in zip(names, found, strict=True)
    ]
    return proposal(pattern, names, keys, labels) if _name_groups(set(keys)) else None


def proposal(
    pattern: str, names: Sequence[str], keys: Sequence[str], labels: Sequence[Hashable] | None
) -> Proposal | None:
    """Return the proposal of a pattern that gives these keys; None if they are too many, or the classes."""
    sizes = Counter(keys)
    several = sum(size > 1 for size in sizes.values())
    if len(sizes) < 2 or 2 * len(sizes) > len(names) or 2 * several <= len(sizes):
        return None
    if labels is not None and are_classes(keys, labels):
        return None
    key = next(key for key in keys if sizes[key] > 1)
    first, second = [name for name, own in zip(names, keys, strict=True) if own == key][:2]
    return Proposal(pattern, len(sizes), len(names), tuple(keys), (first, second))


def _name_groups(keys: Collection[str]) -> bool:
    """Whether keys look like names of groups, not like words, dates or splits."""
    numbered = sum(any(sign.isdigit() for sign in key) for key in keys)
    dated = sum(bool(_DATE.search(key)) for key in keys)
    splits = sum(any(word in SPLIT_NAMES for word in re.findall("[a-z]+", key.lower())) for key in keys)
    return numbered >= _NUMBERED * len(keys) and 2 * dated < len(keys) and len(keys) > splits * 2


def are_classes(keys: Sequence[str], labels: Sequence[Hashable]) -> bool:
    """Whether each group is one class, and each class one group."""
    pairs = set(zip(keys, labels, strict=True))
    return len(pairs) == len(set(keys)) == len(set(labels))
