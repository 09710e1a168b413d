"""Propose which images belong together, from their folders: a folder for each video, patient or scene."""

import re
from collections.abc import Collection, Hashable, Sequence

from foveate.data.dataset import SPLIT_NAMES
from foveate.data.grouping import Proposal, are_classes, proposal

_MOST = 0.9
"""Share of the images that must lie in a folder, and of the folders whose names must not be excluded."""

_WORDS = 8
"""Number of folders from which names without digits are taken for groups. Fewer are categories more often."""

_PORTIONS = re.compile(
    "(?:part|batch|chunk|shard|fold|split|set|subset|folder|dir|images?|imgs?|zip|archive|upload|export|job|task"
    f"|class|category|grade|stage|level|label|{'|'.join(SPLIT_NAMES)})s?[ _.-]?[\\da-z]?\\d*",
)
"""Folders that hold portions of the data or classes, and no group."""


def propose_folders(paths: Sequence[str], labels: Sequence[Hashable] | None = None) -> Proposal | None:
    """Return the groups that the folders of images suggest; None if they suggest none.

    paths: of images below the folder of their split, without suffixes. labels: the class of each image;
    folders that are its classes are passed over. The outermost folders count that are neither classes nor
    portions of the data (part_1, fold2, the first two letters of a hash, 00000/ and 00001/ with one
    numbering). Names without digits need at least eight folders.

    >>> paths = [f"video{video}/{frame:05d}" for video in range(3) for frame in range(4)]
    >>> propose_folders(paths).pattern
    '^([^/]+)/'
    >>> propose_folders([f"part{n}/{n}{k}" for n in range(3) for k in range(4)]) is None
    True
    """
    levels = [path.split("/")[:-1] for path in paths]
    for depth in range(max(map(len, levels), default=0)):
        deep = sum(len(folders) > depth for folders in levels)
        if deep < _MOST * len(levels):
            return None
        names = ["".join(folders[depth : depth + 1]) for folders in levels]
        above = ["/".join(folders[:depth]) for folders in levels]
        numbers = depth and all(name.isdigit() for name in names)
        keys = [f"{up}/{name}" if numbers else name for up, name in zip(above, names, strict=True)]
        start = "[^/]+/" * depth
        pattern = f"^({start}[^/]+)/" if numbers else f"^{start}([^/]+)/"
        if len(set(names)) < 2 or (labels is not None and are_classes(names, labels)):
            continue
        if not _name_groups(set(names)) or _number_on(paths, names):
            continue
        if found := proposal(pattern, paths, keys, labels):
            return found
    return None


def _name_groups(names: Collection[str]) -> bool:
    """Whether folders may be called after groups."""
    portions = sum(bool(_PORTIONS.fullmatch(name.lower())) for name in names)
    hashed = all(re.fullmatch("[0-9a-f]{2}", name.lower()) for name in names) and len(names) > 99
    numbered = sum(any(sign.isdigit() for sign in name) for name in names)
    named = 2 * numbered >= len(names) or len(names) >= _WORDS
    return named and not hashed and portions <= (1 - _MOST) * len(names)


def _number_on(paths: Sequence[str], folders: Sequence[str]) -> bool:
    """Whether numbered folders hold images of one numbering, as 00000/00999 and 00001/01000."""
    names = [path.rpartition("/")[2] for path in paths]
    numbers = all(name.isdigit() for name in [*names, *folders])
    return numbers and len(set(names)) == len(names)
