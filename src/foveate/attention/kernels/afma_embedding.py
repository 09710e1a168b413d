"""How patches become P and Q in AFMA: one linear map for both, and ReLU.

With autograd in `embedded`; forward and backward by hand for kernels that write their own backward pass.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from foveate.attention.kernels.patches import patches
from foveate.attention.kernels.products import product


def embedded(
    maps: Float[Tensor, "b c h w"], linear: Float[Tensor, "pixels pixels"], size: int
) -> Float[Tensor, "b c n pixels"]:
    """The patches of maps, each through the linear map and ReLU."""
    return (patches(maps, size) @ linear.mT).relu_()


def embed(
    x: Float[Tensor, "b c n pixels"], linear: Float[Tensor, "pixels pixels"]
) -> Float[Tensor, "b c n pixels"]:
    """Patches through the linear map and ReLU, without a gradient."""
    return product(x, linear).relu_()


def embed_backward(
    of_p: Float[Tensor, "b c n pixels"],
    p: Float[Tensor, "b c n pixels"],
    x: Float[Tensor, "b c n pixels"],
    linear: Float[Tensor, "pixels pixels"],
) -> tuple[Float[Tensor, "b c n pixels"], Float[Tensor, "pixels pixels"]]:
    """The gradients of the patches and of the linear map, where `embed` gave p."""
    # `of_p * (p > 0)`, in one pass over them.
    of_product = torch.ops.aten.threshold_backward(of_p, p, 0)
    return product(of_product, linear.mT), of_product.flatten(0, 2).mT @ x.flatten(0, 2)
