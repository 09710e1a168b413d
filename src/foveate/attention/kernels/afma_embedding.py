"""The embedding that makes P and Q from patches in AFMA: one shared linear map, and ReLU.

`embed_patches` has a gradient by autograd; `embed` and `embed_backward` are for kernels with their own.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from foveate.attention.kernels.patches import patches
from foveate.attention.kernels.products import product


def embed_patches(
    maps: Float[Tensor, "b c h w"], linear: Float[Tensor, "pixels pixels"], size: int
) -> Float[Tensor, "b c n pixels"]:
    """Cut maps into patches and embed each, with a gradient."""
    return (patches(maps, size) @ linear.mT).relu_()


def embed(
    x: Float[Tensor, "b c n pixels"], linear: Float[Tensor, "pixels pixels"]
) -> Float[Tensor, "b c n pixels"]:
    """Embed patches, without a gradient."""
    return product(x, linear).relu_()


def embed_backward(
    grad_p: Float[Tensor, "b c n pixels"],
    p: Float[Tensor, "b c n pixels"],
    x: Float[Tensor, "b c n pixels"],
    linear: Float[Tensor, "pixels pixels"],
) -> tuple[Float[Tensor, "b c n pixels"], Float[Tensor, "pixels pixels"]]:
    """Return the gradients of the patches x and of the linear map, given p = embed(x, linear)."""
    # grad_p * (p > 0) in one pass.
    grad_product = torch.ops.aten.threshold_backward(grad_p, p, 0)
    return product(grad_product, linear.mT), grad_product.flatten(0, 2).mT @ x.flatten(0, 2)
