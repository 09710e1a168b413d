"""Download a file, whole or not at all, verify its checksum, and continue an interrupted transfer.

pooch verifies the checksum and moves the file into place. Its own downloader always starts from the
beginning; `_Transfer` replaces it. The bytes so far lie in `NAME.partial`. `NAME.partial.version` holds the
server's ETag or date of that file, so that the server can tell whether it has changed since.
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
"""A download fails after this many attempts in a row without a new byte."""

PAUSE = 2.0
"""Seconds to wait after the first such attempt; twice as long after the second."""

LIMIT = 500 * 10**9
"""Largest file in bytes that is downloaded if neither the server nor the catalogue states its size."""

_ANSWER_SECONDS, _SILENT_SECONDS = 8, 30
_CHUNK = 1 << 18
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416

Progress = Callable[[int, int | None], None]


def download(file: Download, folder: Path, progress: Progress | None = None) -> Path:
    """Download a file into `folder` and return its path.

    A file that is already there is kept if it has the published checksum, or if none is published. progress:
    called with the bytes received and the size of the file (None if unknown). Raises `UserError` if there is
    no network, the server refuses, the disk is full, or the transfer breaks off (the next call continues it),
    and `DataError` if the checksum is wrong.
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
            f"{file.url}: the file does not have the published checksum {file.checksum}: it is damaged or "
            "another file, and was removed; try again, or look at the dataset's home page for a newer file"
        ) from None


@dataclass
class _Transfer:
    """Downloads a file to `partial`, continuing after its bytes, and moves it to pooch's output file."""

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
            except (requests.RequestException, _Incomplete) as error:
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
        """Request the missing bytes, or the whole file if the server cannot continue."""
        present = self._size() if self._version.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if present:
            headers |= {"Range": f"bytes={present}-", "If-Range": self._version.read_text()}
        patience = (_ANSWER_SECONDS, _SILENT_SECONDS)
        with requests.get(url, headers=headers, stream=True, timeout=patience) as answer:
            if answer.status_code == _RANGE_NOT_SATISFIABLE:
                if answer.headers.get("Content-Range") == f"bytes */{present}":
                    return
                self.partial.unlink()
                raise _Incomplete("the bytes on disk are not the start of the file")
            answer.raise_for_status()
            if answer.status_code != _PARTIAL_CONTENT:
                present = 0
                self.partial.unlink(missing_ok=True)  # before the new version is saved, which it is not
            elif (start := _range_start(answer.headers)) != present:
                self.partial.unlink(missing_ok=True)
                raise _Incomplete(f"asked for bytes from {present} on, the server sent those from {start} on")
            length = answer.headers.get("Content-Length")
            total = present + int(length) if length else self.file.bytes
            self._write(answer, present, total)
        if total is not None and self._size() != total:
            raise _Incomplete(f"{self._size()} of {total} bytes came")

    def _write(self, answer: requests.Response, present: int, total: int | None) -> None:
        """Append the answer to the `present` bytes; raise `UserError` if it exceeds the size or the disk."""
        room = present + shutil.disk_usage(self.partial.parent).free
        if total is not None and total > room:
            raise UserError(
                f"{self.file.url}: has {total / 1e6:.1f} MB, and {self.partial.parent} has room for "
                f"{room / 1e6:.1f} MB of it; make room, and the same command goes on"
            )
        self._save_version(answer.headers)
        most = min(LIMIT, room) if total is None else total
        with self.partial.open("ab" if present else "wb") as target:
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
            f"{self.file.url}: the server sends more than {most / 1e6:.1f} MB, {why}; the download was "
            "removed; look at the dataset's home page for where it is now"
        )

    def _save_version(self, headers: Any) -> None:
        """Save the server's ETag or date of the file. Without either, a transfer cannot continue."""
        tag = headers.get("ETag", "")
        version = headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
        if version:
            self._version.write_text(version)
        else:
            self._version.unlink(missing_ok=True)


def _range_start(headers: Any) -> int | None:
    """Return the first byte of a partial answer, or None if its headers do not state it.

    >>> _range_start({"Content-Range": "bytes 700-1999/2000"}), _range_start({})
    (700, None)
    """
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


class _Incomplete(Exception):
    """A transfer that ended early without the connection saying so."""
