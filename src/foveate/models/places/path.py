"""The main path of a network: the tensors that all ways from the image to an output pass.

A tensor is on it where the number of ways from the image to it, times that from it to the output, is the
number of all ways, counted in autograd's graph. Branches that are added, joined or left out on the way are
not; of a residual network the sums are, the convolutions inside its blocks are not.
"""

from collections import Counter
from typing import Any

from torch import Tensor


def main_path(image: Tensor, output: Tensor) -> set[Any]:
    """Autograd's nodes (`grad_fn`) that all ways from the leaf `image` to `output` pass.

    >>> import torch
    >>> image = torch.rand(3, requires_grad=True)
    >>> first = image.exp()
    >>> branch = first.sin()
    >>> second = first + branch
    >>> [x.grad_fn in main_path(image, second * 2) for x in (first, branch, second)]
    [True, False, True]
    """
    ordered = _from_image_on(output.grad_fn)
    before: Counter[Any] = Counter()
    for node in ordered:
        if getattr(node, "variable", None) is image:
            before[node] = 1
        else:
            before[node] = sum(before[source] for source in _sources(node))
    after: Counter[Any] = Counter({output.grad_fn: 1})
    for node in reversed(ordered):
        for source in _sources(node):
            after[source] += after[node]
    total = before[output.grad_fn]
    return {node for node in ordered if total and before[node] * after[node] == total}


def _from_image_on(last: Any) -> list[Any]:
    """All nodes that lead to `last`, each behind those that it is computed from."""
    ordered: list[Any] = []
    met: set[Any] = set()
    waiting = [(last, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            ordered.append(node)
        elif node is not None and node not in met:
            met.add(node)
            waiting.append((node, True))
            waiting += [(source, False) for source in _sources(node)]
    return ordered


def _sources(node: Any) -> list[Any]:
    return [source for source, _ in node.next_functions if source is not None]
