"""The threads that compute batches, each with its share of the cores.

PyTorch's own way is one thread for a batch, which shares each operation with the other cores and waits for
them at its end. A server's cores are never free for that: they also read requests and write answers, and one
core that comes late makes the others wait in each of hundreds of operations. So a batch is divided by images:
each core computes its own, and they wait for each other once. A lone image gets all cores, as in `predict`.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class Lanes:
    """Computes batches, one at a time.

    compute: from images `b c h w` to one result an image; several threads call it at once. threads: of
    PyTorch, in all. most: parts of a batch; 1 on a GPU.
    """

    def __init__(self, compute: Callable[[Tensor], Sequence[Any]], threads: int, most: int):
        self.compute, self.threads, self.most = compute, threads, max(1, min(most, threads))
        self.alone, self.beside = (ThreadPoolExecutor(count, "network") for count in (1, self.most))

    async def __call__(self, images: Sequence[Float[Tensor, "1 c h w"]]) -> list[Any]:
        """Return one result an image. Raises what `compute` raises, once no thread computes any more."""
        run = asyncio.get_running_loop().run_in_executor
        parts = min(self.most, len(images))
        pool, threads = self.alone if parts == 1 else self.beside, self.threads // parts
        bounds = [len(images) * number // parts for number in range(parts + 1)]
        work = [run(pool, self._part, images[a:b], threads) for a, b in itertools.pairwise(bounds)]
        await asyncio.wait(work)
        if errors := [error for part in work if (error := part.exception())]:
            raise errors[0]
        return [result for part in work for result in part.result()]

    def close(self) -> None:
        """Stop the threads."""
        for pool in (self.alone, self.beside):
            pool.shutdown(cancel_futures=True)

    def _part(self, images: Sequence[Tensor], threads: int) -> Sequence[Any]:
        if torch.get_num_threads() != threads:  # of those that this thread computes with
            torch.set_num_threads(threads)
        return self.compute(torch.cat(list(images)))
