"""Download a file: whole or not at all, going on where an earlier attempt broke off, and checked.

pooch compares checksums and moves what is right into place. Its own downloader begins anew every time, so it
is given one that continues: beside `NAME.partial` lies `NAME.partial.version`, by which the server tells
whether the file is still the one that was begun.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests

from foveate.data.info import Download
from foveate.errors import DataError, UserError
from foveate.online import unreachable_reason

PATIENCE = 3
"""Attempts in a row that bring nothing new, before a download is given up."""

PAUSE = 2.0
"""Seconds to wait after the first of them, twice as long after the second."""

LIMIT = 500 * 10**9
"""Bytes after which a file whose size nobody states is given up."""

_ANSWER_SECONDS, _SILENT_SECONDS = 8, 30
_CHUNK = 1 << 18
_PART, _NOTHING_LEFT = 206, 416

Progress = Callable[[int, int | None], None]


def download(file: Download, folder: Path, progress: Progress | None = None) -> Path:
    """Fetch a file into `folder`; one that is there and has the published checksum (if any) is left alone.

    progress: called with the bytes that are there and all of them (None where the server does not say).
    Raises `UserError` where there is no network, the server refuses, there is no room, or the transfer breaks
    off (calling again goes on from there), and `DataError` where what came is not what was published.
    """
    pooch.get_logger().setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(file, folder / f"{file.file}.partial", progress)
    try:
        return Path(pooch.retrieve(file.url, file.checksum, file.file, folder, downloader=transfer))
    except UserError:
        raise
    except ValueError:
        raise DataError(
            f"{file.url}: what came does not have the published checksum {file.checksum}: it is damaged or "
            "another file, and was removed; try again, or look at the dataset's home page for a newer file"
        ) from None


@dataclass
class _Transfer:
    """Brings a file to `partial`, continuing what lies there, and at the end to where pooch wants it."""

    file: Download
    partial: Path
    progress: Progress | None

    def __call__(self, url: str, output_file: str, mover: Any, check_only: bool = False) -> None:
        if reason := unreachable_reason(url, _ANSWER_SECONDS):
            raise UserError(f"cannot download {url}: {reason}; connect to a network and try again")
        idle, problem = 0, ""
        while idle < PATIENCE:
            before = self._size()
            try:
                self._fetch(url)
                break
            except requests.HTTPError as error:
                if error.response.status_code < 500:
                    raise UserError(
                        f"cannot download {url}: the server says {error.response.status_code} "
                        f"{error.response.reason}; look at the dataset's home page for where it is now"
                    ) from None
                problem = str(error)
            except (requests.RequestException, _Short) as error:
                problem = str(error)
            idle = 0 if self._size() > before else idle + 1
            time.sleep(PAUSE * idle)
        else:
            raise UserError(
                f"{url}: the transfer broke off after {self._size() / 1e6:.1f} MB ({problem}); the same "
                "command goes on from there"
            )
        self._version.unlink(missing_ok=True)
        os.replace(self.partial, output_file)

    @property
    def _version(self) -> Path:
        return self.partial.with_name(f"{self.partial.name}.version")

    def _size(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _fetch(self, url: str) -> None:
        """One request for what is still missing, or for everything where the server cannot continue."""
        have = self._size() if self._version.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._version.read_text()}
        patience = (_ANSWER_SECONDS, _SILENT_SECONDS)
        with requests.get(url, headers=headers, stream=True, timeout=patience) as answer:
            if answer.status_code == _NOTHING_LEFT:
                if answer.headers.get("Content-Range") == f"bytes */{have}":
                    return
                self.partial.unlink()
                raise _Short("what lay here was no part of the file")
            answer.raise_for_status()
            if answer.status_code != _PART:
                have = 0
                self.partial.unlink(missing_ok=True)  # before the version it would be taken for is noted
            elif (begins := _begins(answer.headers)) != have:
                self.partial.unlink(missing_ok=True)
                raise _Short(f"asked for what follows byte {have}, the server sent what follows {begins}")
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else self.file.bytes
            self._write(answer, have, total)
        if total is not None and self._size() != total:
            raise _Short(f"{self._size()} of {total} bytes came")

    def _write(self, answer: requests.Response, have: int, total: int | None) -> None:
        """Add what comes to the `have` bytes that are there, as long as it is no more than there can be."""
        room = have + shutil.disk_usage(self.partial.parent).free
        if total is not None and total > room:
            raise UserError(
                f"{self.file.url}: has {total / 1e6:.1f} MB, and {self.partial.parent} has room for "
                f"{room / 1e6:.1f} MB of it; make room, and the same command goes on"
            )
        self._remember(answer.headers)
        most = min(LIMIT, room) if total is None else total
        with self.partial.open("ab" if have else "wb") as target:
            for chunk in answer.iter_content(_CHUNK):
                if target.tell() + len(chunk) > most:
                    break
                target.write(chunk)
                if self.progress:
                    self.progress(target.tell(), total)
            else:
                return
        self.partial.unlink()
        self._version.unlink(missing_ok=True)
        why = "the limit, or the room, for a file of unknown size" if total is None else "its published size"
        raise UserError(
            f"{self.file.url}: more than {most / 1e6:.1f} MB come, {why}; what came was removed; look at the "
            "dataset's home page for where it is now"
        )

    def _remember(self, headers: Any) -> None:
        """Note by what the server knows this version of the file; without it a transfer cannot continue."""
        tag = headers.get("ETag", "")
        version = headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
        if version:
            self._version.write_text(version)
        else:
            self._version.unlink(missing_ok=True)


def _begins(headers: Any) -> int | None:
    """The byte with which the part in an answer begins, if it says so.

    >>> _begins({"Content-Range": "bytes 700-1999/2000"}), _begins({})
    (700, None)
    """
    said = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(said[1]) if said else None


class _Short(Exception):
    """A transfer that ended early without the connection saying so."""
