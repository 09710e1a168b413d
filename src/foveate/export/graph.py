"""Trace a network to a graph that takes batches of any number of images of any size, or one fixed shape."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from foveate.export.pools import DECOMPOSITIONS
from foveate.models.host import Host

Shape = tuple[int, int, int, int]
"""Images, channels, height and width."""


def trace(model: Host, fixed: Shape | None = None) -> ExportedProgram:
    """Trace a model in evaluation mode; adaptive pools become their forms for any size (see `pools`).

    fixed: the only shape that the graph takes. Without it, batch, height and width are open.
    """
    example = torch.zeros(fixed) if fixed else open_example(model)
    shapes = None if fixed else ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    with quiet(), torch.no_grad():
        program = torch.export.export(model, (example,), dynamic_shapes=shapes, strict=False)
        return program.run_decompositions(dict(DECOMPOSITIONS))


def open_example(model: Host) -> Tensor:
    """Return an image to trace with: no length is 1, equal to another, or a multiple of a stride.

    Tracing takes each of these for a property of all images.
    """
    side = max(64, model.multiple, model.smallest)
    return torch.rand(2, model.mean.shape[1], side + 21, 2 * side - 21)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporters' warnings and progress, which name their own internals."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(None):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
