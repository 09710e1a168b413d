"""PyTorch's exported programs (.pt2), for C++ and for Python without foveate.

PyTorch reads them with pickle, which can run code. So `foveate.load` refuses them; `read_program` here is for
files that this process has just written.
"""

import io
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from foveate.export.graph import quiet
from foveate.files import write_whole
from foveate.prediction.facts import Facts


def write_program(program: ExportedProgram, path: Path, facts: Facts) -> None:
    """Write a traced network; the metadata is the extra file `foveate.json`, see `torch.export.load`."""
    content = io.BytesIO()  # on a full disk, PyTorch's own writer ends the process
    with quiet():
        torch.export.save(program, content, extra_files={"foveate.json": json.dumps(facts.metadata())})
    with write_whole(path) as file:
        file.write(content.getbuffer())


def read_program(path: Path) -> nn.Module:
    """Read a program that this process has written, as a module from images to logits."""
    with quiet():
        return Logits(torch.export.load(path).module())


class Logits(nn.Module):
    """The first output of a module."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, image: Tensor) -> Tensor:
        output = self.module(image)
        return output[0] if isinstance(output, tuple) else output
