"""WebDataset shards from any tool: a folder of tars, or an address with braces.

Opening them reads all headers, labels and masks. Images are ranges of bytes that are read later, in any
order, as with the shards that foveate packs.
"""

import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from os.path import commonprefix
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES
from foveate.data.folders.table import label_ids
from foveate.data.known import KnownClasses, by_name
from foveate.data.layout import Layout, reader
from foveate.data.pixels.masks import without_void
from foveate.data.pixels.meaning import infer_meaning
from foveate.data.storage.archives import is_archive
from foveate.data.storage.braces import expand
from foveate.data.storage.shards import read_packed
from foveate.data.storage.webdataset import Sample, index_shard, is_shard
from foveate.errors import DataError
from foveate.specs.bindings import binds_colors
from foveate.waiting import with_progress


@reader(
    "webdataset",
    35,
    "WebDataset's *.tar: KEY.jpg with KEY.cls (or .json), or with KEY.mask.png (or .seg)",
    tars=True,
)
class WebDataset:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(map(is_shard, _tars(root)))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        tars = _tars(root)
        for path in tars:
            if path.suffix.lower() != ".tar" and is_shard(path):
                raise DataError(
                    f"{path}: is compressed, but images are read from any position in a shard; decompress "
                    "it, for example with gunzip"
                )
        folder = root if root.is_dir() else root.parent
        plain = [path for path in tars if path.suffix.lower() == ".tar"]
        shards = {path.relative_to(folder).with_suffix("").as_posix(): str(path) for path in plain}
        named_by_user = classes and not isinstance(classes, KnownClasses)
        return _read(shards, classes, () if named_by_user else _names(folder / "classes.txt"))


def is_pattern(source: str | Path) -> bool:
    """Whether a source names WebDataset tars: one by its address, or several by braces.

    >>> [is_pattern(name) for name in ("s3://bucket/a.tar", "a-{0..3}.tar", "a.tar", "s3://bucket/a")]
    [True, True, False, False]
    """
    return str(source).endswith(".tar") and ("://" in str(source) or "{" in str(source))


def read_webdataset(pattern: str, classes: Sequence[str] | None = None) -> Layout:
    """Return the layout of the tars that a pattern names, as in s3://bucket/train-{000..003}.tar.

    All tars are read once. Raises `DataError` for a damaged tar, for a member that occurs twice or is too
    large, for an image without label and mask, and for labels or mask values without a class.
    """
    addresses = expand(pattern)
    folder = commonprefix(addresses).rpartition("/")[0]  # noqa: RUF071 -- addresses are no paths
    shards = {address.removeprefix(folder).strip("/").removesuffix(".tar"): address for address in addresses}
    return _read(shards, classes)


def _tars(root: Path) -> list[Path]:
    """Return the tar itself, or the tars of a folder and of its folders of splits."""
    folders = [root, *(root / part for part in SPLIT_NAMES)]
    files = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    files = files if root.is_dir() else [root]
    return sorted(path for path in files if is_archive(path) and path.suffix.lower() != ".zip")


def _names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text ({error.reason}); write one class per line, in UTF-8") from None
    names = tuple(filter(None, lines))
    if not names or len(set(names)) < len(names):
        raise DataError(
            f"{path}: names a class twice, or none; write one class per line, in the order of ids"
        )
    return names


def _read(shards: Mapping[str, str], classes: Sequence[str] | None, own: Sequence[str] = ()) -> Layout:
    """Read shards.

    shards: their addresses by name; the names are unique and begin the stems of entries. own: the data's own
    names of its classes, used if `classes` are not given.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        indexing = pool.map(partial(index_shard, colored=binds_colors(classes)), shards.values(), shards)
        indexed = dict(zip(shards, with_progress(indexing, len(shards), "Reading shards"), strict=True))
    parts: dict[str, list[Sample]] = {}
    for name, samples in indexed.items():
        parts.setdefault(_part(name), []).extend(samples)
    if "all" in parts and len(parts) > 1:
        where = next(shards[name] for name in shards if _part(name) == "all")
        others = ", ".join(part for part in parts if part != "all")
        raise DataError(
            f"{where}: its name contains none of train, val and test, and other names contain {others}; "
            "rename it, or move it elsewhere"
        )
    masked = any(sample.stored is not None for samples in parts.values() for sample in samples)
    if masked:
        return _masked(parts, without_void(own) if own else classes)
    return _labelled(parts, own or by_name(classes) or ())


def _part(name: str) -> str:
    """Return the split that a shard's name contains, or "all"; raise `DataError` if it contains two.

    >>> _part("imagenet-validation-000"), _part("train/000"), _part("shard-000")
    ('val', 'train', 'all')
    """
    splits = {SPLIT_NAMES[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SPLIT_NAMES}
    if len(splits) > 1:
        raise DataError(
            f"{name}.tar: its name contains {' and '.join(sorted(splits))}; rename it after one split"
        )
    return next(iter(splits), "all")


def _labelled(parts: Mapping[str, Sequence[Sample]], classes: Sequence[str]) -> Layout:
    labels = [(sample.where, sample.label) for samples in parts.values() for sample in samples]
    names, ids = label_ids(labels, classes)
    entries = {
        part: tuple(replace(sample.entry, label=ids[sample.label]) for sample in samples)
        for part, samples in parts.items()
    }
    return Layout("classification", names, entries, partial(read_packed, codec=None))


def _masked(parts: Mapping[str, Sequence[Sample]], classes: Sequence[str] | None) -> Layout:
    samples = [sample for each in parts.values() for sample in each]
    if labelled := next((sample for sample in samples if sample.stored is None), None):
        raise DataError(f"{labelled.where}: is a label, and other images have masks; add this image's mask")
    meaning = infer_meaning([sample.stored for sample in samples], classes)
    codec = meaning.codec
    return Layout(
        "segmentation",
        codec.classes,
        {part: tuple(sample.entry for sample in each) for part, each in parts.items()},
        partial(read_packed, codec=codec),
        counts={sample.entry.stem: counts for sample, counts in zip(samples, meaning.counts, strict=True)},
        notes=(codec.reading,),
        table=meaning.table,
    )
