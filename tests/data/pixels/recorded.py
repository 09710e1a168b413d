"""Masks as ImageMagick 6.9.11 (Q16) and OptiPNG 0.7.7 (-o7) wrote them; `recorded.json` holds their bytes.

Both keep how a mask looks, and store what looks so in as few bits as they can: 0 and 255 become a grey PNG of
1 bit, which stores 0 and 1, and a palette is numbered in the order in which its greys occur.
"""

import json
from base64 import b85decode
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Recorded:
    """A file. writer: its program and form. greys: of the mask it came from. stored: their numbers in it."""

    writer: str
    greys: tuple[int, ...]
    stored: tuple[int, ...]
    content: bytes

    @property
    def name(self) -> str:
        return f"{self.writer} of {' '.join(map(str, self.greys))}"

    def values(self) -> np.ndarray:
        """Return what the file stores: each number about as often as the others, in an order drawn once."""
        drawn = np.random.default_rng(0).permutation(np.resize(np.arange(len(self.greys)), 30)).reshape(5, 6)
        return np.array(self.stored)[drawn]


RECORDED = tuple(
    Recorded(row["writer"], tuple(row["greys"]), tuple(row["stored"]), b85decode(row["content"]))
    for row in json.loads(Path(__file__).with_suffix(".json").read_text())
)
