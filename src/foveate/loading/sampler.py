"""The order of training images."""

from collections.abc import Iterator

import numpy as np
import torch.distributed as dist
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yield (epoch, index) pairs in an order that depends on (seed, epoch) only.

    The epoch is part of the key, so that workers that outlive an epoch draw the right augmentation. With
    several processes, each takes every `world`-th index. All processes must take equally many steps, so the
    order is extended from its start: of 7 images, two processes see 8, the first one twice. Scoring does not
    use this sampler: each process scores every image once.

    >>> sampler = EpochSampler(4, seed=0)
    >>> sampler.set_epoch(2)
    >>> sorted(sampler)
    [(2, 0), (2, 1), (2, 2), (2, 3)]
    >>> [len(EpochSampler(7, seed=0, rank=rank, world=2)) for rank in (0, 1)]
    [4, 4]
    """

    def __init__(self, length: int, seed: int, rank: int | None = None, world: int | None = None) -> None:
        running = dist.is_available() and dist.is_initialized()
        self.rank = rank if rank is not None else dist.get_rank() if running else 0
        self.world = world if world is not None else dist.get_world_size() if running else 1
        self.length, self.seed, self.epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch, counted from 0; Lightning calls it too."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.length // self.world)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length).tolist()
        total = len(self) * self.world
        order = (order * -(-total // self.length))[:total]
        epoch = self.epoch
        return iter([(epoch, index) for index in order[self.rank : total : self.world]])
