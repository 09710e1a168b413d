"""Read the text files of annotations, with limits on their sizes and messages that name what is wrong."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from foveate.errors import DataError

MAX_MEGABYTES = 2000
"""Annotation files of more bytes are refused; COCO's own have 450 MB."""


def read_text(path: Path, megabytes: int = MAX_MEGABYTES) -> str:
    """Return a text file's content without a byte order mark; raise `DataError` if it cannot be read."""
    try:
        if (size := path.stat().st_size) > megabytes * 1_000_000:
            raise DataError(
                f"{path}: has {size / 1e6:,.0f} MB, and files of annotations are read up to {megabytes:,} "
                "MB; divide it"
            )
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text ({error.reason}); export it again, in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); copy it again") from None


def read_json(path: Path, megabytes: int = MAX_MEGABYTES) -> Any:
    """Return the content of a JSON file; raise `DataError` that names the damaged line."""
    try:
        return json.loads(read_text(path, megabytes))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{error.lineno}: the JSON is damaged or truncated ({error.msg}, column {error.colno}); "
            "export it again"
        ) from None
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON that can be read ({error}); export it again") from None


def read_xml(path: Path, megabytes: int = MAX_MEGABYTES) -> ElementTree.Element:
    """Return the root of an XML file.

    Raises `DataError` for damaged XML, and for a document type: it can define entities, which may name other
    files or grow without limit. Programs that write annotations have no use for it.
    """
    text = read_text(path, megabytes)
    try:
        return ElementTree.fromstring(text, ElementTree.XMLParser(target=_WithoutTypes(path)))
    except ElementTree.ParseError as error:
        raise DataError(
            f"{path}:{error.position[0]}: the XML is damaged or truncated ({error}); export it again"
        ) from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: is not XML that can be read ({error}); export it again") from None


class _WithoutTypes(ElementTree.TreeBuilder):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise DataError(
            f"{self.path}: has a document type ({name}), which is not read; remove <!DOCTYPE ...>"
        )
