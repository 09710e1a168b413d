"""Put images into the groups that the user names: by a pattern in their names, or by a column of a table."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from foveate.data.dataset import SPLIT_NAMES, Entry
from foveate.data.grouping import propose_group
from foveate.errors import DataError

Parts = dict[str, tuple[Entry, ...]]


def assign_groups(
    parts: Mapping[str, Sequence[Entry]], group: str, columns: Mapping[str, Mapping[str, str]]
) -> tuple[Parts, str]:
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
    column = next((name for name in columns if _plain(name) == _plain(group)), None)
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
    grouped = {
        part: tuple(replace(entry, group=names.get(entry.stem)) for entry in entries)
        for part, entries in parts.items()
    }
    return grouped, note


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


def _plain(name: str) -> str:
    """Return a column's name without upper case and separators.

    >>> _plain("Patient-ID"), _plain("patient_id")
    ('patientid', 'patientid')
    """
    return re.sub(r"[\W_]+", "", name).lower()


def image_name(stem: str) -> str:
    """Return the name of an image without its folders.

    >>> image_name("train/cat/12")
    '12'
    """
    return stem.rpartition("/")[2]


def path_in_part(stem: str) -> str:
    """Return the path of an image without the folder of its split.

    >>> path_in_part("train/p1/12"), path_in_part("p1/12")
    ('p1/12', 'p1/12')
    """
    top, _, inner = stem.partition("/")
    return inner if inner and top.lower() in SPLIT_NAMES else stem


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
