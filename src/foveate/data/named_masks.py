"""Read images with the masks in the folders that the user names, where several folders could hold them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from foveate.data.folders.listing import SEARCH_LIMIT, folders_in, holds_images
from foveate.data.folders.mask_like import looks_like_masks
from foveate.data.folders.pair_folders import IMAGE_FOLDERS, find_folder
from foveate.data.folders.pairing import match_by_stem, pair_places, pairing_note, read_indexed
from foveate.data.folders.places import Place, arranged
from foveate.data.folders.rivals import SeveralMasks
from foveate.data.folders.union import join_masks
from foveate.data.layout import Layout
from foveate.data.readers.coloured import colors_file, read_coloured
from foveate.data.storage.unpacked import archives_in, unpacked
from foveate.data.words import names_derived
from foveate.errors import DataError

_DEPTH = 5
_LAYOUTS = (None, "paired", "pairs_in_folders", "coloured")


def read_named_masks(
    root: Path, masks: str, layout: str | None, classes: Sequence[str] | None
) -> tuple[str, Layout]:
    """Return the name and contents of a folder whose masks lie in the folders called `masks`.

    masks: several names, joined by +, give the union of their masks. layout: as the user says. Raises
    `DataError` if there is no such folder, or none of images beside it.
    """
    if layout not in _LAYOUTS:
        raise DataError(f"--masks {masks} is for pairs of images and masks, not for {layout}; leave one out")
    names = [name.strip().strip("/") for name in masks.split("+")]
    if len(names) == 1 or (root / masks).is_dir():
        return _read(root, masks.strip("/"), classes)
    return "paired", join_masks({name: _read(root, name, classes)[1] for name in names})


def _read(root: Path, masks: str, classes: Sequence[str] | None) -> tuple[str, Layout]:
    folder, places = named_places(root, masks)
    for place in places:
        _refuse_several(place, masks)
    parts = pair_places(places)
    path = colors_file(folder)
    contents = read_coloured(parts, path, classes) if path else read_indexed(parts, classes)
    notes = [f"masks are those in {masks}/, as --masks says", *pairing_note(parts)]
    if unread := _unread(folder, places):
        notes.append(f"not read: {', '.join(unread)}")
    return "coloured" if path else "paired", replace(contents, notes=(*contents.notes, *notes), below=folder)


def _refuse_several(place: Place, masks: str) -> None:
    """Raise `SeveralMasks` for a folder of folders that each hold masks of the same images."""
    inner = [] if holds_images(place.masks) else folders_in(place.masks)[:SEARCH_LIMIT]
    fitting = [path for path in inner if match_by_stem(place.images, path).entries]
    if len(fitting) > 1:
        names = [f"{masks}/{path.name}" for path in fitting]
        raise SeveralMasks(
            f"{place.masks}: {' and '.join(f'{path.name}/' for path in fitting)} each hold masks of the same "
            f"images; name one, as in --masks {quote(names[0])}, or join them: "
            f"--masks {quote('+'.join(names))}"
        )


def named_places(root: Path, masks: str) -> tuple[Path, list[Place]]:
    """Return the folder in which the masks were looked for, and their places.

    Archives in `root` are unpacked if it holds no such folder.
    """
    name = masks.strip("/")
    found = [] if root.is_file() else _called(root, name)
    if not found and archives_in(root):
        root = unpacked(root).folder
        found = _called(root, name)
    if not found:
        raise DataError(
            f"{root}: there is no folder called {name}/ (--masks), neither there nor in the folders below; "
            "name a folder that holds masks"
        )
    places = [Place(_images_beside(path, root), path) for path in found]
    tops = [place.images.parent if place.images != root else root for place in places]
    return root, arranged(
        [(top.relative_to(root).parts, place) for top, place in zip(tops, places, strict=True)]
    )


def _called(root: Path, name: str) -> list[Path]:
    """Return the folders of this name (or path below `root`) that are closest to `root` on each branch."""
    if (direct := root / name).is_dir() and direct.resolve().is_relative_to(root.resolve()):
        return [direct]
    return list(_search(root, name.lower(), _DEPTH))


def _search(folder: Path, name: str, depth: int) -> Iterator[Path]:
    for inner in folders_in(folder):
        if inner.name.lower().strip() == name:
            yield inner
        elif depth > 1:
            yield from _search(inner, name, depth - 1)


def _images_beside(masks: Path, root: Path) -> Path:
    """Return the folder of images beside a folder of masks, or beside one above it, up to `root`."""
    top = masks.parent
    while True:
        if images := find_folder(top, IMAGE_FOLDERS):
            return images
        others = [
            path
            for path in folders_in(top)
            if path != masks
            and path not in masks.parents
            and holds_images(path)
            and not names_derived(path.name)
            and not looks_like_masks(path)
        ]
        if len(others) == 1:
            return others[0]
        if others or top in (root, top.parent):
            break
        top = top.parent
    shown = ", ".join(f"{path.name}/" for path in others[:4])
    which = (
        f"which of {shown} holds its images is unclear" if others else "no folder of images lies beside it"
    )
    raise DataError(f"{masks}: {which}; call the folder of images images/")


def _unread(root: Path, places: Sequence[Place]) -> list[str]:
    """Return the folders of images beside the masks, and those beside which there are no masks."""
    used = {path for place in places for path in (place.images, place.masks)}
    beside = [path for place in places for path in folders_in(place.masks.parent)]
    names = {place.images.name for place in places}
    alone = [path for top in folders_in(root) for path in folders_in(top) if path.name in names]
    unread = dict.fromkeys(path for path in [*beside, *alone] if path not in used and holds_images(path))
    return [f"{path.relative_to(root).as_posix()}/" for path in unread]
