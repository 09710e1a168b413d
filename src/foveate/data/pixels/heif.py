"""Photographs in HEIC and HEIF, which telephones take: read by the extra `heif`."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from foveate.extras import require

SUFFIXES = frozenset([".heic", ".heif", ".hif"])

READ = SUFFIXES if find_spec("pillow_heif") else frozenset()
"""The suffixes that are read here: none without the extra."""

_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def prepare_heif(path: str | Path, content: bytes | None = None) -> None:
    """Teach Pillow to open a file in HEIF, if it is one; raise `DataError` if the extra is missing."""
    named = content is None and Path(path).suffix.lower() in SUFFIXES
    if named or (content is not None and content[4:8] == b"ftyp" and content[8:12] in _BRANDS):
        require("pillow_heif", "heif", f"{path}: reading HEIC")
        _register()


@cache
def _register() -> None:
    import_module("pillow_heif").register_heif_opener()
