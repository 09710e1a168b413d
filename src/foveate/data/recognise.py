"""Which layout a folder has: in itself, in the only folder inside it, or in the archives that it holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.errors import DataError
from foveate.data.layout import Layout, LayoutReader, layout_readers
from foveate.data.packed import Unpacked, archives_in, megabytes, unpacked

LOOKED_AT = 20
"""So many of the folders in a folder are looked into for datasets of their own."""

_DEEPEST = 5


@dataclass(frozen=True)
class Recognised:
    """A layout and its folder. archives: those that lie there; unpacked: where, if it was in them."""

    source: Path
    layout: LayoutReader
    folder: Path
    archives: tuple[Path, ...]
    unpacked: Unpacked | None

    def read(self, classes: Sequence[str] | None) -> Layout:
        """What the layout holds; says where it came from, and which archives were not looked into."""
        names = ", ".join(path.name for path in self.archives[:6]) + ", ..." * (len(self.archives) > 6)
        try:
            layout = self.layout.read(self.folder, classes)
        except DataError as error:
            if not self.archives:
                raise
            how = f"unpacked from {names}" if self.unpacked else f"still packed beside it: {names}"
            raise DataError(f"{error} ({how})") from None
        if not self.archives:
            return layout
        note = f"not looked into, being packed: {names}"
        if self.unpacked:
            note = f"read from {names}, kept unpacked ({megabytes(self.unpacked.bytes)})"
        return replace(layout, notes=(*layout.notes, note))


def recognise(source: Path) -> Recognised | None:
    """The first layout that a folder or an archive has; folders are looked at before the archives in them."""
    archives = archives_in(source)
    found = None if source.is_file() else _match(source)
    if found and found[0].name == "shards":  # its tars are what it reads
        archives = ()
    kept = unpacked(source) if found is None and archives else None
    if kept:
        found = _match(kept.folder)
    return found and Recognised(source, *found, archives, kept)


def _match(root: Path) -> tuple[LayoutReader, Path] | None:
    folders = _nested(root)
    for layout in layout_readers():
        for folder in folders:
            if layout.recognise(folder):
                if layout.name == "class_folders":
                    _refuse_several(folder)
                return layout, folder
    return None


def _refuse_several(root: Path) -> None:
    """A folder of datasets with masks looks like one of class folders."""
    inner = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    masked = [layout for layout in layout_readers() if layout.name in ("paired", "camvid")]
    several = [path for path in inner[:LOOKED_AT] if any(layout.recognise(path) for layout in masked)]
    if len(several) > 1:
        names = ", ".join(path.name for path in several)
        raise DataError(
            f"{root}: holds several datasets ({names}); give one of them, such as {several[0].name}"
        )


def _nested(root: Path) -> list[Path]:
    """The folder and those inside it, as long as each holds nothing but the next; the innermost first."""
    folders = [root]
    while len(folders) < _DEEPEST:
        inner = [path for path in folders[-1].iterdir() if not path.name.startswith((".", "__MACOSX"))]
        if len(inner) != 1 or not inner[0].is_dir():
            break
        folders.append(inner[0])
    return folders[::-1]
