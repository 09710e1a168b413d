"""Trace a network to a graph that takes batches of any number of images of any size, or one fixed shape."""

import contextlib
import logging
import re
import types
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from foveate.errors import UserError
from foveate.export.pools import AnySize
from foveate.models.host import Host

Shape = tuple[int, int, int, int]
"""Images, channels, height and width."""


def parse_shape(text: str, channels: int) -> Shape:
    """Return the shape that `--fixed` names; raise `UserError` for other texts.

    >>> parse_shape("1x3x360x480", channels=3)
    (1, 3, 360, 480)
    """
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})x(\d{1,5})x(\d{1,5})", text.strip())
    shape = tuple(map(int, match.groups())) if match else ()
    if len(shape) != 4 or 0 in shape or shape[1] != channels:
        raise UserError(
            f"--fixed: '{text}' is no shape that the network takes; write IMAGESx{channels}xHEIGHTxWIDTH, "
            f"such as 1x{channels}x360x480"
        )
    return shape


def trace(model: nn.Module, example: Tensor, fixed: bool = False) -> ExportedProgram:
    """Trace a model in evaluation mode; adaptive pools become their forms for any size (see `pools`).

    example: of images, see `open_example`. fixed: the graph takes images of its shape only. Otherwise batch,
    height and width are open. Raises `UserError` with the submodule that cannot be traced.
    """
    shapes = None if fixed else ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    try:
        with quiet(), torch.no_grad(), AnySize():
            return torch.export.export(model, (example,), dynamic_shapes=shapes, strict=False)
    except Exception as error:  # tracing runs the model's own code, which may raise anything
        reason = str(error).strip().partition("\n")[0]
        where = _module_at(model, error.__traceback__)
        raise UserError(f"the network cannot be traced{where}: {reason}") from error


def open_example(model: Host) -> Tensor:
    """Return images to trace with: no length is 1, equal to another, or a multiple of a stride.

    Tracing takes each of these for a property of all images.
    """
    side = max(64, model.multiple, model.smallest)
    return torch.zeros(2, model.mean.shape[1], side + 21, 2 * side - 21)


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


def _module_at(model: nn.Module, frames: types.TracebackType | None) -> str:
    """Return the innermost submodule of a model whose code is in a traceback, in words."""
    names = {id(module): name for name, module in model.named_modules()}
    found = ""
    while frames is not None:
        found = names.get(id(frames.tb_frame.f_locals.get("self")), found)
        frames = frames.tb_next
    return f" at {found}" if found else ""
