"""The network that Smooth Attention was published with: an encoder and five transposed convolutions.

"Smooth Attention: Improving Image Semantic Segmentation", 2024,
https://doi.org/10.20944/preprints202409.1283.
A ResNet18 without pooling and classifier gives 512 channels at stride 32, and Smooth Attention is applied to
them. Five 2x2 transposed convolutions of stride 2, with ReLU between them, go to 256, 128, 64, 32 channels
and then to the classes at full size. Despite the name there are no skip connections.

The attention is not in this file: it is the arm `smooth@encoder5`, which `create_model("smooth_unet")`
attaches by default. `arm="none"` is the host alone, and another arm replaces the published attention. With
the default arm and one class the network has the published 12,661,410 parameters, 11,873,441 in the host.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from foveate.models.host import Host
from foveate.models.hosts.encoders import create_encoder, host_on_encoder
from foveate.models.hosts.registry import HostRequest, host


class SmoothUNet(nn.Module):
    """An encoder, and five transposed convolutions that enlarge its last feature from stride 32 to full size.

    `widths` are the channels between the transposed convolutions. Image sides are multiples of 32.

    >>> import segmentation_models_pytorch as smp, torch
    >>> network = SmoothUNet(smp.encoders.get_encoder("resnet18", weights=None), 1)
    >>> network(torch.rand(1, 3, 32, 64)).shape
    torch.Size([1, 1, 32, 64])
    """

    def __init__(self, encoder: nn.Module, classes: int, widths: tuple[int, ...] = (256, 128, 64, 32)):
        super().__init__()
        self.encoder = encoder
        steps = pairwise((encoder.out_channels[-1], *widths))
        self.decoder = nn.Sequential(*(nn.Sequential(doubling(a, b), nn.ReLU()) for a, b in steps))
        self.segmentation_head = nn.Sequential(doubling(widths[-1], classes))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        return self.segmentation_head(self.decoder(self.encoder(x)[-1]))


def doubling(channels: int, outputs: int) -> nn.ConvTranspose2d:
    """Return a layer that doubles height and width; each position makes a 2x2 patch."""
    return nn.ConvTranspose2d(channels, outputs, kernel_size=2, stride=2)


@host("smooth_unet", arm="smooth@encoder5", one_logit=True)
def _smooth_unet(request: HostRequest) -> Host:
    return host_on_encoder(SmoothUNet(create_encoder(request), request.classes), request)
