"""Match names that differ in words on images and masks alone: `21_training.tif` with `21_manual1.gif`."""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES

IMAGE_AFFIXES = frozenset(
    (
        *("image", "images", "img", "imgs", "im", "photo", "picture", "frame", "input", "rgb", "sat"),
        *("orig", "original", *SPLIT_NAMES),
    )
)
MASK_AFFIXES = IMAGE_AFFIXES | {
    *("mask", "masks", "label", "labels", "gt", "seg", "segmentation", "annotation", "anno", "ann"),
    *("truth", "groundtruth", "target", "manual", "expert", "observer", "stho", "ndho", "ho"),
}
"""Words with which the names of images or of masks may all begin or end."""


def without_affixes(stems: Collection[str], words: Collection[str]) -> dict[str, str]:
    """Return what differs in the names of files, by stem: without the words with which all begin and end.

    A word is left out if it is one of `words`, perhaps with a number behind it. A single file has no others
    to compare with and keeps its name.

    >>> without_affixes(["21_training", "22_training"], IMAGE_AFFIXES)
    {'21_training': '21', '22_training': '22'}
    >>> without_affixes(["task-1", "task-2"], MASK_AFFIXES)
    {'task-1': 'task-1', 'task-2': 'task-2'}
    """
    names = {stem: Path(stem).name for stem in stems}
    if len(names) < 2:
        return {stem: stem for stem in names}
    begin = _common(list(names.values()))
    end = _common([name[::-1] for name in names.values()])[::-1]
    begin = begin if _known(begin, words) else ""
    end = end if _known(end, words) else ""
    rest = {stem: name[len(begin) : len(name) - len(end)] for stem, name in names.items()}
    return {stem: stem[: len(stem) - len(names[stem])] + key for stem, key in rest.items()}


def rematch(masks: Mapping[str, Path], images: Collection[str]) -> dict[str, Path]:
    """Return masks by the stems of their images, where names differ in words at their beginning or end.

    masks: by their own stems. images: stems. Where a mask would have no image, or two one, the masks are
    returned as they are.

    >>> masks = {"1_manual1": Path("1_manual1.gif"), "2_manual1": Path("2_manual1.gif")}
    >>> {stem: path.name for stem, path in rematch(masks, ["1_test", "2_test"]).items()}
    {'1_test': '1_manual1.gif', '2_test': '2_manual1.gif'}
    """
    image_of = {key: stem for stem, key in without_affixes(images, IMAGE_AFFIXES).items()}
    keys = without_affixes(masks, MASK_AFFIXES)
    unique = len(image_of) == len(images) and len({*keys.values()}) == len(keys)
    if not unique or not all(key in image_of for key in keys.values()):
        return dict(masks)
    return {image_of[key]: masks[stem] for stem, key in keys.items()}


def _common(names: Sequence[str]) -> str:
    """Return the start that all names share, up to a separator or the number behind its letters."""
    first, last = min(names), max(names)
    same = (a == b for a, b in zip(first, last, strict=False))
    start = first[: sum(takewhile(bool, same))]
    if match := re.match(r".*[\W_]", start):
        return match[0]
    letters = re.match(r"[^\W\d_]*", start)[0]
    return letters if all(re.match(r"\d", name[len(letters) :]) for name in names) else ""


def _known(affix: str, words: Collection[str]) -> bool:
    found = re.findall(r"[^\W\d_]+", affix.lower())
    return bool(found) and all(word in words for word in found)
