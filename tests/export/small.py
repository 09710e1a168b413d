"""A network of three convolutions with an encoder and a decoder, which is traced in seconds."""

import torch
from torch import nn
from torch.nn import functional as F

from foveate.models.host import Host


class Encoder(nn.Module):
    """Returns the image and its features at strides 2 and 4."""

    def __init__(self):
        super().__init__()
        self.stride2 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.stride4 = nn.Conv2d(8, 16, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        fine = self.stride2(x).relu()
        return [x, fine, self.stride4(fine).relu()]


class Network(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.encoder, self.decoder = Encoder(), nn.Conv2d(16, 16, 1)
        self.segmentation_head = nn.Conv2d(16, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.decoder(self.encoder(x)[-1])
        return F.interpolate(self.segmentation_head(x), scale_factor=4, mode="bilinear")


def small_host(classes: int) -> Host:
    torch.manual_seed(0)
    config = {"arch": "small", "mean": [0.5] * 3, "std": [0.2] * 3}
    return Host(Network(classes), config, multiple=4, encoder="encoder").eval()
