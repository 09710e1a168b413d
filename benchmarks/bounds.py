"""What bounds a pass: the work in it, counted, and how fast this machine does such work, measured beside it.

Four kinds of work. *Products*: the arithmetic of matrix products and convolutions, at the rate of a product
of two 1024 x 1024 matrices in the faster of PyTorch's two libraries. *Exponentials*: of softmax and sigmoid,
at the rate of `torch.exp` in the cache. *Moves*: bytes that operators read and write (a fused kernel counts
with what goes in and comes out), at the rate at which the map itself is copied. *Calls*: what a pass over a
map of 4 x 4 takes, where there is next to nothing to compute. They overlap, so that their shares of the time
may come to more than 1.
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
"""Fused kernels with an exponential for each pair: which argument holds the queries; the keys come next."""


class Traffic(TorchDispatchMode):
    """Counts, while it is entered, the bytes that operators read and write, and the exponentials in them."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = self.exponentials = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        read, written = (_tensors(values) for values in ((args, kwargs), made))
        held = {_storage(tensor) for tensor in read}
        view = not func._schema.is_mutable and all(_storage(tensor) in held for tensor in written)
        name = func._schema.name
        if not view and "empty" not in name:
            self.moved += sum(map(_bytes, read + written))
        if name in WITH_EXPONENTIALS:
            self.exponentials += max(tensor.numel() for tensor in read)
        elif name in PAIRING:
            query, key = args[PAIRING[name] : PAIRING[name] + 2]
            self.exponentials += query.numel() // query.shape[-1] * key.shape[-2]
        return made


def _tensors(values: object) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _bytes(tensor: Tensor) -> int:
    """What is expanded counts once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def work(run: Callable[[], object]) -> dict[str, int]:
    """What one run does: operations (a multiplication and an addition are two), bytes moved, exponentials."""
    with FlopCounterMode(display=False) as products, Traffic() as traffic:
        run()
    return {
        "operations": products.get_total_flops(),
        "bytes": traffic.moved,
        "exponentials": traffic.exponentials,
    }


def rates(side: int, channels: int, clock: Callable[[], float]) -> dict[str, float]:
    """How much a second: operations of a square product in each of PyTorch's libraries, and of the products
    that attention over all positions consists of (scores of a chunk of rows, and the sums they weigh); bytes
    of a copied map, read and written; exponentials.
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


def shares(seconds: float, done: dict[str, int], rate: dict[str, float], calls_s: float) -> dict[str, float]:
    """Of the time of a pass, what each kind of work would take alone."""
    alone = {
        "products": done["operations"] / best(rate),
        "exponentials": done["exponentials"] / rate["exp"],
        "moves": done["bytes"] / rate["copy"],
        "calls": calls_s,
    }
    return {kind: taken / seconds for kind, taken in alone.items()}


def best(rate: dict[str, float]) -> float:
    """Operations a second of a square product, in the library where it is faster."""
    return max(rate["matmul"], rate["onednn"])


def bound(share: dict[str, float]) -> str:
    """The kind of work with the largest share."""
    return max(share, key=lambda kind: share[kind])


def _seconds(run: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    taken = []
    for _ in range(rounds + 1):
        start = clock()
        run()
        taken.append(clock() - start)
    return statistics.median(taken[1:])
