"""What is known of each public dataset that foveate reads: classes, splits, terms, and where to get it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from foveate.data.dataset import Task
from foveate.data.pixels.palette import Color


@dataclass(frozen=True)
class Download:
    """A file that may be fetched without an account.

    checksum: "md5:..." or "sha256:..." where its publisher (or a library that ships it) states one. bytes:
    its size, where known.
    """

    url: str
    checksum: str | None = None
    bytes: int | None = None

    @property
    def file(self) -> str:
        """The name that it is saved under.

        >>> Download("https://example.org/data/images.tar.gz?download=1").file
        'images.tar.gz'
        """
        return PurePosixPath(unquote(urlsplit(self.url).path)).name


@dataclass(frozen=True)
class DatasetInfo:
    """The facts of one dataset. What is not known for certain is None or empty: see its home page.

    name: as in `foveate data info NAME`. classes, colors: in the order of their ids; empty where the files
    name them. layout: the folders and files that its reader expects. licence: the terms that its authors
    state, or that they state none. splits: images of each official split.
    images, bytes: all of it, as downloaded. downloads: files to fetch directly. steps: what to do by hand,
    where terms ask for an account or there is no stable address.

    >>> from foveate.data.layout import dataset_info
    >>> info = dataset_info("camvid")
    >>> info.task, len(info.classes), dict(info.splits)
    ('segmentation', 11, {'train': 367, 'val': 101, 'test': 233})
    """

    name: str
    title: str
    task: Task
    home: str
    citation: str
    layout: str
    licence: str
    classes: tuple[str, ...] = ()
    colors: tuple[Color, ...] = ()
    splits: Mapping[str, int] = field(default_factory=dict)
    images: int | None = None
    bytes: int | None = None
    downloads: tuple[Download, ...] = ()
    steps: tuple[str, ...] = ()
