"""Split images into train, val and test: equal stems and seed give equal splits on every machine."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from foveate.data.apportion import apportion
from foveate.data.dataset import SPLITS, Entry
from foveate.errors import DataError
from foveate.specs.folds import parse_fold
from foveate.specs.shares import SHARES, check_shares, write_shares

NO_SPLIT = "no split was given: "

Splits = dict[str, tuple[Entry, ...]]


def hash_order(entries: Sequence[Entry], seed: int) -> list[Entry]:
    """Sort entries by a hash of the seed and their stems.

    >>> [entry.stem for entry in hash_order([Entry("a"), Entry("b"), Entry("c")], seed=0)]
    ['a', 'c', 'b']
    """
    return sorted(entries, key=lambda entry: hashlib.sha256(f"{seed}:{entry.stem}".encode()).digest())


def cut(entries: Sequence[Entry], shares: Sequence[float], seed: int) -> list[tuple[Entry, ...]]:
    """Draw subsets of these shares, in percent. Returns the subsets, then the remaining entries.

    Each is sorted by stem. Labelled entries are drawn class by class; every subset gets an image of each
    class, except that classes with too few images stay among the remaining entries. Entries of one group go
    to one subset; the shares of images, and of each class, are then kept as nearly as the groups allow.
    """
    if any(entry.group is not None for entry in entries):
        return _divide_groups(entries, (*shares, 100 - sum(shares)), seed)
    parts = len(shares)
    strata: dict[int | None, list[Entry]] = {}
    for entry in entries:
        strata.setdefault(entry.label, []).append(entry)
    subsets: list[list[Entry]] = [[] for _ in range(parts + 1)]
    for members in strata.values():
        ordered = hash_order(members, seed)
        start = 0
        for number, share in enumerate(shares if len(ordered) > parts else ()):
            # Leave one image for each later subset and one for the remaining entries.
            room = len(ordered) - start - (parts - number)
            size = min(max(1, round(share / 100 * len(ordered))), room)
            subsets[number] += ordered[start : start + size]
            start += size
        subsets[parts] += ordered[start:]
    return [_by_stem(subset) for subset in subsets]


def grouped(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each group; an entry without one is a group by its stem."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.stem if entry.group is None else entry.group, []).append(entry)
    return groups


def cut_folds(entries: Sequence[Entry], count: int, seed: int) -> list[tuple[Entry, ...]]:
    """Divide entries into folds of as equal sizes and shares of the classes as groups allow.

    Each is sorted by stem. Raises `DataError` for fewer groups (images, without groups) than folds.

    >>> [len(fold) for fold in cut_folds([Entry(name) for name in "abcdefg"], 3, seed=0)]
    [3, 2, 2]
    """
    in_groups = any(entry.group is not None for entry in entries)
    if (number := len(grouped(entries))) < count:
        unit = "groups" if in_groups else "images"
        remedy = f"choose {number} folds or fewer" if number > 1 else "add some, or leave folds out"
        raise DataError(f"{count} folds need {count} {unit}, and the data have {number}; {remedy}")
    if in_groups:
        return _divide_groups(entries, [1] * count, seed, complete=False)
    strata: dict[int | None, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: -1 if entry.label is None else entry.label):
        strata.setdefault(entry.label, []).append(entry)
    dealt = [entry for members in strata.values() for entry in hash_order(members, seed)]
    return [_by_stem(dealt[number::count]) for number in range(count)]


def _divide_groups(
    entries: Sequence[Entry], shares: Sequence[float], seed: int, complete: bool = True
) -> list[tuple[Entry, ...]]:
    """Divide entries into subsets of these shares without tearing a group apart."""
    groups = grouped(entries)
    names = [entry.stem for entry in hash_order([Entry(name) for name in groups], seed)]
    labels = sorted({entry.label for entry in entries if entry.label is not None})
    counts = np.zeros((len(names), max(1, len(labels))), dtype=np.int64)
    for row, name in zip(counts, names, strict=True):
        for entry in groups[name]:
            row[labels.index(entry.label) if labels else 0] += 1
    subsets: list[list[Entry]] = [[] for _ in shares]
    for name, part in zip(names, apportion(counts, shares, complete), strict=True):
        subsets[part] += groups[name]
    return [_by_stem(subset) for subset in subsets]


def _by_stem(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.stem))


def arrange(
    parts: Mapping[str, Sequence[Entry]],
    seed: int,
    val_from_train: bool,
    shares: Sequence[float] = SHARES,
    fold: str | None = None,
    own_splits: bool = True,
) -> tuple[Splits, str]:
    """Make the splits from the parts of a folder. Returns them and a note on where they come from.

    parts: {"all": entries}, or those of train, val and test that the folder has. Without a test part, val
    becomes test, and a new val is cut from train; `val_from_train=False` uses val for both. shares: as in
    `check_shares`; a val that is cut from train takes the share of val. fold: K/N, the fold that is test;
    val is cut from the others. own_splits: False sets the parts aside, as if all images were in one.
    Raises `DataError` if a split is left empty or train is missing, and for a fold of data with a part to
    test on.
    """
    if not own_splits and held_out_part(parts):
        pool = tuple(entry for split in parts for entry in parts[split])
        splits, note = arrange({"all": pool}, seed, val_from_train, shares, fold)
        counts = ", ".join(f"{len(parts[split])} {split}" for split in SPLITS if parts.get(split))
        return splits, f"the data's own splits ({counts}) are set aside, and {note.removeprefix(NO_SPLIT)}"
    _, *held_out = check_shares(shares)
    own = {split: tuple(parts[split]) for split in SPLITS if parts.get(split)}
    pool = tuple(entry for entries in parts.values() for entry in entries)
    unit = "stem" if all(entry.group is None for entry in pool) else "group"
    if fold is not None:
        number, count = parse_fold(fold)
        if tested := held_out_part(parts):
            raise DataError(
                f"the data have a part of their own to test on ({tested}), so there is no fold {fold}; leave "
                "folds out, or set the data's own splits aside with --split"
            )
        folds = cut_folds(pool, count, seed)
        rest = [entry for other, held in enumerate(folds, start=1) if other != number for entry in held]
        val, train = cut(rest, held_out[:1], seed)
        note = f"fold {number} of {count} is tested; val is cut from the others ({held_out[0]:g}% by {unit}, "
        note += f"split seed {seed})"
        return _require_nonempty({"train": train, "val": val, "test": folds[number - 1]}), note
    if set(own) == set(SPLITS):
        return own, "the folder's own splits are used"
    if "train" in own and len(own) == 2:
        if "val" in own and not val_from_train:
            return {**own, "test": own["val"]}, "val is used for validation and for the scores"
        (kept,) = set(own) - {"train"}
        val, train = cut(own["train"], held_out[:1], seed)
        note = f"val is cut from train ({held_out[0]:g}% by {unit}, split seed {seed})"
        if kept == "val":
            note = f"the folder's val is kept for testing, and {note}"
        return _require_nonempty({"train": train, "val": val, "test": own[kept]}), note
    if len(own) == 2:
        raise DataError(
            "the folder has val and test but no train; add train, or put all images into one folder"
        )
    val, *test, train = cut(pool, held_out, seed)
    note = f"{NO_SPLIT}{write_shares(shares)} by {unit}, split seed {seed}"
    if not test:
        note += "; val is used for validation and for the scores"
    return _require_nonempty({"train": train, "val": val, "test": test[0] if test else val}), note


def held_out_part(parts: Mapping[str, Sequence[Entry]]) -> str:
    """Return the part that the data themselves hold out for the scores; empty if there is none.

    >>> held_out_part({"train": [Entry("a")], "val": [Entry("b")]}), held_out_part({"all": [Entry("a")]})
    ('val', '')
    """
    own = [split for split in SPLITS if parts.get(split)]
    return own[-1] if len(own) > 1 else ""


def keep_whole(parts: Mapping[str, Sequence[Entry]]) -> tuple[Splits, str]:
    """Make splits for scoring only, without cutting. Returns them and a note on where they come from.

    Without parts, each split holds all images. A missing val is test, and a missing test is val.

    >>> splits, note = keep_whole({"all": [Entry("a"), Entry("b")]})
    >>> len(splits["test"]), note
    (2, 'no split was given: all images are scored')
    """
    own = {split: tuple(parts[split]) for split in SPLITS if parts.get(split)}
    pool = tuple(entry for entries in parts.values() for entry in entries)
    test = own.get("test") or own.get("val") or pool
    splits = {"train": own.get("train", pool), "val": own.get("val", test), "test": test}
    note = "the folder's own splits are scored" if own else "no split was given: all images are scored"
    return _require_nonempty(splits), note


def restore(parts: Mapping[str, Sequence[Entry]], table: Mapping[str, Sequence[str]]) -> tuple[Splits, str]:
    """Make the splits that a table of stems records. Returns them and a note.

    Raises `DataError` if the data no longer has one of the images.
    """
    entries = {entry.stem: entry for group in parts.values() for entry in group}
    missing = [stem for split in SPLITS for stem in table[split] if stem not in entries]
    if missing:
        raise DataError(
            f"{len(missing)} images of the recorded split are missing, '{missing[0]}' the first of them; put "
            "them back, or start a new run"
        )
    splits = {split: tuple(entries[stem] for stem in table[split]) for split in SPLITS}
    return _require_nonempty(splits), "the recorded splits are used"


def _require_nonempty(splits: Splits) -> Splits:
    for split, entries in splits.items():
        if not entries:
            every = [entry for held in splits.values() for entry in held]
            groups = any(entry.group is not None for entry in every)
            total, unit = (len(grouped(every)), "groups") if groups else (len(every), "images")
            more = "; --group none splits image by image" if groups else " (3 of a class for class folders)"
            raise DataError(
                f"{total} {unit} are too few for a split into train, val and test: {split} is left empty; "
                f"at least 3 are needed{more}"
            )
    return splits
