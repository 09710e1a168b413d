"""The size of the image of the current forward pass: what the grid of a map kept as tokens follows from.

A hook on the submodule that takes the image writes it down, so that calls of a part of the network (timm's
`forward_features`) are served too. Each thread has its own.
"""

import threading
from typing import Any

from torch import nn

from foveate.models.places.axes import Size
from foveate.models.places.nested import first_map


class ImageSize(threading.local):
    """Height and width of the image, as the network takes it, of the pass that this thread is in."""

    size: Size | None = None

    def on_input(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        """A forward pre-hook of the submodule that takes the image."""
        image = first_map(args, kwargs)
        self.size = (image.shape[-2], image.shape[-1])

    def __reduce__(self):
        return ImageSize, ()
