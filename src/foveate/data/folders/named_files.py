"""Find the image that annotations name, whichever way their program writes paths."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from foveate.data.folders.listing import list_images
from foveate.data.names import one_form
from foveate.errors import DataError
from foveate.files import escapes_folder

_LONGEST = 4096
_HASH = re.compile(r"^[0-9a-f]{8}[-_](?=.)")
"""What Label Studio puts before the names of uploaded files."""


class NamedFiles:
    """The images below `root`, found by name.

    A name is tried as it is, relative to each of `folders`; then with backslashes as slashes, percent signs
    decoded, and in Unicode's form NFC. A name that leads elsewhere (another computer's path, an upload's
    address) is looked for by its last parts, and must then fit one file alone. `moved` counts these.
    """

    def __init__(self, root: Path, folders: Sequence[Path]) -> None:
        self.root, self.folders, self.moved = root, folders, 0

    def find(self, name: str, where: str) -> Path | None:
        """Return the file that `where` names, or None. It always lies below `root`.

        Raises `DataError` if the last parts of the name fit several files.
        """
        forms = list(dict.fromkeys(_forms(name)))
        direct = (folder / form for form in forms if not escapes_folder(form) for folder in self.folders)
        if found := next(filter(_is_file, direct), None):
            return found
        for form in forms:
            if found := self._by_last_parts(form, where):
                self.moved += not _same(found, form, self.folders)
                return found
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on the names that led elsewhere; empty if there are none."""
        if not self.moved:
            return ()
        return (f"{self.moved} images are named with other folders and were found by their file names",)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        names: dict[str, list[Path]] = {}
        for path in list_images(self.root):
            names.setdefault(one_form(path.name), []).append(path)
        return names

    def _by_last_parts(self, form: str, where: str) -> Path | None:
        *parents, last = PurePosixPath(form).parts or ("",)
        paths = self._by_name.get(one_form(last)) or self._by_name.get(one_form(_HASH.sub("", last)), [])
        common = {path: _common_end([*path.relative_to(self.root).parts[:-1]], parents) for path in paths}
        best = [path for path in paths if common[path] == max(common.values())]
        if len(best) > 1:
            raise DataError(
                f"{where}: the image '{form}' may be {best[0].relative_to(self.root)} or "
                f"{best[1].relative_to(self.root)}; name it relative to {self.root}"
            )
        return best[0] if best else None


def slashes(name: str) -> str:
    """Return a name with slashes in place of Windows's backslashes.

    >>> slashes("images" + chr(92) + "a.png")
    'images/a.png'
    """
    return name.replace("\\", "/")


def _forms(name: str) -> Iterator[str]:
    yield name
    plain = slashes(name)
    yield one_form(plain)
    yield one_form(unquote(plain))
    if inner := parse_qs(urlsplit(plain).query).get("d"):  # Label Studio: /data/local-files/?d=folder/a.jpg
        yield one_form(inner[0])


def _same(path: Path, form: str, folders: Sequence[Path]) -> bool:
    """Whether a name leads to a file from one of the folders, but for the form of its letters."""
    inside = (folder for folder in folders if path.is_relative_to(folder))
    return any(one_form(path.relative_to(folder).as_posix()) == one_form(form) for folder in inside)


def _common_end(one: list[str], other: list[str]) -> int:
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if one_form(a) != one_form(b):
            break
        length += 1
    return length


def _is_file(path: Path) -> bool:
    try:
        return len(str(path)) < _LONGEST and path.is_file()
    except OSError:  # a part of the name is too long
        return False
