"""Find where images and masks lie: in the folder itself, or in folders of patients or sites below it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.dataset import SPLITS, Entry
from foveate.data.folders.listing import SEARCH_LIMIT, folders_in, holds_images
from foveate.data.folders.pair_folders import has_masks, pairs_of
from foveate.data.words import level_of, look_like_groups, split_of
from foveate.errors import DataError

_DEPTH = 4
"""Levels of folders below the dataset's in which pairs are looked for."""

_FEWEST_GROUPS = 3
"""Fewer groups cannot be divided into train, val and test."""


@dataclass(frozen=True)
class Place:
    """A folder of images and its folder of masks, which are the same where masks lie beside their images.

    part: the split, or "all". prefix: of the stems, empty or with a slash at its end. group: of the images
    (a patient, a site), if the folder is one. images, masks: None for a folder that is missing.
    """

    images: Path | None
    masks: Path | None
    part: str = "all"
    prefix: str = ""
    group: str | None = None

    def divide(self, entries: Sequence[Entry]) -> dict[str, tuple[Entry, ...]]:
        """Return the entries of the two folders by their parts, with the prefix and group of this place."""
        parts = by_split(entries) if self.part == "all" else {self.part: entries}
        return {
            part: tuple(replace(each, stem=self.prefix + each.stem, group=self.group) for each in held)
            for part, held in parts.items()
        }


def by_split(entries: Sequence[Entry]) -> dict[str, tuple[Entry, ...]]:
    """Group entries by split if the first folder of every stem names one; otherwise put all under "all".

    Names other than train, val and test count only if one of the splits is train.
    """
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        top, inner, _ = entry.stem.partition("/")
        parts.setdefault((split_of(top) or "all") if inner else "all", []).append(entry)
    known = {entry.stem.partition("/")[0].lower() for entry in entries}
    if "all" in parts or ("train" not in parts and not known <= set(SPLITS)):
        return {"all": tuple(entries)}
    return {part: tuple(parts[part]) for part in sorted(parts)}


def places_in(root: Path) -> list[Place]:
    """Return the places of a folder of pairs, by its splits."""
    return [
        Place(images, masks, part, "" if part == "all" else f"{part}/")
        for part, (images, masks) in pairs_of(root).items()
    ]


def places_below(root: Path) -> list[Place]:
    """Return the places in folders of patients, sites or folds below `root`, with their splits and groups."""
    return arranged(list(_places(root, ())))


def arranged(found: Sequence[tuple[tuple[str, ...], Place]]) -> list[Place]:
    """Return places with the splits, groups and prefixes that the paths of their folders say.

    found: as (names of the folders from the dataset's to the place, place). Folders are groups if they look
    like some (`look_like_groups`) and, where there are no splits, are at least three.
    """
    splits = all(_split(path, place) for path, place in found)
    names = {_group(path): path for path, _ in found}
    grouped = look_like_groups([_leaf(path) for path in names.values()]) and "" not in names
    grouped = grouped and (splits or len(names) >= _FEWEST_GROUPS)
    return [
        Place(
            place.images,
            place.masks,
            _split(path, place) or "all" if splits else "all",
            "".join(f"{name}/" for name in path) + place.prefix,
            _group(path) if grouped else None,
        )
        for path, place in found
    ]


def are_places(root: Path) -> bool:
    """Whether folders below `root` hold pairs and look like patients, sites or folds, and not like classes.

    At least two must hold pairs, and no fewer than hold images without masks.
    """
    folders = folders_in(root)
    if holds_images(root) or not any(_reaches_pairs(folder) for folder in folders[:SEARCH_LIMIT]):
        return False
    places = places_below(root)
    tops = {place.prefix.partition("/")[0] for place in places}
    others = [folder for folder in folders if folder.name not in tops and _reaches_images(folder)]
    names = {prefix[-1] for place in places if (prefix := _without_splits(place.prefix))}
    return len(places) > 1 and len(others) <= len(tops) and bool(names) and look_like_groups(names)


def refuse_folds_with_splits(root: Path, places: Sequence[Place]) -> None:
    """Raise `DataError` for folds that each have splits, as the same images are in several of them."""
    folds = list(dict.fromkeys("/".join(_without_splits(place.prefix)) for place in places))
    shown = ", ".join(f"{fold}/" for fold in folds[:3])
    if level_of(folds) == "folds" and all(place.part != "all" for place in places):
        raise DataError(
            f"{root}: each of {shown} has splits of its own, so the same images may lie in several; give one "
            f"alone, such as {root / folds[0]}"
        )


def places_note(places: Sequence[Place]) -> str:
    """Say for the user which folders were joined, and whether their images stay together."""
    folders = list(dict.fromkeys("/".join(_without_splits(place.prefix)) for place in places))
    folders = [folder for folder in folders if folder]
    shown = ", ".join(f"{folder}/" for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
    joined = f"pairs of {len(folders)} folders are joined ({shown})"
    if all(place.group is not None for place in places):
        return f"{joined}; each folder is a group, whose images stay together where a split is cut"
    return f"{joined}; their images are not kept together (--group '^[^/]+/' would keep them)"


def unread_beside(root: Path, places: Sequence[Place]) -> list[Path]:
    """Return the folders of images beside the places that are not read."""
    tops = {place.prefix.partition("/")[0] for place in places}
    return [folder for folder in folders_in(root) if folder.name not in tops and _reaches_images(folder)]


def _places(folder: Path, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Place]]:
    if path and has_masks(folder):
        yield from ((path, place) for place in places_in(folder))
    elif len(path) < _DEPTH:
        for inner in folders_in(folder):
            yield from _places(inner, (*path, inner.name))


def _reaches_pairs(folder: Path) -> bool:
    return has_masks(folder) or any(map(has_masks, _down(folder)))


def _reaches_images(folder: Path) -> bool:
    return any(map(holds_images, [folder, *_down(folder)]))


def _down(folder: Path) -> list[Path]:
    """Return the first folders one and two levels below."""
    inner = folders_in(folder)[:SEARCH_LIMIT]
    return [*inner, *(path for first in inner[:3] for path in folders_in(first)[:SEARCH_LIMIT])]


def _without_splits(prefix: str) -> list[str]:
    return [name for name in prefix.split("/") if name and not split_of(name)]


def _split(path: Sequence[str], place: Place) -> str | None:
    if place.part != "all":
        return place.part
    return next((split for name in path if (split := split_of(name))), None)


def _group(path: Sequence[str]) -> str:
    return "/".join(name for name in path if not split_of(name))


def _leaf(path: Sequence[str]) -> str:
    return next((name for name in reversed(path) if not split_of(name)), "")
