"""Self-attention over all pairs of positions: the output, and chosen rows of the weights.

Positions are flat, `row * width + column`; q, k, v are `b n c` with n = height * width.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from foveate.attention.kernels.rowwise import Peaks, attend_by_rows
from foveate.errors import UserError

MIN_CHUNKED_POSITIONS = 128
"""From this number of positions on, chunks of rows are faster on a CPU than the fused kernel."""

MATRIX_LIMIT = 2**26
"""Limit of the number of weights (batch * heads * queries * positions) in `weights`: 256 MB in float32."""


def positions_first(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n c"]:
    """Return one row per position; contiguous, because fused attention kernels refuse strided channels."""
    return rearrange(x, "b c h w -> b (h w) c").contiguous()


def attend(
    q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n c"]
) -> Float[Tensor, "b n c"]:
    """Return softmax(q k^T) v, unscaled, without the n x n matrix; d <= c.

    >>> q = k = torch.zeros(1, 2, 1)
    >>> attend(q, k, torch.tensor([[[1.0], [3.0]]])).flatten().tolist()
    [2.0, 2.0]
    """
    return attend_with_peaks(q, k, v)[0]


def attend_with_peaks(
    q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n c"]
) -> tuple[Float[Tensor, "b n c"], Peaks | None]:
    """Return the result of `attend`, and the peaks of the rows, or None if the kernel does not give them.

    On a CPU, chunks of rows are used from `MIN_CHUNKED_POSITIONS` on, and half precision is computed in
    float32, because its backward pass is many times slower. Otherwise, and in exports, PyTorch's fused kernel
    is used. It needs one width, so narrower queries and keys are padded with zeros, which change no product.
    """
    if on_cpu := q.device.type == "cpu":
        q, k, v = (a.to(torch.promote_types(a.dtype, torch.float32)) for a in (q, k, v))
    if on_cpu and not torch.compiler.is_exporting() and q.shape[1] >= MIN_CHUNKED_POSITIONS:
        return attend_by_rows(q, k, v)
    q, k = (F.pad(a, (0, v.shape[-1] - a.shape[-1])) for a in (q, k))
    q, k, v = (rearrange(a, "b n c -> b 1 n c") for a in (q, k, v))
    with torch.autocast(q.device.type, enabled=not on_cpu and torch.is_autocast_enabled()):
        attended = F.scaled_dot_product_attention(q, k, v, scale=1.0)
    return rearrange(attended, "b 1 n c -> b n c"), None


def rows(
    q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], positions: Int64[Tensor, " q"]
) -> Float[Tensor, "b q n"]:
    """Return the rows of softmax(q k^T) at `positions`."""
    return (q[:, positions] @ k.mT).softmax(-1)


def chosen_queries(
    queries: Sequence[int] | Tensor | None,
    x: Float[Tensor, "b c h w"],
    heads: int = 1,
    keys: int | None = None,
) -> Int64[Tensor, " q"]:
    """Return the flat positions in `queries`, or all for None; check them against the map and the limit.

    keys: length of a row of weights; by default the number of positions. Raises `UserError` for positions
    outside the map, and if there are more weights than `MATRIX_LIMIT`.

    >>> chosen_queries([0, 11], torch.zeros(1, 8, 3, 4))
    tensor([ 0, 11])
    >>> chosen_queries([12], torch.zeros(1, 8, 3, 4))
    Traceback (most recent call last):
    foveate.errors.UserError: queries=[12]: expected flat positions from 0 to 11 in a map of 3x4
    """
    batch, _, height, width = x.shape
    if torch.compiler.is_exporting() and isinstance(queries, Tensor):  # a graph cannot look at values
        return queries
    count = height * width
    chosen = torch.as_tensor(range(count) if queries is None else queries, device=x.device)
    integers = (
        chosen.ndim == 1 and len(chosen) > 0 and not chosen.is_floating_point() and chosen.dtype != torch.bool
    )
    if not integers or chosen.min() < 0 or chosen.max() >= count:
        raise UserError(
            f"queries={chosen.tolist()}: expected flat positions from 0 to {count - 1} "
            f"in a map of {height}x{width}"
        )
    row = batch * heads * (count if keys is None else keys)
    if len(chosen) * row > MATRIX_LIMIT:
        raise UserError(
            f"{len(chosen)} rows of pairwise weights over a map of {height}x{width}, batch {batch}, are more "
            f"than {MATRIX_LIMIT} values; choose at most {max(1, MATRIX_LIMIT // row)} positions "
            f"with queries="
        )
    return chosen.long()
