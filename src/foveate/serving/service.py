"""The work of a server without its web part: from the bytes of an image to the body of an answer."""

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from foveate.data.dataset import Pixels
from foveate.prediction.assemble import assemble
from foveate.prediction.predictor import Predictor
from foveate.serving.answers import ANSWERS
from foveate.serving.batching import Batcher
from foveate.serving.drift_window import DriftWindow
from foveate.serving.lanes import Lanes
from foveate.serving.metrics import Metrics
from foveate.serving.picture import decode
from foveate.serving.refusal import Refusal
from foveate.specs.serving import ServingSpec
from foveate.watching.drift import FEWEST
from foveate.watching.signs import Signs, signs_of
from foveate.watching.watcher import Watched, watched_batch

_READERS = 2
"""Threads that decode images and encode answers, beside the one that computes."""


class Service:
    """Predicts images for several clients at once, in batches, within the limits of `spec`.

    baseline: the signs of the run's validation images, with which those of the clients are compared.
    """

    def __init__(self, predictor: Predictor, spec: ServingSpec, baseline: Sequence[Signs] = ()):
        self.predictor, self.spec, self.metrics = predictor, spec, Metrics()
        watched = len(baseline) >= FEWEST and spec.drift_window > 0
        self.window = DriftWindow(baseline, spec.drift_window, self.metrics) if watched else None
        self.readers = ThreadPoolExecutor(_READERS, "reader")
        threads = torch.get_num_threads()
        self.lanes = Lanes(self._compute, threads, threads if predictor.device.type == "cpu" else 1)
        self.batcher = Batcher(self.lanes, spec.batch, spec.wait_ms / 1e3, self.metrics.batch)
        self.in_work = 0
        self.ready = False

    async def start(self) -> None:
        """Predict a blank image: the first prediction takes longest."""
        bands = self.predictor.facts.bands
        blank = np.zeros((*(self.predictor.size or (64, 64)), 3), np.uint8)
        if bands is not None:
            blank = np.zeros((*blank.shape[:2], len(bands.bands.numbers)), np.float32)
        await self.batcher.submit(self.predictor.prepared(blank))
        self.ready = True

    async def stop(self) -> None:
        """Stop the threads; every request must have been answered."""
        self.ready = False
        await self.batcher.close()
        self.lanes.close()
        self.readers.shutdown(cancel_futures=True)

    async def answer(self, content: bytes, kind: str) -> bytes:
        """Return the prediction of an image as the media type `kind` (see `ANSWERS`).

        Raises `Refusal` with 429 if too many requests are in work, 503 if the answer takes too long, and as
        `decode` does.
        """
        if self.in_work >= self.spec.queue:
            raise Refusal(429, "the server is busy; send the request again later", self._seconds_of_work())
        self.in_work += 1
        self.metrics.in_work.set(self.in_work)
        try:
            async with asyncio.timeout(self.spec.timeout):
                return await self._answer(content, kind)
        except TimeoutError:
            limit = f"{self.spec.timeout:g} seconds"
            raise Refusal(
                503, f"the answer took longer than {limit}; send the request again later", 1
            ) from None
        finally:
            self.in_work -= 1
            self.metrics.in_work.set(self.in_work)

    async def _answer(self, content: bytes, kind: str) -> bytes:
        run = asyncio.get_running_loop().run_in_executor
        most = int(self.spec.max_megapixels * 1e6)
        pixels, image = await run(self.readers, self._read, content, most)
        p, changes = await self.batcher.submit(image)
        if self.window is not None:
            size = (pixels.shape[0], pixels.shape[1])
            signs = await run(self.readers, signs_of, image, p, size, self.predictor.classes, changes)
            if full := self.window.add(signs):
                run(self.readers, self.window.judge, full)
        return await run(self.readers, self._write, pixels, p, kind)

    def _read(self, content: bytes, most: int) -> tuple[Pixels, Tensor]:
        pixels = decode(self.predictor, content, most)
        return pixels, self.predictor.prepared(pixels)

    def _write(self, pixels: Pixels, p: Tensor, kind: str) -> bytes:
        prediction = assemble(self.predictor.facts, p, (pixels.shape[0], pixels.shape[1]))
        return ANSWERS[kind](self.predictor, pixels, prediction)

    def _compute(self, batch: Tensor) -> list[Watched]:
        if self.window is not None:
            return watched_batch(self.predictor, batch)
        return [(p, {}) for p in self.predictor.probabilities(batch)]

    def _seconds_of_work(self) -> int:
        """Return about how long the requests in work will take, from 1 to 60 seconds."""
        return min(60, max(1, math.ceil(self.in_work * self.batcher.seconds_an_image)))
