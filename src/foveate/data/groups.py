"""Put images into groups: those that the user names, or those that the data shows beyond doubt.

`--group` is a pattern in the names of images, or a column of a table. Without it, a column called after
patients or the like, and copies by their names, are groups. What names and folders merely suggest is proposed
to the user, see `foveate.data.suggestions`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from foveate.data.copies import copy_sources
from foveate.data.dataset import Entry
from foveate.data.group_columns import group_column, plain, repeating_columns
from foveate.data.grouping import propose_group
from foveate.data.words import split_of
from foveate.errors import DataError

NO_GROUPS = "none"
"""The word in place of a group that takes every image by itself."""

Parts = dict[str, tuple[Entry, ...]]
Columns = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Grouped:
    """Entries with their groups.

    notes: sentences for the user. known: whether a reader, a column or the user named the groups, so that
    names and folders need not be asked.
    """

    parts: Parts
    notes: tuple[str, ...]
    known: bool


def settle_groups(parts: Mapping[str, Sequence[Entry]], columns: Columns, group: str | None) -> Grouped:
    """Put entries into groups: those of `assign_groups` if the user names a group, or else those that the
    data itself shows.

    These are, in this order, the groups that the reader gave; a column called after patients, videos or the
    like, in which values repeat; and copies by their names (`copy_sources`). `NO_GROUPS` as the group takes
    every image by itself.

    >>> entries = [Entry("x1"), Entry("x1_flip"), Entry("x2")]
    >>> grouped = settle_groups({"all": entries}, {}, None)
    >>> [entry.group for entry in grouped.parts["all"]], grouped.notes[0].partition(";")[0]
    (['x1', 'x1', None], '2 images are copies of 1 by their names, and in one group with it')
    """
    own = {part: tuple(entries) for part, entries in parts.items()}
    entries = [entry for held in own.values() for entry in held]
    if (
        group is not None
        and plain(group) == NO_GROUPS
        and not any(plain(name) == NO_GROUPS for name in columns)
    ):
        return Grouped(with_groups(own, {}), ("every image is taken by itself, as --group none says",), True)
    if group is not None:
        named, note = assign_groups(own, group, columns)
        return Grouped(named, (note,), True)
    if any(entry.group is not None for entry in entries):
        return Grouped(own, (), True)
    labels = {entry.stem: entry.label for entry in entries} if labelled(entries) else None
    told = repeating_columns(columns, labels)
    if column := group_column(columns, labels):
        cells = {stem: cell for stem, cell in columns[column].items() if cell}
        note = f"images are in {len(set(cells.values()))} groups by the column {column}"
        alone = len(entries) - len(cells)
        note += f"; {alone} without one {'are' if alone > 1 else 'is'} kept apart" if alone else ""
        return Grouped(with_groups(own, cells), (note, *_told(told, column)), True)
    paths = {entry.stem: image_path(entry) for entry in entries}
    sources = copy_sources(list(paths.values()))
    often = Counter(paths.values())  # parts may number their images anew: train/1 is not test/1
    copies = {
        entry.stem: f"{part}/{source}" if often[source] > 1 else source
        for part, held in own.items()
        for entry in held
        if (source := sources.get(paths[entry.stem])) is not None
    }
    notes = _told(told, None)
    if copies:
        count = len(set(copies.values()))
        notes = (
            f"{len(copies)} images are copies of {count} by their names, and in one group with "
            f"{'them' if count > 1 else 'it'}; --group none takes each by itself",
            *notes,
        )
    return Grouped(with_groups(own, copies), notes, False)


def _told(columns: Sequence[str], used: str | None) -> tuple[str, ...]:
    """Name the columns in which values repeat and that are not used."""
    others = [name for name in columns if name != used]
    if not others:
        return ()
    names = f"the column{'s' * (len(others) > 1)} {', '.join(others[:3])}{', ...' * (len(others) > 3)}"
    verb = "repeat" if len(others) > 1 else "repeats"
    flag = f"--group {others[0]!r}" if " " in others[0] else f"--group {others[0]}"
    return (f"{names} {verb} over images and group{'s' * (len(others) == 1)} none of them; {flag} would",)


def with_groups(parts: Mapping[str, Sequence[Entry]], names: Mapping[str, str]) -> Parts:
    """Return entries in the groups that `names` gives by stem, and the others in none."""
    return {
        part: tuple(replace(entry, group=names.get(entry.stem)) for entry in entries)
        for part, entries in parts.items()
    }


def labelled(entries: Sequence[Entry]) -> bool:
    """Whether every entry has a label."""
    return all(entry.label is not None for entry in entries)


def assign_groups(parts: Mapping[str, Sequence[Entry]], group: str, columns: Columns) -> tuple[Parts, str]:
    """Return the entries with their groups, which replace those they had, and a note for the user.

    group: a column of the dataset's table (upper case and separators do not matter), or else a regular
    expression. It is searched in each image's name, or in its path below the folder of the split if the
    expression has a slash. The first capture group names the image's group, or the whole match if there is no
    capture group. columns: the cells of each column by stem.

    An image without a match or with an empty cell keeps to itself. Raises `DataError` for a pattern that is
    invalid or matches no image, and if all images are in one group.

    >>> parts, note = assign_groups({"all": [Entry("p1_a"), Entry("p1_b"), Entry("p2_a")]}, "^[^_]+", {})
    >>> [entry.group for entry in parts["all"]], note
    (['p1', 'p1', 'p2'], "images are in 2 groups by '^[^_]+'")
    """
    stems = [entry.stem for entries in parts.values() for entry in entries]
    column = next((name for name in columns if plain(name) == plain(group)), None)
    if column is None:
        names = _match(stems, group, columns)
        how = f"'{group}'"
    else:
        names = {stem: cell for stem in stems if (cell := columns[column].get(stem))}
        how = f"the column {column}"
        if not names:
            raise DataError(f"--group {group}: the column {column} is empty; fill it, or name another")
    distinct, alone = set(names.values()), len(stems) - len(names)
    if len(distinct) + alone == 1:
        raise DataError(
            f"--group {group} puts all {len(stems)} images into one group ('{distinct.pop()}'), so none are "
            "left to test on; choose what differs between the groups" + _hint(stems)
        )
    note = f"images are in {len(distinct)} group{'s' * (len(distinct) > 1)} by {how}"
    if any(entry.group is not None for entries in parts.values() for entry in entries):
        note += " in place of the data's own"
    if alone:
        note += f"; {alone} image{'s' * (alone > 1)} without one {'are' if alone > 1 else 'is'} kept apart"
    return with_groups(parts, names), note


def _match(stems: Sequence[str], pattern: str, columns: Iterable[str]) -> dict[str, str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--group '{pattern}': is not a regular expression ({error}); write one, such as '^[^_]+' for "
            "all before the first underscore"
        ) from None
    searched = path_in_part if "/" in pattern else image_name
    found = {stem: compiled.search(searched(stem)) for stem in stems}
    names = {stem: match.group(min(1, compiled.groups)) for stem, match in found.items() if match}
    names = {stem: name for stem, name in names.items() if name}
    if not names:
        table = f", or a column of the table ({', '.join(columns)})" if columns else ""
        raise DataError(
            f"--group '{pattern}': is in the name of no image, such as '{searched(stems[0])}'; write a "
            f"regular expression for what images of one group share in their names{table}{_hint(stems)}"
        )
    return names


def _hint(stems: Sequence[str]) -> str:
    proposal = propose_group([image_name(stem) for stem in stems])
    return f"; these names look like --group '{proposal.pattern}'" if proposal else ""


def image_name(stem: str) -> str:
    """Return the name of an image without its folders.

    >>> image_name("train/cat/12")
    '12'
    """
    return stem.rpartition("/")[2]


def image_path(entry: Entry) -> str:
    """Return the path of an image below the folder of its split, without suffix.

    >>> from pathlib import Path
    >>> image_path(Entry("train/p1/12")), image_path(Entry("p1/12.jpg", Path("photos/p1/12.jpg")))
    ('p1/12', 'p1/12')
    """
    path = path_in_part(entry.stem)
    named = entry.image is not None and entry.part is None and image_name(path) == entry.image.name
    return path.removesuffix(entry.image.suffix) if named else path


def path_in_part(stem: str) -> str:
    """Return the path of an image without the folder of its split.

    >>> path_in_part("train/p1/12"), path_in_part("p1/12")
    ('p1/12', 'p1/12')
    """
    top, _, inner = stem.partition("/")
    return inner if inner and split_of(top) else stem


def torn_groups(parts: Mapping[str, Sequence[Entry]]) -> dict[str, tuple[str, ...]]:
    """Return the groups that have images in several parts, with these parts.

    Of two parts that hold the same images, such as val and test, the first counts.

    >>> torn_groups({"train": [Entry("a", group="p")], "test": [Entry("b", group="p"), Entry("c")]})
    {'p': ('train', 'test')}
    """
    distinct = {tuple(entries): part for part, entries in reversed(parts.items())}
    found: dict[str, dict[str, None]] = {}
    for entries, part in reversed(distinct.items()):
        for entry in entries:
            if entry.group is not None:
                found.setdefault(entry.group, {})[part] = None
    return {group: tuple(held) for group, held in sorted(found.items()) if len(held) > 1}


def describe_torn(parts: Mapping[str, Sequence[Entry]]) -> str:
    """Say how many groups are torn apart between parts, with an example; empty if none is.

    >>> describe_torn({"train": [Entry("a", group="p")], "test": [Entry("b", group="p")]})
    "1 of 1 groups is torn apart between train and test: 'p'"
    """
    torn = torn_groups(parts)
    if not torn:
        return ""
    total = len({entry.group for entries in parts.values() for entry in entries} - {None})
    held = next(iter(torn))
    where = " and ".join(part for part in parts if any(part in names for names in torn.values()))
    such = ", such as" if len(torn) > 1 else ":"
    verb = "are" if len(torn) > 1 else "is"
    return f"{len(torn)} of {total} groups {verb} torn apart between {where}{such} '{held}'"
