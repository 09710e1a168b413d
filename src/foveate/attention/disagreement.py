"""Which positions attend to something quite different from a neighbour: the decision inside Smooth Attention.

With A = softmax(q k^T), position i of the grid disagrees if max_k |A_ik - A_jk| > t for one of its 8
neighbours j. (Replicating edges adds only positions that are i itself or already among the 8.) Every pair is
looked at once, in four directions, and nothing as large as A is formed:

- `by_largest`: |A_ik - A_jk| > t needs A_ik > t or A_jk > t, and a row that sums to 1 has at most
  ceil(1/t) - 1 such entries. So that many of the largest keys of both rows decide. One pass over chunks of
  rows finds them with the rows' maxima and sums; A at the other row's keys is a gather and a dot product.
- `by_rows`: whole rows of A, a few lines of the grid at a time; cheaper for small maps and tiny thresholds.
"""

import math
from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
CHUNK = 2**20
"""Values held at a time: 4 MB in float32."""

Slices = tuple[slice, slice, slice]


def decisive_keys(threshold: float) -> int:
    """How many entries of a row that sums to 1 can lie above the threshold.

    >>> decisive_keys(0.1), decisive_keys(0.4), decisive_keys(0.5), decisive_keys(1.0)
    (9, 2, 1, 0)
    """
    return math.ceil(1 / threshold) - 1


def disagreeing(
    q: Float[Tensor, "b n c"], k: Float[Tensor, "b n c"], height: int, threshold: float
) -> Bool[Tensor, "b n"]:
    """Positions whose attention differs by more than `threshold` from a neighbour's; in float32 or better.

    >>> q = torch.tensor([[[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]]])
    >>> disagreeing(q, q, height=1, threshold=0.4)
    tensor([[False,  True,  True, False]])
    """
    dtype = torch.promote_types(q.dtype, torch.float32)
    q, k = q.detach().to(dtype), k.detach().to(dtype)
    if torch.compiler.is_exporting():
        return _disagreeing(q, k, height, threshold)
    return _opaque(q, k, height, threshold)


def _disagreeing(q: Tensor, k: Tensor, height: int, threshold: float) -> Tensor:
    count, (_, n, channels) = decisive_keys(threshold), q.shape
    with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
        if count == 0:
            return torch.zeros(q.shape[:2], dtype=torch.bool, device=q.device)
        if torch.compiler.is_exporting() or 2 * count * channels > n:
            return by_rows(q, k, height, threshold)
        return by_largest(q, k, height, threshold, count)


# Compilers see one operator: they would unroll the loops over chunks.
_opaque = torch.library.custom_op(
    "foveate::disagreeing",
    _disagreeing,
    mutates_args=(),
    schema="(Tensor q, Tensor k, SymInt height, float threshold) -> Tensor",
)
_opaque.register_fake(lambda q, k, height, threshold: q.new_empty(q.shape[:2], dtype=torch.bool))


@register_flop_formula(torch.ops.foveate.disagreeing)
def _operations(q: torch.Size, k: torch.Size, height: int, threshold: float, out_shape: torch.Size) -> int:
    """Of q k^T, which counters of operations cannot see inside the operator."""
    return 2 * q.numel() * k[1] if decisive_keys(threshold) else 0


def by_rows(
    q: Float[Tensor, "b n c"], k: Float[Tensor, "b n c"], height: int, threshold: float
) -> Bool[Tensor, "b n"]:
    """The decision from whole rows of attention, a few lines of the grid at a time."""
    grid = rearrange(q, "b (h w) c -> b h w c", h=height)
    differs = torch.zeros(grid.shape[:3], dtype=torch.bool, device=q.device)
    for block in _blocks(height, grid[:, 0, :, 0].numel() * k.shape[1]):
        a = (grid[:, block].flatten(1, 2) @ k.mT).softmax(-1).unflatten(1, (-1, grid.shape[2]))
        _mark(differs[:, block], lambda one, two, a=a: (a[one] - a[two]).abs_().amax(-1), threshold)
    return differs.flatten(1)


def by_largest(
    q: Float[Tensor, "b n c"], k: Float[Tensor, "b n c"], height: int, threshold: float, count: int
) -> Bool[Tensor, "b n"]:
    """The decision from the `count` largest keys of each row."""
    step = max(1, CHUNK // (len(q) * k.shape[1]))
    found = [_largest(part, k, count) for part in q.split(step, dim=1)]
    index, largest, peak, total = (
        rearrange(torch.cat(parts, 1), "b (h w) k -> b h w k", h=height) for parts in zip(*found, strict=True)
    )
    grid = rearrange(q, "b (h w) c -> b h w c", h=height)
    batch = torch.arange(len(q), device=q.device)[:, None, None, None]
    differs = torch.zeros(grid.shape[:3], dtype=torch.bool, device=q.device)
    for block in _blocks(height, grid[:, 0].numel() * count):
        keys = k[batch, index[:, block]]
        rows = tuple(a[:, block] for a in (grid, largest, peak, total))

        def distance(one: Slices, two: Slices, keys: Tensor = keys, rows: tuple[Tensor, ...] = rows):
            query, own, top_score, normaliser = rows
            apart = []
            for here, there in ((one, two), (two, one)):
                scores = (query[there].unsqueeze(-2) * keys[here]).sum(-1)
                other = (scores - top_score[there]).exp() / normaliser[there]
                apart.append((own[here] - other).abs().amax(-1))
            return torch.maximum(*apart)

        _mark(differs[:, block], distance, threshold)
    return differs.flatten(1)


def _largest(q: Tensor, k: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each row of softmax(q k^T): its largest keys, the weights there, the top score, the normaliser."""
    scores = q @ k.mT
    top = scores.topk(count) if count > 1 else scores.max(-1, keepdim=True)
    peak = top.values[..., :1].clone()
    total = scores.sub_(peak).exp_().sum(-1, keepdim=True)
    return top.indices, (top.values - peak).exp() / total, peak, total


def _mark(differs: Tensor, distance: Callable[[Slices, Slices], Tensor], threshold: float) -> None:
    """Set both positions of every neighbouring pair in `differs` (b h w) that lies further apart."""
    every, (height, width) = slice(None), differs.shape[1:]
    for down, right in DIRECTIONS:
        one = (every, slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        two = (every, slice(down, height), slice(max(0, right), width + min(0, right)))
        apart = distance(one, two) > threshold
        differs[one] |= apart
        differs[two] |= apart


def _blocks(height: int, values: int) -> list[slice]:
    """Lines of the grid to look at together, each of so many values; one more to compare the last with."""
    if torch.compiler.is_exporting():  # a graph for any size has no loop
        return [slice(None)]
    lines = max(1, CHUNK // values)
    return [slice(top, top + lines + 1) for top in range(0, height, lines)]
