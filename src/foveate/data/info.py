"""The facts of a public dataset: classes, splits, licence, and where to get it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from foveate.data.dataset import Task
from foveate.data.pixels.palette import Color


@dataclass(frozen=True)
class Download:
    """A file that can be downloaded without an account.

    checksum: "md5:..." or "sha256:..." as its publisher, or a library that ships it, states it. bytes: its
    size. Both are None if unknown.
    """

    url: str
    checksum: str | None = None
    bytes: int | None = None

    @property
    def file(self) -> str:
        """The name that the file is saved under.

        >>> Download("https://example.org/data/images.tar.gz?download=1").file
        'images.tar.gz'
        """
        return PurePosixPath(unquote(urlsplit(self.url).path)).name


@dataclass(frozen=True)
class DatasetInfo:
    """The facts of one dataset. Facts that are not known for certain are None or empty.

    name: as in `foveate data info NAME`. classes, colors: in the order of their ids; empty if the files name
    them. layout: the folders and files that its reader expects. licence: the terms that its authors state, or
    that they state none. splits: number of images in each official split. images: number of all images.
    bytes: size of all downloads. downloads: files to download directly. steps: what to do by hand if the
    dataset needs an account or has no stable address.

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
