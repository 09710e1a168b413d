"""CIFAR-10 and CIFAR-100 in their pickled batches. As PNG folders, they are read as class folders.

Reading a pickle may run arbitrary code. The unpickler here accepts only the three names that the official
files need, and maps them to classes of this file: the state of a real numpy array in a pickle could make it
access arbitrary memory.
"""

import pickle
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import UInt8

from foveate.data.dataset import Entry
from foveate.data.folders.coded import labelled_layout
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.errors import DataError

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel
can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion
lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree
pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea
seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank
telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100 = tuple(_CIFAR100.split())
LAYOUT10 = "cifar-10-batches-py/ with data_batch_1 ... data_batch_5 and test_batch (or the tar.gz)"
LAYOUT100 = "cifar-100-python/ with train and test (or the tar.gz)"

_SITE = "https://www.cs.toronto.edu/~kriz"


def _info(classes: Sequence[str], layout: str, size: int, md5: str) -> DatasetInfo:
    """Return the facts of CIFAR-10 or CIFAR-100. size, md5: of the archive."""
    count = len(classes)
    return DatasetInfo(
        name=f"cifar{count}",
        title=f"CIFAR-{count}: 32x32 images of {count} classes",
        task="classification",
        classes=tuple(classes),
        splits={"train": 50_000, "test": 10_000},
        images=60_000,
        bytes=size,
        home=f"{_SITE}/cifar.html",
        citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        layout=layout,
        licence="none stated; its authors ask that the report be cited",
        downloads=(Download(f"{_SITE}/cifar-{count}-python.tar.gz", f"md5:{md5}", size),),
    )


INFO10 = _info(CIFAR10, LAYOUT10, 170_498_071, "c58f30108f718f92721af3b95e74349a")
INFO100 = _info(CIFAR100, LAYOUT100, 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85")


@reader("cifar10", 12, LAYOUT10, INFO10)
class Cifar10:
    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / "data_batch_1").is_file() or (root / "batches.meta").is_file()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        files = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
        parts = {part: _entries(root, names, b"labels", CIFAR10) for part, names in files.items()}
        return labelled_layout(parts, CIFAR10, classes, reader=read_row)


@reader("cifar100", 12, LAYOUT100, INFO100)
class Cifar100:
    @staticmethod
    def recognise(root: Path) -> bool:
        return all((root / name).is_file() for name in ("train", "meta"))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        parts = {part: _entries(root, [part], b"fine_labels", CIFAR100) for part in ("train", "test")}
        return labelled_layout(parts, CIFAR100, classes, reader=read_row)


def read_row(entry: Entry) -> tuple[UInt8[np.ndarray, "32 32 3"], int]:
    """Return the image and the label of one row of a batch."""
    return rearrange(_batch(entry.image)[b"data"][entry.part], "(c h w) -> h w c", c=3, h=32), entry.label


def _entries(root: Path, names: Sequence[str], key: bytes, classes: Sequence[str]) -> tuple[Entry, ...]:
    entries = []
    for name in names:
        path = root / name
        labels = _batch(path).get(key, ())
        rows = len(_batch(path)[b"data"])
        known = range(len(classes))
        whole = isinstance(labels, list) and len(labels) == rows
        if not whole or not all(label in known for label in labels):
            raise DataError(
                f"{path}: {key.decode()} are not {rows} numbers from 0 to {len(classes) - 1}; get the "
                "archive again"
            )
        entries += [
            Entry(f"{name}/{row:05d}", path, label=label, part=row) for row, label in enumerate(labels)
        ]
    return tuple(entries)


@lru_cache(maxsize=8)
def _batch(path: Path) -> dict[bytes, Any]:
    """Read the dictionary of a batch file: data (rows of 3072 bytes, channel after channel) and labels."""
    try:
        with path.open("rb") as file:
            batch = _Unpickler(file, encoding="bytes").load()
        batch[b"data"] = data = batch[b"data"].values
        if data.ndim != 2 or data.shape[1] != 3 * 32 * 32:
            raise DataError(f"{path}: data has the shape {data.shape}, not rows of 3072 bytes")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such batch; unpack the archive again, whole") from None
    except _Foreign as error:
        raise DataError(
            f"{path}: the batch asks for {error}, which no CIFAR batch needs; it may run malicious code. Do "
            "not use it; get the archive from its official source"
        ) from None
    except DataError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise DataError(
            f"{path}: the batch is damaged or truncated ({type(error).__name__}: {error}); get the archive "
            "again"
        ) from None
    return batch


class _Foreign(Exception):
    """A name in a pickle that no official batch contains."""


class _Kind:
    """Replaces numpy's dtype in a batch."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = code.decode() if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and the like, which bytes do not have."""


class _Array:
    """Replaces numpy's array in a batch; its state must be that of an array of bytes."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, by_column, content = state
        if kind.code not in ("u1", "|u1", "uint8"):
            raise ValueError(f"data is of the type {kind.code}, not bytes")
        self.values = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_column else "C")


class _Unpickler(pickle.Unpickler):
    """Reads only the types of the official batches: dicts, lists, numbers, bytes, and one array."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return _Array if name == "ndarray" else _Kind
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _reconstruct
        raise _Foreign(f"{module}.{name}")


def _reconstruct(*_: object) -> _Array:
    """Return an array without state, as numpy's function of this name does."""
    return _Array()
