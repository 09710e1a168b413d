"""The interface of every model: from an image in [0, 1] of any size to logits at that size."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foveate.errors import UserError


class Host(nn.Module):
    """A network with its normalisation, its padding and the arguments that rebuild it.

    `forward(image: b c h w in [0, 1])` returns logits for any h, w: `b classes h w`, or `b classes` from a
    classifier. The image is normalised as the encoder expects (buffers `mean`, `std`). It is then padded at
    the bottom and at the right to a multiple of `multiple` pixels, at least to `smallest`, and the logits are
    cropped to h, w. The padding is zero after normalisation, as in the convolutions: the mean colour.
    With `one_logit`, the network's one logit z for two classes becomes the logits 0 and z.

    Attributes:
        network: the host itself, with the submodule names of its library
        logits: an identity that the cropped logits pass; attention at the place `logits` is attached to it
        task: "segmentation" or "classification"
        encoder: dotted name of the encoder inside `network`; "" if the network itself is the encoder
        head: dotted name inside `network` of the layers after the features; encoder weights exclude it
        notes: facts that are saved with the checkpoint (class names, size, ...), in JSON types

    Raises `UserError` for an image of another rank or number of channels. In training it also raises if the
    batch is one image and a batch normalisation gets one value per channel, as in the pooled branches of
    DeepLabV3 and PAN or for an image no larger than the stride: use a batch of two or more. In prediction it
    raises if a group normalisation gets one value per group.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        config: dict[str, Any],
        multiple: int = 1,
        smallest: int = 1,
        encoder: str = "",
        head: str = "",
        task: str = "segmentation",
    ):
        super().__init__()
        self.network = network
        self.logits = nn.Identity()
        self.multiple, self.smallest = multiple, smallest
        self.encoder, self.head, self.task = encoder, head, task
        self.notes: dict[str, Any] = {}
        self._config = config
        self.set_normalisation(config["mean"], config["std"])

    @property
    def config(self) -> dict[str, Any]:
        """The arguments of `create_model` that rebuild this model, with its arm; JSON types."""
        attachments = getattr(self, "attached", None)
        arm = (
            {"arm": "none"}
            if attachments is None
            else {"arm": str(attachments.arm), "gate": attachments.gate}
        )
        return {**self._config, **arm}

    @property
    def one_logit(self) -> bool:
        """Whether the network has one logit for two classes."""
        return self._config.get("one_logit", False)

    def set_normalisation(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set the mean and standard deviation of each channel, for images in [0, 1]."""
        for name, values in (("mean", mean), ("std", std)):
            self._config[name] = [float(value) for value in values]
            self.register_buffer(
                name, torch.tensor(self._config[name]).reshape(1, -1, 1, 1), persistent=False
            )

    def example(self) -> Float[Tensor, "1 c h w"]:
        """Return a small image of fixed noise to probe shapes with: 64 pixels a side, or more if needed."""
        side = max(64, self.multiple, self.smallest)
        noise = torch.rand(
            1, len(self._config["mean"]), side, side, generator=torch.Generator().manual_seed(0)
        )
        return noise.to(self.mean)

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width that an image of `size` (height, width) is padded to."""
        return size[0] + self._missing(size[0]), size[1] + self._missing(size[1])

    def forward(self, image: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        channels = self.mean.shape[1]
        if image.ndim != 4 or image.shape[1] != channels:
            raise UserError(
                f"the model takes images of shape b {channels} h w; got the shape {tuple(image.shape)}"
            )
        h, w = image.shape[-2:]
        x = (image - self.mean) / self.std
        bottom, right = self._missing(h), self._missing(w)
        # An exported graph takes images of any size, so that it always pads, if only by 0.
        if torch.compiler.is_exporting() or bottom or right:
            x = F.pad(x, (0, right, 0, bottom))
        output = self.network(x) if torch.compiler.is_compiling() else self._run(x)
        if isinstance(output, dict):
            output = output["out"]
        if self.task == "segmentation":
            output = output[..., :h, :w]
        if self.one_logit and output.shape[1] == 1:  # a head in the output layer's place has one a class
            output = two_logits(output)
        return self.logits(output)

    def _missing(self, length: int) -> int:
        # Without negative numbers, whose quotients ONNX rounds the other way.
        multiples = (length + self.multiple - 1) // self.multiple * self.multiple
        if self.smallest > self.multiple:
            multiples = torch.sym_max(self.smallest, multiples)
        return multiples - length

    def _run(self, x: Tensor) -> Any:
        try:
            return self.network(x)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            here = "cannot train on a batch of one image here: " if self.training else ""
            more = "a batch of two or more, or " if self.training else ""
            raise UserError(
                f"{here}with an input of {x.shape[-2]}x{x.shape[-1]} a normalisation of the network gets a "
                f"single value; use {more}larger images"
            ) from error


def two_logits(logit: Float[Tensor, "b 1 *size"]) -> Float[Tensor, "b 2 *size"]:
    """The logits of two classes whose softmax is the sigmoid of one logit z: 0 and z.

    >>> z = torch.tensor([[0.5]])
    >>> torch.allclose(two_logits(z).softmax(1)[:, 1:], z.sigmoid())
    True
    """
    return torch.cat([torch.zeros_like(logit), logit], 1)
