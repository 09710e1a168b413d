"""Arrays in shared memory: an object is sent to another process without copying its large arrays.

`empty` allocates a large array in shared memory. `Sender.pack` pickles an object; in place of each large
array it writes the number of a file descriptor, which `unpack` maps into the memory of the other process.
The memory has no name. The system frees it with the last process that uses it, even after a kill.
"""

import io
import mmap
import os
import pickle
import tempfile
import weakref
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

LARGE = 1 << 18
"""Bytes from which an array is shared. Smaller ones are copied."""

Place = tuple[int, int, tuple[int, ...], tuple[int, ...], str]
"""Where an array lies: number of the descriptor, offset and strides in bytes, shape, type of its numbers."""


class Block(mmap.mmap):
    """A block of shared memory. descriptor: of its file without a name, closed with the block."""

    descriptor: int

    def __new__(cls, descriptor: int, size: int) -> "Block":
        block = super().__new__(cls, descriptor, size)
        block.descriptor = descriptor
        weakref.finalize(block, os.close, descriptor)
        return block


def empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return an array without values, in shared memory if it is large and the system has such memory.

    >>> small, large = empty((2, 3), np.uint8), empty((1024, 1024), np.uint8)
    >>> small.shape, large.shape, large.flags.writeable
    ((2, 3), (1024, 1024), True)
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE or (descriptor := _memory()) is None:
        return np.empty(shape, dtype)
    os.ftruncate(descriptor, size)
    return np.ndarray(shape, dtype, buffer=Block(descriptor, size))


class Sender:
    """Packs objects for other processes.

    Large arrays that are not in shared memory are copied there once; the copies live as long as the sender.

    folder: for a temporary file without a name, where the system has no shared memory without one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._copies: dict[int, tuple[np.ndarray, Block]] = {}

    def pack(self, value: Any) -> tuple[bytes, list[int]]:
        """Return the pickled object and the file descriptors to send with it."""
        stream, descriptors = io.BytesIO(), []
        _Pickler(stream, self._block, descriptors).dump(value)
        return stream.getvalue(), descriptors

    def _block(self, array: np.ndarray) -> tuple[np.ndarray, Block]:
        """Return the array, or its copy, and the block it lies in."""
        if (block := _block_of(array)) is not None:
            return array, block
        if id(array) not in self._copies:
            self._copies[id(array)] = array, _copy(array, self.folder)
        block = self._copies[id(array)][1]
        return np.ndarray(array.shape, array.dtype, buffer=block), block


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, find_block: Any, descriptors: list[int]) -> None:
        super().__init__(stream)
        self.find_block, self.descriptors = find_block, descriptors

    def persistent_id(self, obj: Any) -> Place | None:
        if not isinstance(obj, np.ndarray) or obj.nbytes < LARGE or obj.dtype.hasobject:
            return None
        array, block = self.find_block(obj)
        if block.descriptor not in self.descriptors:
            self.descriptors.append(block.descriptor)
        start = np.frombuffer(block, np.uint8).__array_interface__["data"][0]
        offset = array.__array_interface__["data"][0] - start
        number = self.descriptors.index(block.descriptor)
        return number, offset, array.shape, array.strides, array.dtype.str


def unpack(package: bytes, descriptors: Sequence[int]) -> Any:
    """Return the object of a package; `descriptors` are closed. A write to its arrays is seen here alone.

    >>> array = empty((1024, 1024), np.uint8)
    >>> array[:] = 7
    >>> package, descriptors = Sender().pack({"images": array, "names": ["a", "b"]})
    >>> received = unpack(package, [os.dup(descriptor) for descriptor in descriptors])
    >>> len(package) < 1000, received["names"], int(received["images"].max())
    (True, ['a', 'b'], 7)
    """
    # A private mapping: its pages are the sender's until they are written to. PyTorch warns of arrays that
    # cannot be written to.
    blocks = [mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY) for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    return _Unpickler(io.BytesIO(package), blocks).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, blocks: Sequence[mmap.mmap]) -> None:
        super().__init__(stream)
        self.blocks = blocks

    def persistent_load(self, pid: Place) -> np.ndarray:
        number, offset, shape, strides, dtype = pid
        return np.ndarray(shape, np.dtype(dtype), self.blocks[number], offset, strides)


def _block_of(array: np.ndarray) -> Block | None:
    """Return the block of shared memory that an array, or the array it is a view of, lies in."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, Block) else None


def _copy(array: np.ndarray, folder: Path | None) -> Block:
    descriptor = _memory()
    if descriptor is None:
        with tempfile.TemporaryFile(dir=folder) as file:
            descriptor = os.dup(file.fileno())
    with open(os.dup(descriptor), "wb") as file:  # a full disk fails here, and not when the map is used
        file.write(np.ascontiguousarray(array))
    return Block(descriptor, array.nbytes)


def _memory() -> int | None:
    """Return the descriptor of new shared memory without a name; None if the system has none (not Linux)."""
    try:
        return os.memfd_create("foveate")
    except (AttributeError, OSError):
        return None
