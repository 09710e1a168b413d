"""Lists of splits: `train.txt`, `val.txt` and `test.txt`, which name one image a line.

They lie in the folder itself, or in `ImageSets/Segmentation/`, `ImageSets/`, `splits/` or `lists/` there. A
line is a stem, a file name, or a path whose last parts are those of the image; what follows a blank or a
comma after the name (a mask's path, say) is passed over.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from foveate.data.dataset import SPLIT_NAMES, SPLITS, Entry
from foveate.data.folders.drawn import Outlined
from foveate.data.folders.listing import files_with_suffix
from foveate.data.folders.named_files import slashes
from foveate.data.folders.text import read_text
from foveate.data.names import one_form
from foveate.data.pixels.images import SUFFIXES
from foveate.errors import DataError

_FOLDERS = ("", "ImageSets/Segmentation", "ImageSets/Main", "ImageSets", "splits", "lists")
_MEGABYTES = 200


Image = TypeVar("Image", Entry, Outlined)


def lists_in(root: Path) -> list[Path]:
    """Return the lists of splits of a folder, of the first of the places that has any."""
    found = (
        [path for path in files_with_suffix(root / place, ".txt") if path.stem.lower() in SPLIT_NAMES]
        for place in _FOLDERS
    )
    return next(filter(None, found), [])


def unread_lists(root: Path, parts: Mapping[str, Sequence[Image]]) -> list[Path]:
    """Return the lists that are not read since folders tell the splits."""
    return lists_in(root) if parts and set(parts) != {"all"} else []


def _by_split(lists: Sequence[Path]) -> dict[str, Path]:
    """Return lists by split; raise `DataError` if two list the same."""
    files: dict[str, Path] = {}
    for path in lists:
        first = files.setdefault(SPLIT_NAMES[path.stem.lower()], path)
        if first != path:
            part = SPLIT_NAMES[path.stem.lower()]
            raise DataError(f"{path.parent}: {first.name} and {path.name} both list {part}; keep one of them")
    return files


def divide_by_lists(
    root: Path, parts: Mapping[str, Sequence[Image]]
) -> tuple[dict[str, tuple[Image, ...]], tuple[str, ...]]:
    """Return images by the splits that lists give them, and notes; unchanged if there are no lists.

    parts: with images under "all" alone; images that have splits already keep them. Without a list of train,
    the images that no list names are train; otherwise they are left out.

    Raises `DataError` for a line that names no image, or several, for an image in two lists, and for a list
    of some images as train where no list names the others.
    """
    own = {part: tuple(images) for part, images in parts.items()}
    found = lists_in(root)
    shown = ", ".join(path.relative_to(root).as_posix() for path in found)
    if not found or not own:
        return own, ()
    if unread_lists(root, own):
        return own, (f"not read: {shown}, since the folders tell the splits",)
    lists = _by_split(found)
    images = _by_ends(root, own["all"])
    listed: dict[str, str] = {}
    divided: dict[str, dict[str, Image]] = {part: {} for part in SPLITS if part in lists}
    for part, path in lists.items():
        for where, line in _lines(path):
            image = _named(line, images, where)
            first = listed.setdefault(image.stem, where)
            if image.stem not in divided[part] and first != where:
                raise DataError(f"{where}: '{line}' is in {first} already; keep it in one of the lists")
            divided[part][image.stem] = image
    rest = {image.stem: image for image in own["all"] if image.stem not in listed}
    notes = [f"the splits are those of {shown}"]
    if rest and "train" not in divided:
        divided = {"train": rest, **divided}
        notes.append(f"the {len(rest)} images that no list names are train")
    elif rest and set(lists) == {"train"}:
        raise DataError(
            f"{lists['train']}: lists {len(listed)} images for train, and no list names the other "
            f"{len(rest)}; add val.txt or test.txt, or remove the list"
        )
    elif rest:
        notes.append(f"{len(rest)} images that no list names are left out, '{next(iter(rest))}' the first")
    return {part: tuple(held.values()) for part, held in divided.items()}, tuple(notes)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(path, _MEGABYTES).splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield f"{path}:{number}", line.strip()


def _by_ends(root: Path, images: Sequence[Image]) -> dict[str, list[Image]]:
    """Return images by every end of their paths below `root`, with and without their suffixes."""
    ends: dict[str, list[Image]] = {}
    for image in images:
        paths = {image.stem}
        if image.image is not None and image.image.is_relative_to(root):
            path = image.image.relative_to(root)
            paths |= {path.as_posix(), path.with_suffix("").as_posix()}
        for end in {end for path in paths for end in _ends(one_form(path))}:
            ends.setdefault(end, []).append(image)
    return ends


def _ends(path: str) -> list[str]:
    """Return a path and what is left of it without its first folders.

    >>> _ends("images/a/1")
    ['images/a/1', 'a/1', '1']
    """
    parts = PurePosixPath(path).parts
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _named(line: str, images: Mapping[str, Sequence[Image]], where: str) -> Image:
    for name in dict.fromkeys((line, *re.split(r"[,\s]", line, maxsplit=1)[:1])):
        for end in _ends(one_form(slashes(name))):
            bare = end.rpartition(".")[0] if Path(end).suffix.lower() in SUFFIXES else end
            found = images.get(end) or images.get(bare, ())
            if len(found) > 1:
                raise DataError(
                    f"{where}: '{line}' names {len(found)} images ({found[0].stem}, {found[1].stem}, ...); "
                    "give their folders, too"
                )
            if found:
                return found[0]
    raise DataError(
        f"{where}: '{line}' names none of the images with a mask or label; add it, or remove the line"
    )
