"""List the members of a tar and their byte ranges from its headers, without unpacking it."""

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import fsspec

from foveate.data.storage.addresses import Span, read_bytes
from foveate.errors import DataError
from foveate.files import escapes_folder

_BLOCK = 512


@dataclass(frozen=True)
class Member:
    """A file in a tar.

    where: the tar's address and the member's name. span: first byte and the byte after the last, in the tar.
    read: returns the content; works only while `members` is being iterated.
    """

    name: str
    where: str
    span: Span
    read: Callable[[], bytes]

    @property
    def size(self) -> int:
        return self.span[1] - self.span[0]

    def require(self, most: int) -> None:
        """Raise `DataError` for a member of more than `most` bytes."""
        if self.size > most:
            raise DataError(
                f"{self.where}: has {self.size:,} bytes, and files of its kind may have at most {most:,}; "
                "pack a smaller one"
            )


def members(address: str, mode: Literal["r:", "r:*"] = "r:") -> Iterator[Member]:
    """Yield the files of a tar at any address, in its order. mode: "r:*" reads compressed tars too.

    Raises `DataError` for a tar that is damaged or truncated, for links and devices, and for names that lead
    out of the tar's folder or are not UTF-8.
    """
    read_bytes(address, (0, _BLOCK))  # raises the `DataError` of a wrong address
    last = "its beginning"
    try:
        with fsspec.open(address, "rb") as file, tarfile.open(fileobj=file, mode=mode) as tar:
            while info := tar.next():
                _check(address, info)
                last = f"'{info.name}'"
                span = (info.offset_data, info.offset_data + info.size)
                if info.isreg():
                    where = f"{address}:{info.name}"
                    yield Member(info.name.removeprefix("./"), where, span, partial(_read, where, tar, span))
            # tarfile stops silently at a damaged header, as at the block of zeros that ends a tar.
            tar.fileobj.seek(tar.offset)
            if tar.fileobj.read(_BLOCK) != bytes(_BLOCK):
                raise tarfile.ReadError("no header and no end follow")
    except DataError:
        raise
    except Exception as error:  # the errors of tarfile and of fsspec's file systems have no common class
        raise _damaged(address, last, error) from None


def _read(where: str, tar: tarfile.TarFile, span: Span) -> bytes:
    try:
        tar.fileobj.seek(span[0])
        content = tar.fileobj.read(span[1] - span[0])
    except Exception as error:
        raise _damaged(where, "its content", error) from None
    if len(content) < span[1] - span[0]:
        raise DataError(f"{where}: the tar ends within this member; copy it again")
    return content


def _check(address: str, info: tarfile.TarInfo) -> None:
    name = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if name != info.name:
        raise DataError(f"{address}: the name of the member '{name}' is not UTF-8; pack it under another")
    if escapes_folder(name):
        raise DataError(
            f"{address}: the member '{name}' has the name of a file outside its folder; do not use this tar, "
            "get it from its official source"
        )
    if not (info.isreg() or info.isdir()) or info.issparse() or info.size < 0:
        raise DataError(
            f"{address}: the member '{name}' is no plain file but a link, a device, or stored with gaps; "
            "pack the file itself"
        )


def _damaged(where: str, place: str, error: Exception) -> DataError:
    what = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
    return DataError(f"{where}: the tar is damaged or truncated behind {place} ({what}); copy it again")
