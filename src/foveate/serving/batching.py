"""Dynamic batching: images of one size that arrive at about the same time are computed together.

While one batch is computed, the next one gathers, so that a busy server waits for nothing. An idle one waits
a few milliseconds for company. See Crankshaw et al., Clipper (NSDI 2017), section 4.3.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

MOST_PIXELS = 4_000_000
"""Images of a batch are at most so many pixels together, unless a single one has more."""


@dataclass(eq=False)
class Waiting:
    """An image that waits, since when (monotonic seconds), and where its result goes."""

    image: Float[Tensor, "1 c h w"]
    since: float
    answer: asyncio.Future

    @property
    def bucket(self) -> torch.Size:
        return self.image.shape


class Batcher:
    """Computes images in batches, one batch at a time.

    compute: from images of one size to one result an image. most: images of a batch. wait: seconds. on_batch:
    called with the number of images and the seconds of each batch. `seconds_an_image`: of the last batch.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Tensor]], Awaitable[Sequence[Any]]],
        most: int,
        wait: float,
        on_batch: Callable[[int, float], None] = lambda count, seconds: None,
    ):
        self.compute, self.most, self.wait, self.on_batch = compute, most, wait, on_batch
        self.waiting: list[Waiting] = []
        self.arrived = asyncio.Event()
        self.worker: asyncio.Task | None = None
        self.seconds_an_image = 0.0

    async def submit(self, image: Float[Tensor, "1 c h w"]) -> Any:
        """Return the result of one image. Raises what `compute` raises."""
        if self.worker is None:
            self.worker = asyncio.create_task(self._work())
        item = Waiting(image, time.monotonic(), asyncio.get_running_loop().create_future())
        self.waiting.append(item)
        self.arrived.set()
        return await item.answer

    async def close(self) -> None:
        """Stop; nothing may wait any more."""
        if self.worker is not None:
            self.worker.cancel()

    async def _work(self) -> None:
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            while self._wanted():
                await self._gather()
                if batch := self._take():
                    await self._run(batch)

    def _wanted(self) -> list[Waiting]:
        """Return what waits, without the requests that were given up."""
        self.waiting = [item for item in self.waiting if not item.answer.done()]
        return self.waiting

    async def _gather(self) -> None:
        """Wait until the batch of the oldest image is full, or that image has waited long enough."""
        oldest = self.waiting[0]
        while len(self._same(oldest)) < self._most(oldest):
            left = oldest.since + self.wait - time.monotonic()
            if left <= 0:
                return
            self.arrived.clear()
            try:
                await asyncio.wait_for(self.arrived.wait(), left)
            except TimeoutError:
                return

    def _take(self) -> list[Waiting]:
        if not self._wanted():
            return []
        batch = self._same(self.waiting[0])[: self._most(self.waiting[0])]
        self.waiting = [item for item in self.waiting if item not in batch]
        return batch

    def _same(self, item: Waiting) -> list[Waiting]:
        return [other for other in self.waiting if other.bucket == item.bucket]

    def _most(self, item: Waiting) -> int:
        return max(1, min(self.most, MOST_PIXELS // item.image[0, 0].numel()))

    async def _run(self, batch: list[Waiting]) -> None:
        start = time.monotonic()
        try:
            results = await self.compute([item.image for item in batch])
        except Exception as error:
            for item in batch:
                if not item.answer.done():
                    item.answer.set_exception(error)
            return
        seconds = time.monotonic() - start
        self.seconds_an_image = seconds / len(batch)
        self.on_batch(len(batch), seconds)
        for item, result in zip(batch, results, strict=True):
            if not item.answer.done():
                item.answer.set_result(result)
