"""A batch is divided among threads by images; a lone image gets one thread with all cores."""

import asyncio
import threading

import pytest
import torch

from foveate.serving.lanes import Lanes

IMAGES = [torch.full((1, 3, 2, 2), float(number)) for number in range(5)]


@pytest.fixture
def threads():
    """PyTorch's default for new threads, which lanes change, is restored."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def computed(compute, images, threads: int = 2, most: int = 2) -> list:
    lanes = Lanes(compute, threads, most)
    try:
        return asyncio.run(lanes(images))
    finally:
        lanes.close()


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("count", "threads", "most", "parts"),
    [
        (1, 2, 2, [(1, 2)]),
        (2, 2, 2, [(1, 1), (1, 1)]),
        (5, 2, 2, [(2, 1), (3, 1)]),
        (2, 6, 6, [(1, 3), (1, 3)]),
        (5, 2, 1, [(5, 2)]),
    ],
)
def test_each_thread_computes_its_images_with_its_share_of_the_cores(count, threads, most, parts):
    together = threading.Barrier(len(parts))
    seen = []

    def compute(images):
        together.wait(10)
        seen.append((len(images), torch.get_num_threads()))
        return images[:, 0, 0, 0].tolist()

    assert computed(compute, IMAGES[:count], threads, most) == list(range(count))
    assert sorted(seen) == parts


@pytest.mark.usefixtures("threads")
def test_a_batch_fails_once_no_thread_computes_any_more():
    ended = []

    def compute(images):
        if images[0, 0, 0, 0] == 0:
            raise ValueError("the first image fails")
        threading.Event().wait(0.05)
        ended.append(len(images))
        raise ValueError("so do the others")

    lanes = Lanes(compute, 2, 2)

    async def failed():
        with pytest.raises(ValueError, match="the first image fails"):
            await lanes(IMAGES)
        return list(ended)

    try:
        assert asyncio.run(failed()) == [3]
    finally:
        lanes.close()
