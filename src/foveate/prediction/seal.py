"""The hash that an exported file carries in its metadata: it shows damage and changes after the export.

It is the SHA-256 of the file with the hash itself replaced by zeros. Whoever changes a file on purpose can
compute it anew: it is no signature.
"""

import hashlib
import re
from pathlib import Path

from foveate.errors import UserError

BLANK = "0" * 64
"""What stands in the file in place of the hash while the hash is computed."""


def seal_of(*contents: bytes) -> str:
    """Return the hash of files in which `BLANK` stands in place of the hash.

    >>> seal_of(b"weights " + BLANK.encode())[:8]
    '40a0010c'
    """
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def seal(content: bytes, *others: bytes) -> bytes:
    """Return the file with `BLANK`, which it contains once, replaced by the hash of it and other files."""
    if content.count(BLANK.encode()) != 1:
        raise ValueError("the place of the hash is not to be found once in the file")
    return content.replace(BLANK.encode(), seal_of(content, *others).encode())


def check_seal(path: Path, found: str, content: bytes, *others: bytes) -> None:
    """Raise `UserError` if the hash `found` in the metadata is not that of the files.

    >>> content = seal(b"weights " + BLANK.encode())
    >>> check_seal(Path("a.onnx"), content[8:].decode(), content)
    >>> check_seal(Path("a.onnx"), content[8:].decode(), content.replace(b"w", b"W"))
    Traceback (most recent call last):
    foveate.errors.UserError: a.onnx: was changed after its export: its hash does not fit; export it again
    """
    blank = content.replace(found.encode(), BLANK.encode()) if re.fullmatch("[0-9a-f]{64}", found) else b""
    if not blank or seal_of(blank, *others) != found:
        raise UserError(f"{path}: was changed after its export: its hash does not fit; export it again")
