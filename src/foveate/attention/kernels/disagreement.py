"""Smooth Attention's decision: which positions attend very differently from a neighbouring position.

With A = softmax(q k^T), position i of the grid disagrees if max_k |A_ik - A_jk| > t for one of its 8
neighbours j. (Replicated edges add only i itself or positions already among the 8.) The matrix A is never
formed:

- `by_largest`: |A_ik - A_jk| > t requires A_ik > t or A_jk > t. A row sums to 1, so it has at most
  ceil(1/t) - 1 such entries, and most rows have none. Only rows whose largest entry is above t are
  recomputed. They are compared with their neighbours at that many of their largest keys; there a neighbour's
  entry takes a gather and a dot product.
- `by_rows`: whole rows of A, a few lines of the grid at a time, each pair once, in four directions; cheaper
  for small maps and tiny thresholds.
"""

import math
from functools import reduce

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import register_flop_formula

from foveate.attention.kernels.products import product
from foveate.attention.kernels.rowwise import Peaks, attend_by_rows

NEIGHBOURS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0))
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
CHUNK = 2**20
"""Number of values computed at a time: 4 MB in float32."""


def decisive_keys(threshold: float) -> int:
    """Return how many entries above the threshold a row that sums to 1 can have.

    >>> decisive_keys(0.1), decisive_keys(0.4), decisive_keys(0.5), decisive_keys(1.0)
    (9, 2, 1, 0)
    """
    return math.ceil(1 / threshold) - 1


def neighbours(positions: Int64[Tensor, " r"], height: int, width: int) -> Int64[Tensor, "r 8"]:
    """Return the flat positions of the 8 neighbours of each flat position, edges replicated.

    >>> neighbours(torch.tensor([0]), height=1, width=2)
    tensor([[0, 0, 1, 0, 1, 0, 0, 1]])
    """
    down, right = torch.tensor(NEIGHBOURS, device=positions.device).unbind(1)
    row = (positions.unsqueeze(1) // width + down).clamp(0, height - 1)
    return row * width + (positions.unsqueeze(1) % width + right).clamp(0, width - 1)


def disagreeing(
    q: Float[Tensor, "b n c"],
    k: Float[Tensor, "b n c"],
    height: int,
    threshold: float,
    peaks: Peaks | None = None,
) -> Bool[Tensor, "b n"]:
    """Return which positions' attention differs by more than `threshold` from a neighbour's.

    Computed in float32 or better. peaks: those of the rows, if known.

    >>> q = torch.tensor([[[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]]])
    >>> disagreeing(q, q, height=1, threshold=0.4)
    tensor([[False,  True,  True, False]])
    """
    dtype = torch.promote_types(q.dtype, torch.float32)
    q, k = q.detach().to(dtype), k.detach().to(dtype)
    if torch.compiler.is_exporting():
        return _disagreeing(q, k, *peaks or (None, None), height, threshold)
    return _opaque(q, k, *peaks or (None, None), height, threshold)


def _disagreeing(
    q: Tensor, k: Tensor, top: Tensor | None, largest: Tensor | None, height: int, threshold: float
) -> Tensor:
    count, (_, n, channels) = decisive_keys(threshold), q.shape
    with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
        if count == 0:
            return torch.zeros(q.shape[:2], dtype=torch.bool, device=q.device)
        if torch.compiler.is_exporting() or 2 * count * channels > n:
            return by_rows(q, k, height, threshold)
        peaks = attend_by_rows(q, k, k[..., :1])[1] if top is None else Peaks(top, largest)
        return by_largest(q, k, peaks, height, threshold, count)


# One operator for compilers: the number of recomputed rows depends on the values.
_opaque = torch.library.custom_op(
    "foveate::disagreeing",
    _disagreeing,
    mutates_args=(),
    schema="(Tensor q, Tensor k, Tensor? top, Tensor? largest, SymInt height, float threshold) -> Tensor",
)
_opaque.register_fake(lambda q, *_: q.new_empty(q.shape[:2], dtype=torch.bool))


@register_flop_formula(torch.ops.foveate.disagreeing)
def _operations(
    q: torch.Size,
    k: torch.Size,
    top: torch.Size | None,
    largest: torch.Size | None,
    height: int,
    threshold: float,
    out_shape: torch.Size,
) -> int:
    """FLOPs of q k^T, which a counter cannot see inside the operator; about 0 if the peaks are known."""
    return 2 * q.numel() * k[1] if decisive_keys(threshold) and top is None else 0


def by_rows(
    q: Float[Tensor, "b n c"], k: Float[Tensor, "b n c"], height: int, threshold: float
) -> Bool[Tensor, "b n"]:
    """Decide by whole rows of attention, a few lines of the grid at a time."""
    grid = rearrange(q, "b (h w) c -> b h w c", h=height)
    if torch.compiler.is_exporting():  # a graph for any size has no loop
        return _apart(_attention(grid, k), threshold).flatten(1)
    differs = torch.zeros(grid.shape[:3], dtype=torch.bool, device=q.device)
    for block in _blocks(height, grid[:, 0, :, 0].numel() * k.shape[1]):
        differs[:, block] |= _apart(_attention(grid[:, block], k), threshold)
    return differs.flatten(1)


def by_largest(
    q: Float[Tensor, "b n c"],
    k: Float[Tensor, "b n c"],
    peaks: Peaks,
    height: int,
    threshold: float,
    count: int,
) -> Bool[Tensor, "b n"]:
    """Decide by the `count` largest keys of each row that has an entry above the threshold."""
    n, channels = q.shape[1:]
    differs = torch.zeros(q.shape[:2], dtype=torch.bool, device=q.device)
    step = max(1, CHUNK // max(n, (len(NEIGHBOURS) + count) * channels))
    for image, (query, key, top, largest) in enumerate(zip(q, k, *peaks, strict=True)):
        for rows in (largest > threshold).nonzero().flatten().split(step):
            around = neighbours(rows, height, n // height)
            score, keys = product(query[rows], key).topk(count)
            own = (score - top[rows, None]).exp() * largest[rows, None]
            score = query[around] @ key[keys].mT
            other = (score - top[around].unsqueeze(-1)).exp() * largest[around].unsqueeze(-1)
            apart = ((own.unsqueeze(1) - other).abs() > threshold).any(-1)
            differs[image, rows[apart.any(-1)]] = True
            differs[image, around[apart]] = True
    return differs


def _attention(grid: Float[Tensor, "b h w c"], k: Float[Tensor, "b n c"]) -> Float[Tensor, "b h w n"]:
    return (grid.flatten(1, 2) @ k.mT).softmax(-1).unflatten(1, grid.shape[1:3])


def _apart(a: Float[Tensor, "b h w n"], threshold: float) -> Bool[Tensor, "b h w"]:
    """Return both positions of every neighbouring pair whose rows differ by more than the threshold."""
    height, width = a.shape[1:3]
    found = []
    for down, right in DIRECTIONS:
        left, more = max(0, -right), max(0, right)
        first = a[:, : height - down, left : width - more]
        second = a[:, down:, more : width - left]
        apart = (first - second).abs_().amax(-1) > threshold
        # Padded, not written into slices: ONNX turns each such write into transposes and scatters.
        found += [F.pad(apart, (left, more, 0, down)), F.pad(apart, (more, left, down, 0))]
    return reduce(torch.logical_or, found)


def _blocks(height: int, values: int) -> list[slice]:
    """Return blocks of grid lines of `values` numbers each; a block ends with the first line of the next."""
    lines = max(1, CHUNK // values)
    return [slice(top, top + lines + 1) for top in range(0, height, lines)]
