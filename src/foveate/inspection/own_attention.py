"""The attention that a transformer has of its own: softmax(q k^T), caught as its modules compute it.

Fused kernels never form the weights. So the calls inside an attention module are watched: from the q and k of
`scaled_dot_product_attention` the rows that are asked for are computed again, and a softmax that a module
computes itself is taken as it is. That serves timm's attention, PyTorch's `nn.MultiheadAttention` and that of
Hugging Face's transformers alike. Attention in windows, or to fewer keys than positions, has no map of the
image and is left out.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from foveate.attention.self_attention_map import SelfAttentionMap
from foveate.models.places.axes import Size
from foveate.models.places.modes import evaluating
from foveate.models.places.nested import first_map
from foveate.models.places.parts import model_parts
from foveate.models.places.reading import Hints, Seen, read_axes

HEADS = ("num_heads", "num_attention_heads")
"""The attributes by which the libraries name the number of heads."""

CHUNK = 256
"""Rows of weights that are computed at once for their mean."""


def own_attention(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules that compute attention of several heads, by label such as "self@blocks.0.attn".

    They are the innermost modules with a number of heads.

    >>> list(own_attention(nn.TransformerEncoderLayer(8, 2, batch_first=True)))
    ['self@self_attn']
    """
    having = {name: module for name, module in model.named_modules() if any(_heads(module))}
    prefix = model_parts(model).prefix
    return {
        f"self@{name.removeprefix(prefix)}": module
        for name, module in having.items()
        if not any(other != name and other.startswith(f"{name}.") for other in having)
    }


@contextmanager
def watch_own_attention(
    model: nn.Module,
    modules: dict[str, nn.Module],
    passes: dict[str, list[tuple[SelfAttentionMap, ...]]],
    queries: Callable[[int, int], Int64[Tensor, " q"]],
) -> Iterator[None]:
    """Append the maps of each pass inside the block to `passes`, by label. The output does not change.

    queries: returns the flat positions of the rows to keep, for a grid of a height and a width.
    """
    parts = model_parts(model)
    image: list[Tensor] = []

    def see(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        image[:] = [first_map(args, kwargs)]

    with ExitStack() as hooks:
        handle = model.get_submodule(parts.network).register_forward_pre_hook(see, with_kwargs=True)
        hooks.callback(handle.remove)
        for label, module in modules.items():

            def keep(
                module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any, label: str = label
            ) -> None:
                weights = _weights(module, args, kwargs)
                if weights is None:
                    return
                size, batch = tuple(image[0].shape[-2:]), image[0].shape[0]
                if (found := _map_of(weights, size, batch, parts.any_hints.prefix, queries)) is not None:
                    passes[label].append((found,))

            hooks.callback(module.register_forward_hook(keep, with_kwargs=True).remove)
        yield


@dataclass(frozen=True)
class _Weights:
    """Attention weights b heads q k. rows: returns those of chosen queries."""

    rows: Callable[[Int64[Tensor, " q"]], Float[Tensor, "b heads q k"]]
    shape: tuple[int, int, int, int]


@torch.no_grad()
def _weights(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> _Weights | None:
    """Run the module once more, in evaluation, and return the weights that it computes."""
    catch = _Catch(next(iter(_heads(module))))
    with evaluating(module), torch.random.fork_rng(devices=[]), catch:
        module.forward(*args, **kwargs)
    return catch.weights


class _Catch(TorchFunctionMode):
    """While it is entered, keeps the last attention weights that are computed."""

    _SOFTMAX = (F.softmax, torch.softmax, Tensor.softmax)

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.weights: _Weights | None = None

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            self.weights = _fused(*args, **kwargs)
        elif func is F.multi_head_attention_forward:
            asked = {**kwargs, "need_weights": True, "average_attn_weights": False, "training": False}
            self.weights = _stored(func(*args, **asked)[1], self.heads)
        elif func in self._SOFTMAX and output.ndim in (3, 4):
            self.weights = _stored(output, self.heads)
        return output


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> _Weights | None:
    """Return the rows of the weights of `scaled_dot_product_attention`, whose arguments these are."""
    if query.ndim != 4:
        return None
    if enable_gqa:
        key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
    factor = query.shape[-1] ** -0.5 if scale is None else scale

    def rows(chosen: Tensor) -> Tensor:
        scores = query[:, :, chosen] @ key.mT * factor
        if is_causal:
            later = torch.arange(key.shape[2], device=key.device) > chosen[:, None]
            scores = scores.masked_fill(later, -torch.inf)
        if attn_mask is not None:
            mask = attn_mask.expand(*attn_mask.shape[:-2], query.shape[2], key.shape[2])[..., chosen, :]
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        return scores.softmax(-1)

    return _Weights(rows, (*query.shape[:3], key.shape[2]))


def _stored(weights: Tensor, heads: int) -> _Weights:
    if weights.ndim == 3:
        weights = rearrange(weights, "(b heads) q k -> b heads q k", heads=heads)
    return _Weights(lambda chosen: weights[:, :, chosen], tuple(weights.shape))


@torch.no_grad()
def _map_of(
    weights: _Weights, image: Size, batch: int, prefix: int | None, queries: Callable
) -> SelfAttentionMap | None:
    """Return the map of an attention over the whole image; None for windows and for fewer keys."""
    images, _, count, keys = weights.shape
    axes = read_axes([Seen(image, (batch, count, 1))], Hints(prefix=prefix))
    if images != batch or count != keys or isinstance(axes, str):
        return None
    skip, grid = axes.prefix, axes.size((batch, count, 1), image)
    chosen = queries(*grid)
    means = [weights.rows(part).mean(1).sum(1) for part in torch.arange(count).split(CHUNK)]
    received = rearrange(sum(means)[:, skip:] / count, "b (h w) -> b h w", h=grid[0])
    rows, tokens = (weights.rows(part)[..., skip:] for part in (skip + chosen, torch.arange(skip)))
    return SelfAttentionMap(rows.cpu(), grid, chosen, tokens.cpu(), received.cpu())


def _heads(module: nn.Module) -> Iterator[int]:
    """Yield the number of heads of a module that has one."""
    for name in HEADS:
        if isinstance(heads := getattr(module, name, None), int):
            yield heads
