"""Entries in shards: byte ranges in tar files, read in as few requests as possible."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry
from foveate.data.pixels.images import read_image
from foveate.data.pixels.masks import MaskCodec, read_mask
from foveate.data.storage.addresses import Span, read_bytes
from foveate.errors import DataError

INDEX = "shards.json"
FORMAT = "foveate shards 1"

_MAX_GAP = 1 << 16
"""An image and its mask are read in one request if at most this many bytes lie between them."""


@dataclass(frozen=True)
class Packed(Entry):
    """An entry in a shard. image_span, mask_span: first byte and the byte after the last, in the shard."""

    shard: str = ""
    image_span: Span = (0, 0)
    mask_span: Span | None = None


def read_packed(
    entry: Packed, codec: MaskCodec | None
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | int]:
    """Return the image of an entry and its class ids (with a codec) or its label (without).

    Raises `DataError` if a file cannot be decoded or the mask differs in size from the image.
    """
    where = f"{entry.shard}:{entry.stem}"
    content, *mask = _contents(entry.shard, [entry.image_span, *([entry.mask_span] if codec else [])])
    image = read_image(where, content)
    if codec is None:
        return image, entry.label
    ids = read_mask(where, codec, mask[0])
    if ids.shape != image.shape[:2]:
        raise DataError(
            f"{where}: the mask is {ids.shape[0]} x {ids.shape[1]} pixels (height x width) and its image "
            f"{image.shape[0]} x {image.shape[1]}; export the mask at the image's size"
        )
    return image, ids


def _contents(shard: str, spans: Sequence[Span]) -> list[bytes]:
    first, end = min(start for start, _ in spans), max(end for _, end in spans)
    if end - first > sum(end - start for start, end in spans) + _MAX_GAP:
        return [read_bytes(shard, span) for span in spans]
    content = read_bytes(shard, (first, end))
    return [content[start - first : end - first] for start, end in spans]
