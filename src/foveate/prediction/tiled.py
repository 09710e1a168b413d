"""Predict the mask of an image of any size in overlapping tiles, from top to bottom.

Rows of the mask are given as soon as no later tile reaches them. Held at a time: the pixels of one row of
tiles, the network's activations for one tile, and the class probabilities of the rows that two rows of tiles
share.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from foveate.data.dataset import Pixels
from foveate.errors import DataError
from foveate.prediction.predictor import Predictor
from foveate.prediction.prepare import prepare
from foveate.prediction.rows import PixelRows
from foveate.prediction.tiling import Span, Tiling

Probabilities = Float32[np.ndarray, "classes rows columns"]


class MaskRows(NamedTuple):
    """Rows of a mask: the number of the first, from 0, and the class ids."""

    first: int
    mask: UInt8[np.ndarray, "rows w"]


def predict_tiles(
    predictor: Predictor,
    parts: Iterable[PixelRows],
    size: tuple[int, int],
    tiling: Tiling,
    where: str = "the image",
    first: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[MaskRows]:
    """Return the mask of an image from top to bottom, for each row of tiles the rows that are final.

    parts: the pixels of the image from top to bottom; they are predicted at their own scale, whatever size
    the network was trained at. size: height and width of the image. where: the image's name in errors.
    first: continue there, where an earlier call for the same image gave the rows above; `parts` must contain
    the rows from `first_seen` on. progress: called as `progress(tiles done, tiles)`. Raises `DataError` if
    the parts are not of this size.
    """
    height, width = size
    spans, columns = tiling.spans(height), tiling.spans(width)
    window = _Window(parts, size, where)
    shared, rows_above = np.empty((0, 0, 0), np.float32), 0
    for number in range(_continued(spans, first), len(spans)):
        span = spans[number]
        following = spans[number + 1].start if number + 1 < len(spans) else height
        pixels = window.rows(span.seen, min(span.seen + tiling.tile, height))
        mask = np.empty((following - span.start, width), np.uint8)
        strips = _strips(predictor, pixels, span, columns, width, tiling)
        for place, (column, p) in enumerate(strips):
            right = column + p.shape[2]
            if not shared.size:  # one array for the whole image: small ones, freed in turn, leave holes
                shared = np.empty((len(p), tiling.overlap, width), np.float32)
            if rows_above:
                above = shared[:, :rows_above, column:right]
                _pass_on(above, p[:, :rows_above], tiling.rise()[:, None])
            mask[:, column:right] = p[:, : following - span.start].argmax(0)
            shared[:, : span.stop - following, column:right] = p[:, following - span.start :]
            if progress is not None:
                progress(number * len(columns) + place + 1, len(spans) * len(columns))
        rows_above = span.stop - following
        if span.start >= first:
            yield MaskRows(span.start, mask)
    window.finish()


def first_seen(size: tuple[int, int], tiling: Tiling, first: int) -> int:
    """Return the first row of the image that is needed to continue at row `first` of the mask."""
    spans = tiling.spans(size[0])
    return spans[_continued(spans, first)].seen


def _continued(spans: list[Span], first: int) -> int:
    """Return the number of the row of tiles at which to begin: that above `first`, for what it shares."""
    done = sum(span.start < first for span in spans)
    return max(0, done - 1)


def _strips(
    predictor: Predictor, pixels: Pixels, span: Span, columns: list[Span], width: int, tiling: Tiling
) -> Iterator[tuple[int, Probabilities]]:
    """Return the probabilities of a row of tiles from left to right, without columns that are given twice.

    Each is the first column, and the rows from `span.start` to `span.stop`.
    """
    above = span.start - span.seen
    shared: Probabilities | None = None
    for number, column in enumerate(columns):
        seen = pixels[:, column.seen : min(column.seen + tiling.tile, width)]
        p = _probabilities(predictor, seen)[:, above:, column.start - column.seen :]
        if shared is not None:
            _pass_on(shared, p[..., : shared.shape[2]], tiling.rise())
        following = columns[number + 1].start if number + 1 < len(columns) else width
        yield column.start, p[..., : following - column.start]
        shared = p[..., following - column.start :].copy()


def _probabilities(predictor: Predictor, pixels: Pixels) -> Probabilities:
    batch = prepare(pixels, None, predictor.facts.bands).to(predictor.device)
    with torch.inference_mode():
        return predictor.probabilities(batch)[0].cpu().numpy()


def _pass_on(first: Probabilities, second: Probabilities, rise: Float32[np.ndarray, "..."]) -> None:
    """Blend what two neighbours say of the same pixels, in place of the second."""
    second *= rise
    second += (1 - rise) * first


class _Window:
    """A part of an image that moves down over its rows."""

    def __init__(self, parts: Iterable[PixelRows], size: tuple[int, int], where: str) -> None:
        self.parts, self.size, self.where = iter(parts), size, where
        self.first = self.end = -1
        self.held: list[Pixels] = []

    def rows(self, first: int, stop: int) -> Pixels:
        """Return the rows from `first` to `stop`; rows above `first` are forgotten."""
        while self.end < stop:
            part = next(self.parts, None)
            if part is None:
                raise self._ended()
            if not self.held:
                self.first = self.end = part.first
            if part.first != self.end or part.pixels.shape[1] != self.size[1]:
                raise self._ended()
            self.held.append(part.pixels)
            self.end += len(part.pixels)
            self._forget(first)
        self._forget(first)
        pixels = np.concatenate(self.held) if len(self.held) > 1 else self.held[0]
        self.held = [pixels]
        return pixels[first - self.first : stop - self.first]

    def finish(self) -> None:
        """Raise `DataError` if there are more rows than the image has."""
        if self.end > self.size[0] or next(self.parts, None) is not None:
            raise self._ended()

    def _forget(self, first: int) -> None:
        while self.held and self.first + len(self.held[0]) <= first:
            self.first += len(self.held.pop(0))

    def _ended(self) -> DataError:
        height, width = self.size
        return DataError(
            f"{self.where}: its data are not of the {width} x {height} pixels that its header says; copy it "
            "again"
        )
