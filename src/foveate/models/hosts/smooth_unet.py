"""The network that Smooth Attention was published with: an encoder and five transposed convolutions.

"Smooth Attention: Improving Image Semantic Segmentation", 2024,
https://doi.org/10.20944/preprints202409.1283.
A ResNet18 without pooling and classifier gives 512 channels at stride 32; Smooth Attention stands on them;
2x2 transposed convolutions of stride 2 lead over 256, 128, 64 and 32 channels to the classes at full size,
with ReLU between and no skip connections, the U in its name notwithstanding.

The attention is no part of this file: it is the arm `smooth@encoder5`, which `create_model("smooth_unet")`
attaches unless told otherwise. So `arm="none"` is the host as it is and any other mechanism can stand in the
place of the published one. With the arm and one class the network has the published 12,661,410 parameters,
11,873,441 of them the host's.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from foveate.models.host import Host
from foveate.models.hosts.encoders import create_encoder, host_on_encoder
from foveate.models.hosts.registry import HostRequest, host


class SmoothUNet(nn.Module):
    """`encoder`, whose last feature at stride 32 five transposed convolutions bring to full size.

    `widths` are the channels between them. Sides of images are multiples of 32.

    >>> import segmentation_models_pytorch as smp, torch
    >>> network = SmoothUNet(smp.encoders.get_encoder("resnet18", weights=None), 1)
    >>> network(torch.rand(1, 3, 32, 64)).shape
    torch.Size([1, 1, 32, 64])
    """

    def __init__(self, encoder: nn.Module, classes: int, widths: tuple[int, ...] = (256, 128, 64, 32)):
        super().__init__()
        self.encoder = encoder
        steps = pairwise((encoder.out_channels[-1], *widths))
        self.decoder = nn.Sequential(*(nn.Sequential(double(a, b), nn.ReLU()) for a, b in steps))
        self.segmentation_head = nn.Sequential(double(widths[-1], classes))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        return self.segmentation_head(self.decoder(self.encoder(x)[-1]))


def double(channels: int, outputs: int) -> nn.ConvTranspose2d:
    """Twice the height and width, each 2x2 patch from one position."""
    return nn.ConvTranspose2d(channels, outputs, kernel_size=2, stride=2)


@host("smooth_unet", arm="smooth@encoder5", one_logit=True)
def _smooth_unet(request: HostRequest) -> Host:
    return host_on_encoder(SmoothUNet(create_encoder(request), request.classes), request)
