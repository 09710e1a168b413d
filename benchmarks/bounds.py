"""Find what limits the speed of a pass: count its work, and measure how fast this machine does such work.

Four kinds of work are compared with the time of the pass:

- products: the arithmetic of matrix products and convolutions, at the rate of a product of two 1024 x 1024
  matrices in the faster of PyTorch's two libraries;
- exponentials: those of softmax and sigmoid, at the rate of `torch.exp` on values in the cache;
- traffic: bytes that operators read and write (for a fused kernel, its inputs and outputs), at the rate of
  copying the map;
- overhead: the time of a pass over a map of 4 x 4, where there is almost nothing to compute.

They overlap in time, so their shares may add up to more than 1.
"""

import statistics
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from foveate.attention.kernels.products import product
from foveate.attention.kernels.rowwise import CHUNK, ROWS

SQUARE = 1024
WITH_EXPONENTIALS = {
    f"aten::{name}" for name in ("exp", "exp_", "sigmoid", "sigmoid_", "_softmax", "logsumexp", "tanh")
}
PAIRING = {
    "aten::_scaled_dot_product_flash_attention_for_cpu": 0,
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": 1,
    "foveate::attend": 0,
    "foveate::attend_backward": 1,
}
"""Fused kernels with one exponential for each pair: index of the query argument; the keys come next."""


class Traffic(TorchDispatchMode):
    """Context manager that counts the bytes that operators read and write, and their exponentials."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.exponentials = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        read, written = (_tensors(values) for values in ((args, kwargs), result))
        read_storages = {_storage(tensor) for tensor in read}
        view = not func._schema.is_mutable and all(_storage(tensor) in read_storages for tensor in written)
        name = func._schema.name
        if not view and "empty" not in name:
            self.bytes += sum(map(_bytes, read + written))
        if name in WITH_EXPONENTIALS:
            self.exponentials += max(tensor.numel() for tensor in read)
        elif name in PAIRING:
            query, key = args[PAIRING[name] : PAIRING[name] + 2]
            self.exponentials += query.numel() // query.shape[-1] * key.shape[-2]
        return result


def _tensors(values: object) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor; elements that `expand` repeats count once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def count_work(run: Callable[[], object]) -> dict[str, int]:
    """Count one run's operations (multiply and add are two), bytes read and written, and exponentials."""
    with FlopCounterMode(display=False) as products, Traffic() as traffic:
        run()
    return {
        "operations": products.get_total_flops(),
        "bytes": traffic.bytes,
        "exponentials": traffic.exponentials,
    }


def measure_rates(side: int, channels: int, clock: Callable[[], float]) -> dict[str, float]:
    """Measure the machine's rates, per second.

    `matmul`, `onednn`: operations of a square product in each of PyTorch's two libraries. `rows`: operations
    of the two products of attention over all positions, for a chunk of rows (scores, then weighted sums).
    `copy`: bytes read and written when a map is copied. `exp`: exponentials.
    """
    a, b = torch.randn(2, SQUARE, SQUARE)
    positions = side**2
    key = torch.randn(positions, channels)
    query = key[: max(ROWS, CHUNK // positions)]
    image, values = torch.randn(2, channels, side, side), torch.randn(2, 2**18)
    rows_s = _seconds(lambda: product(product(query, key), key.mT), 10, clock)
    return {
        "matmul": 2 * SQUARE**3 / _seconds(lambda: a @ b.mT, 7, clock),
        "onednn": 2 * SQUARE**3 / _seconds(lambda: product(a, b), 7, clock),
        "rows": 4 * query.numel() * positions / rows_s,
        "copy": _bytes(image) / _seconds(lambda: image[0].copy_(image[1]), 30, clock),
        "exp": values[0].numel() / _seconds(lambda: torch.exp(values[1], out=values[0]), 30, clock),
    }


def time_shares(
    seconds: float, done: dict[str, int], rate: dict[str, float], overhead_s: float
) -> dict[str, float]:
    """Return the time that each kind of work would take alone, as a share of the pass's `seconds`."""
    alone = {
        "products": done["operations"] / best_product_rate(rate),
        "exponentials": done["exponentials"] / rate["exp"],
        "traffic": done["bytes"] / rate["copy"],
        "overhead": overhead_s,
    }
    return {kind: taken / seconds for kind, taken in alone.items()}


def best_product_rate(rate: dict[str, float]) -> float:
    """Return the operations per second of a square product in the faster library."""
    return max(rate["matmul"], rate["onednn"])


def largest_share(share: dict[str, float]) -> str:
    """Return the kind of work with the largest share."""
    return max(share, key=lambda kind: share[kind])


def _seconds(run: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    taken = []
    for _ in range(rounds + 1):
        start = clock()
        run()
        taken.append(clock() - start)
    return statistics.median(taken[1:])
