"""Find the folders of classes, below or above splits, or in folders of folds or patients; and doubt them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from foveate.data.folders.image_tables import unread_tables
from foveate.data.folders.listing import (
    SEARCH_LIMIT,
    folders_in,
    holds_images,
    list_images,
)
from foveate.data.folders.mask_like import looks_like_masks
from foveate.data.folders.pair_folders import holds_images_and_masks, split_roots
from foveate.data.names import one_form
from foveate.data.words import level_of, mentions_masks, names_images, names_results, split_of
from foveate.errors import DataError, Undecided

_LOOKED_AT = 3
"""Number of folders that are looked into two levels below a class."""

_LEVELS = {"folds": "folds", "parts": "parts", "groups": "patients or sites", "dates": "dates"}
"""Levels of folders above classes, and how a message calls them."""

_JOINS = "joins all that lies in a class folder"

_FEWEST_GROUPS = 3
"""Fewer groups cannot be divided into train, val and test."""


class NoClasses(Undecided):
    """Folders that do not look like classes; the message names the layouts that would settle it."""


@dataclass(frozen=True)
class ClassFolder:
    """A folder of images of one class. part: the split, or "all". group: the fold or patient above."""

    name: str
    folder: Path
    part: str = "all"
    group: str | None = None


def class_folders(root: Path) -> list[ClassFolder]:
    """Return the class folders in `root` or in its folders of splits; splits inside each class count, too."""
    return [found for part, top in _tops(root) for found in _classes(top, part)]


def class_folders_below(root: Path) -> list[ClassFolder]:
    """Return the class folders in folders of folds, parts, patients or sites, which are joined.

    Folds, patients and sites are groups, if there are at least three. Raises `DataError` for folds that
    each have splits of their own, as the same images are in several of them.
    """
    found = []
    for part, top in _tops(root):
        uppers = folders_in(top)
        level = level_of([upper.name for upper in uppers])
        grouped = level != "parts" and len(uppers) >= _FEWEST_GROUPS
        for upper in uppers:
            inner = split_roots(upper)
            if inner and (level == "folds" or part != "all"):
                raise DataError(
                    f"{top}: each of {_shown(uppers)} has splits of its own, so the same images may lie in "
                    f"several of them; give one alone, such as {upper}"
                )
            classes = class_folders(upper) if inner else _classes(upper, part)
            found += [
                ClassFolder(each.name, each.folder, each.part, upper.name if grouped else None)
                for each in classes
            ]
    return found


def are_levels(root: Path) -> bool:
    """Whether folders are called as folds, parts, patients or sites and hold folders of the same names."""
    tops = _tops(root)
    uppers = [upper for _, top in tops for upper in folders_in(top)]
    if level_of([upper.name for upper in uppers]) not in _LEVELS:
        return False
    shared = _shared_names([(str(upper), upper) for upper in uppers])
    return bool(shared) and not any(map(holds_images, uppers[:SEARCH_LIMIT]))


def levels_note(root: Path, found: Sequence[ClassFolder]) -> str:
    """Say for the user which folders were joined, and whether their images stay together."""
    uppers = list(dict.fromkeys(upper.name for _, top in _tops(root) for upper in folders_in(top)))
    kept = "each of these is a group, whose images stay together where a split is cut"
    loose = "their images are not kept together"
    grouped = any(each.group is not None for each in found)
    return f"classes of {_named(uppers)} are joined; {kept if grouped else loose}"


def unread_folders(root: Path, found: Sequence[ClassFolder]) -> list[Path]:
    """Return the folders of images in `root` that hold no class folder, such as test/ without labels."""
    used = {each.folder for each in found}
    above = {path for folder in used for path in folder.parents}
    return [path for path in folders_in(root) if path not in used | above and holds_images(path)]


def inner_note(found: Sequence[ClassFolder]) -> list[str]:
    """Return a note if images of a class lie in several folders inside it, which are joined."""
    for each in found[:SEARCH_LIMIT]:
        masks = masks_inside(each.folder)
        for top in [each.folder, *_below(each.folder)]:
            inner = [path for path in folders_in(top) if path not in masks]
            if len(inner) > 1 or (inner and holds_images(top)):
                return [f"folders inside a class are joined, such as {_shown(inner)} of {each.name}/"]
    return []


def check_classes(root: Path, found: Sequence[ClassFolder]) -> None:
    """Raise `NoClasses`, with what was seen, if folders do not look like classes.

    Classes are alike inside, hold no masks, and are not called images, masks, folds, parts or splits.
    """
    names = list(dict.fromkeys(each.name for each in found))
    folders = [each.folder for each in found]
    level = level_of(names)
    if level == "splits":
        _refuse_masks_beside(root, found)
        what = f"{_named(names)} look like splits, not like classes"
        remedy = "call them train/, val/ and test/, with one folder a class in each"
        _refuse(root, what, "; or, ".join(filter(None, [remedy, unread_tables(root)])))
    if level == "images and masks":
        _refuse(root, f"{_named(names)} are called as images and masks are", _masks_remedy(names))
    if masks := next((path for folder in folders[:SEARCH_LIMIT] for path in masks_inside(folder)), None):
        what = f"{masks.relative_to(root).as_posix()}/ looks like masks, among folders that look like classes"
        _refuse(root, what, f"for segmentation, --masks {quote(masks.name)}", "reads the other images alone")
    if pairs := next((folder for folder in folders if holds_images_and_masks(folder)), None):
        raise NoClasses(
            f"{pairs}: holds images together with their masks; for segmentation, put all of them into one "
            "folder, or join such folders with --layout pairs_in_folders; for classification, --layout "
            "class_folders reads the images alone"
        )
    if level in _LEVELS:
        what = f"{_named(names)} look like {_LEVELS[level]}, not like classes"
        remedy = "put the images into one folder for each class, or name them and their labels in a CSV table"
        _refuse(root, what, unread_tables(root) or remedy)
    if shared := _shared_names([(each.name, each.folder) for each in found]):
        what = f"{_named(names)} hold folders of the same names ({_named(shared)}); either may be the classes"
        _refuse(root, what, "where the inner ones are, --layout classes_in_folders")
    _refuse_levels_inside(root, found)
    _refuse_masks_beside(root, found)
    if (results := [name for name in names if names_results(name)]) and len(results) < len(names):
        what = f"{_named(results)}, beside others, may be what a program wrote, by name"
        _refuse(root, what, "move that elsewhere")


def _refuse_levels_inside(root: Path, found: Sequence[ClassFolder]) -> None:
    """Raise `NoClasses` for folders of splits, folds or other classes in a class, where they get lost."""
    classes = {each.name for each in found}
    for each in found[:SEARCH_LIMIT]:
        for top in [each.folder, *_below(each.folder)]:
            inner = [path.name for path in folders_in(top)]
            where = f"{top.relative_to(root).as_posix()}/ holds"
            if any(map(split_of, inner)) or level_of(inner) == "folds":
                remedy = "put the folders of splits or folds above those of classes"
                _refuse(root, f"{where} {_named(inner)}, called as splits or folds", remedy, _JOINS)
            if others := [name for name in inner if one_form(name) in classes - {each.name}]:
                remedy = f"move {others[0]}/ beside {each.folder.name}/"
                _refuse(root, f"{where} {_named(others)}, called as another class", remedy, _JOINS)


def _below(folder: Path) -> list[Path]:
    """Return the first folders one and two levels below."""
    inner = folders_in(folder)[:SEARCH_LIMIT]
    return [*inner, *(path for each in inner[:_LOOKED_AT] for path in folders_in(each)[:SEARCH_LIMIT])]


def _refuse(root: Path, seen: str, remedy: str, classes: str = "takes these folders as classes") -> None:
    raise NoClasses(f"{root}: {seen}; {remedy}; --layout class_folders {classes}")


def _masks_remedy(names: Sequence[str]) -> str:
    images = next(filter(names_images, names))
    masks = next(name for name in names if mentions_masks(name) and name != images)
    return (
        "for segmentation, call the folders images/ and masks/, with the same names in both, or name the "
        f"masks with --masks {quote(masks)}"
    )


def _tops(root: Path) -> list[tuple[str, Path]]:
    return split_roots(root) or [("all", root)]


def _classes(top: Path, part: str) -> list[ClassFolder]:
    """Return the classes of a folder; where each holds splits alone, with these."""
    folders = folders_in(top)
    inner = {folder: folders_in(folder) for folder in folders}
    split_inside = part == "all" and all(
        paths and all(split_of(path.name) for path in paths) and not holds_images(folder)
        for folder, paths in inner.items()
    )
    if not split_inside:
        return [ClassFolder(one_form(folder.name), folder, part) for folder in folders]
    return [
        ClassFolder(one_form(folder.name), path, split_of(path.name) or part)
        for folder, paths in inner.items()
        for path in paths
    ]


def _shared_names(folders: Sequence[tuple[str, Path]]) -> list[str]:
    """Return the names of subfolders that at least two classes share; none if it is the same one in each.

    folders: as (class, folder). A folder called images, or the only one in each class, divides nothing.
    """
    inner = {(name, path.name) for name, folder in folders[:SEARCH_LIMIT] for path in folders_in(folder)}
    counts = Counter(path for _, path in inner)
    shared = sorted(name for name, count in counts.items() if count > 1 and not names_images(name))
    return shared if len(counts) > 1 else []


def masks_inside(folder: Path) -> list[Path]:
    """Return the folders of masks, by their names or files, beside others or images in a class folder."""
    found = []
    for top in [folder, *_below(folder)]:
        inner = folders_in(top)
        masks = [path for path in inner if mentions_masks(path.name) or looks_like_masks(path)]
        found += masks if len(masks) < len(inner) or holds_images(top) else []
    return found


def _refuse_masks_beside(root: Path, found: Sequence[ClassFolder]) -> None:
    """Raise `NoClasses` if a folder holds masks of the images in another, by their names."""
    for part in dict.fromkeys(each.part for each in found):
        folders = [each.folder for each in found if each.part == part][:SEARCH_LIMIT]
        masks = [folder for folder in folders if looks_like_masks(folder)]
        others = [folder for folder in folders if folder not in masks]
        stems = {folder: {path.stem for path in list_images(folder)} for folder in others if masks}
        for folder in masks:
            own = {path.stem for path in list_images(folder)}
            partner = next((other for other in others if 2 * len(own & stems[other]) > len(own)), None)
            if partner is None and others and mentions_masks(folder.name):
                seen = f"{folder.name}/ is called as masks are, and its files look like masks"
                _refuse(folder.parent, seen, f"for segmentation, --masks {quote(folder.name)}")
            if partner:
                raise NoClasses(
                    f"{folder.parent}: {partner.name}/ and {folder.name}/ hold files of the same names, and "
                    f"those in {folder.name}/ look like masks; call the folders images/ and masks/, name the "
                    f"masks with --masks {quote(folder.name)}, or, if they are classes, say --layout "
                    "class_folders"
                )


def _shown(folders: Sequence[Path]) -> str:
    return _named([folder.name for folder in folders])


def _named(names: Sequence[str]) -> str:
    shown = [f"{name}/" for name in names[:3]] + ["..."] * (len(names) > 3)
    return ", ".join(shown) if len(shown) > 2 else " and ".join(shown)
