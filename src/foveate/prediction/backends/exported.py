"""A network in an exported file: what ONNX Runtime and OpenVINO have in common."""

from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from foveate.errors import UserError
from foveate.prediction.facts import Facts

OpenShape = tuple[int | None, ...]
"""Images, channels, height and width that a file takes; None where it takes any."""


class ExportedNetwork(nn.Module):
    """A network that another runtime computes on the CPU: images `b c h w` in [0, 1] to logits.

    Threads may call it at the same time. A file of a fixed number of images takes any number: it is called
    several times, at last with blank images that are cropped. Raises `UserError` for images of another shape
    than the file takes.
    """

    def __init__(self, path: Path, facts: Facts, shape: OpenShape):
        super().__init__()
        self.path, self.facts, self.shape = path, facts, shape

    @property
    def task(self) -> str:
        return self.facts.task

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes ..."]:
        for length, taken in zip(image.shape[1:], self.shape[1:], strict=True):
            if taken not in (None, length):
                shape = " ".join("b" if number == 0 else str(n) for number, n in enumerate(self.shape))
                raise UserError(
                    f"{self.path}: takes images of the fixed shape {shape}, got {tuple(image.shape)}; export "
                    "without --fixed for any size"
                )
        count = self.shape[0] or len(image)
        parts = [self._run(part.numpy(), count) for part in image.float().cpu().split(count)]
        return torch.from_numpy(parts[0] if len(parts) == 1 else np.concatenate(parts))

    def _run(self, images: np.ndarray, count: int) -> np.ndarray:
        missing = count - len(images)
        filled = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else images
        return self.compute(np.ascontiguousarray(filled))[: len(images)]

    @abstractmethod
    def compute(self, images: np.ndarray) -> np.ndarray:
        """Return the logits of images of a shape that the file takes."""
