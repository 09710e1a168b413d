"""The head two_branch: a 1x1 convolution per class, and an activation behind each.

It is remedy (b) of Jeong, Hwang, Seo and Hong (2023), attention-based fine-tuning for reducing
misclassification: a 1x1 convolution per class, each followed by an activation f' that can be negative, so
that probabilities move to the extremes. The source gives no kernel for the host's own output layer; here the
new layer replaces it wherever it stood, and what the host did after it (upsampling) stays.
"""

from jaxtyping import Float
from torch import Tensor, nn

from foveate.errors import choose
from foveate.models.attaching.heads import head

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "none": nn.Identity,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
}


@head("two_branch")
class TwoBranch(nn.Module):
    """Two-branch output layer: a 1x1 convolution per class, each followed by an activation.

    `activation` is none, tanh, relu, leaky_relu, selu or gelu. The arm `two_branch(activation=none)` says
    none as None.

    The branches share their input, so they are held as one convolution with an output channel per class: the
    same function, initial distribution and number of parameters.

    >>> import torch
    >>> TwoBranch(16, 2, activation="selu")(torch.randn(1, 16, 8, 8)).shape
    torch.Size([1, 2, 8, 8])
    """

    def __init__(self, in_channels: int, classes: int, activation: object = "none"):
        super().__init__()
        self.branches = nn.Conv2d(in_channels, classes, kernel_size=1)
        named = "none" if activation is None else str(activation)
        self.activation = _ACTIVATIONS[choose(named, _ACTIVATIONS, "activation")]()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        return self.activation(self.branches(x))
