"""Account for every file below the folder of a dataset: used, known beside it, or not read and why."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.listing import files_below, is_file
from foveate.data.folders.unread_kinds import (
    ANNOTATIONS,
    APART,
    BESIDE,
    BROKEN,
    OTHER,
    OTHERS,
    PARTNERLESS,
    TABLES,
    Kind,
    is_known,
    kind_of,
    suffix_of,
)
from foveate.data.layout import Layout
from foveate.data.pixels.images import has_image_suffix

_FEW = 0.05
"""Share of the images from which images that are not read are more than a stray file or two."""

_MANY = 3
"""Number of files of one kind, or half as many as are used, that are no strays."""

_NAMED = 3
"""Number of kinds that a sentence names."""


@dataclass(frozen=True)
class Heap:
    """Files of one kind that are not read. name: their suffix or folder. files: all of them, sorted."""

    name: str
    kind: Kind
    files: tuple[Path, ...]

    @property
    def words(self) -> str:
        """How many of what, and what to do.

        >>> from foveate.data.folders.unread_kinds import kind_of
        >>> Heap(".mov", kind_of("a.mov"), (Path("a.mov"),)).words
        '1 .mov (videos): save their frames as images, a folder for each video'
        """
        if self.kind == BROKEN:
            shown = ", ".join(str(path) for path in self.files[:_NAMED]) + ", ..." * (
                len(self.files) > _NAMED
            )
            what = "links that lead nowhere" if len(self.files) > 1 else "link that leads nowhere"
            return f"{len(self.files):,} {what} ({shown}): {self.kind.remedy}"
        return f"{len(self.files):,} {self.name} ({self.kind.what}): {self.kind.remedy}"


@dataclass(frozen=True)
class Account:
    """The files below a folder; links to one file count once.

    used: number of files that images, masks and annotations come from. known: number of others that are no
    images (licences, tables, scripts). unread: all that remains. twice: pairs of images that are one file.
    """

    used: int
    known: int
    unread: tuple[Heap, ...]
    twice: tuple[tuple[Path, Path], ...] = ()

    @property
    def missed(self) -> tuple[Heap, ...]:
        """What may hold images, masks or annotations of the dataset, and is not read."""
        return tuple(heap for heap in self.unread if heap.kind.images)

    @property
    def many(self) -> bool:
        """Whether so much is missed that it cannot be a stray file or two."""
        missed = sum(len(heap.files) for heap in self.missed)
        return missed > 0 and missed >= _FEW * (missed + self.used)

    @property
    def words(self) -> str:
        """A sentence for the user; empty if every file is used or known.

        >>> from foveate.data.folders.unread_kinds import kind_of
        >>> heap = Heap(".HEIC", kind_of("a.HEIC"), (Path("a.HEIC"), Path("b.HEIC")))
        >>> Account(12, 1, (heap,)).words
        "15 files: 12 used, 1 other, 2 not read: 2 .HEIC (photos in HEIC): pip install 'foveate[heif]', or
        convert them to JPEG"
        """
        if not self.unread:
            return ""
        unread = sum(len(heap.files) for heap in self.unread)
        others = f", {self.known:,} other{'s' * (self.known > 1)}" if self.known else ""
        heaps = "; ".join(heap.words for heap in self.unread[:_NAMED])
        more = f"; and {len(self.unread) - _NAMED} kinds more" if len(self.unread) > _NAMED else ""
        total = self.used + self.known + unread
        return f"{total:,} files: {self.used:,} used{others}, {unread:,} not read: {heaps}{more}"

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentence on what is not read, if that is a stray file or two."""
        return (self.words,) if self.unread and not self.many else ()

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences on much that is not read, and on images that occur twice by links."""
        cautions = (self.words,) if self.many else ()
        if not self.twice:
            return cautions
        first, second = self.twice[0]
        verb = "s are the files" if len(self.twice) > 1 else " is the file"
        return (
            *cautions,
            f"{len(self.twice):,} image{verb} of another, by links, such as {second} and {first}",
        )


NOTHING = Account(0, 0, ())


def account_for(layout: Layout) -> Account:
    """Return the account of the folder of a layout; `NOTHING` where entries have no files of their own."""
    entries = [entry for held in layout.parts.values() for entry in held]
    if layout.below is None or not any(entry.image for entry in entries):
        return NOTHING
    return take_stock(layout.below, entries, layout.files)


def missed_note(root: Path) -> tuple[str, ...]:
    """Return a sentence on files that may explain why a folder cannot be read; none if there are none."""
    heaps = [heap for heap in take_stock(root, ()).missed if heap.kind not in (APART, BESIDE)]
    return (f"not read: {'; '.join(heap.words for heap in heaps[:_NAMED])}",) if heaps else ()


def take_stock(
    root: Path, entries: Iterable[Entry], files: Iterable[Path] = (), partnerless: Iterable[Path] = ()
) -> Account:
    """Return the account of a folder of which the entries were read.

    files: others that were read. partnerless: files that were passed over because their other half is missing
    or there are two of them.
    """
    real_of, broken = _real_files(root)
    used = {real_of[str(path)] for path in files if str(path) in real_of}
    folders: set[str] = set()
    images: dict[str, Path] = {}
    twice = []
    for entry in entries:
        for path in (entry.image, entry.mask):
            if path is None:
                continue
            real = real_of.get(str(path))
            if real is None:
                folders.add(str(path))
                continue
            used.add(real)
            if path is entry.image and (first := images.setdefault(real, path)) != path:
                twice.append((first, path))
    left = list({real: path for path, real in real_of.items() if real not in used}.values())
    inside = {path for path in left if folders and _is_below(path, folders)}
    known, rest = [], []
    for path in left:
        if path not in inside:
            (known if is_known(os.path.basename(path)) else rest).append(path)
    named = _by_name(root, rest, set(map(str, partnerless)), {str(path.parent) for path in images.values()})
    count = len(used) + len(inside)
    tables = Counter(suffix_of(path) for path in known if suffix_of(path).lower() in TABLES)
    many = {suffix for suffix, number in tables.items() if number >= max(_MANY, count / 2)}
    for path in known:
        if suffix_of(path) in many:
            named.setdefault((suffix_of(path), ANNOTATIONS), []).append(path)
    if broken:
        named["links", BROKEN] = broken
    number = len(known) - sum(tables[suffix] for suffix in many)
    return Account(count, number, _heaps(named, count), tuple(twice))


def _real_files(root: Path) -> tuple[dict[str, str], list[str]]:
    """Return the path without links of each file, and the links that lead nowhere."""
    real_of: dict[str, str] = {}
    broken = []
    real_folders: dict[str, str] = {}
    for entry in files_below(root):
        if not is_file(entry):
            broken += [entry.path] if entry.is_symlink() else []
        elif entry.is_symlink():
            real_of[entry.path] = os.path.realpath(entry.path)
        else:
            folder = entry.path[: -len(entry.name)]
            if folder not in real_folders:
                real_folders[folder] = os.path.join(os.path.realpath(folder), "")
            real_of[entry.path] = real_folders[folder] + entry.name
    return real_of, broken


def _is_below(path: str, folders: set[str]) -> bool:
    return any(str(folder) in folders for folder in Path(path).parents)


def _by_name(
    root: Path, paths: Iterable[str], partnerless: set[str], read: set[str]
) -> dict[tuple[str, Kind], list[str]]:
    """Sort files that are not read by suffix, or by folder if they are images."""
    named: dict[tuple[str, Kind], list[str]] = {}
    above = {str(root), *read, *(str(upper) for folder in read for upper in Path(folder).parents)}
    for path in paths:
        name, suffix = os.path.basename(path), suffix_of(path)
        if path in partnerless:
            key = (suffix, PARTNERLESS)
        elif has_image_suffix(name):
            folder = _outermost(os.path.dirname(path), above)
            inner = os.path.relpath(folder, root)
            where = "images in this folder" if inner == "." else f"images in {inner}/"
            key = (where, BESIDE if folder in read else APART)
        else:
            key = (suffix or "without a suffix", kind_of(path))
        named.setdefault(key, []).append(path)
    return named


def _outermost(folder: str, above: Collection[str]) -> str:
    """Return the outermost folder around a folder that is none of those `above` what is read."""
    while folder not in above and (outer := os.path.dirname(folder)) not in above:
        folder = outer
    return folder


def _heaps(named: dict[tuple[str, Kind], list[str]], used: int) -> tuple[Heap, ...]:
    heaps = []
    for (name, kind), paths in named.items():
        many = kind == OTHER and len(paths) >= max(_MANY, used / 2)
        heaps.append(Heap(name, OTHERS if many else kind, tuple(map(Path, sorted(paths)))))
    return tuple(sorted(heaps, key=lambda heap: (not heap.kind.images, -len(heap.files), heap.name)))
