"""The residual network for CIFAR that residual attention networks are compared with, before activation.

He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, https://arxiv.org/abs/1603.05027: a 3x3
convolution to 16 channels and three stages of (depth - 2) / 9 bottleneck units with 64, 128 and 256 channels
at 32, 16 and 8 positions a side. Depth 164 has 1.7 million parameters.
"""

from typing import Any

from jaxtyping import Float
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

from foveate.attention.residual import ResidualUnit, norm_relu
from foveate.errors import UserError
from foveate.models.host import Host
from foveate.models.hosts.registry import HostRequest, host

WIDTHS = (64, 128, 256)


class ResNetCifar(nn.Module):
    """A classifier of `depth` layers, 9 n + 2, for small images of any size.

    >>> import torch
    >>> ResNetCifar(3, 10, 11).eval()(torch.rand(1, 3, 17, 12)).shape
    torch.Size([1, 10])
    """

    def __init__(self, in_channels: int, classes: int, depth: int = 164):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        width, stride, stages = 16, 1, []
        self.feature_info = []
        for number, outputs in enumerate(WIDTHS):
            step = 1 if number == 0 else 2
            others = [ResidualUnit(outputs) for _ in range((depth - 2) // 9 - 1)]
            stages.append(nn.Sequential(ResidualUnit(width, outputs, step), *others))
            width, stride = outputs, stride * step
            self.feature_info.append({"num_chs": width, "reduction": stride, "module": f"stages.{number}"})
        self.stages = nn.Sequential(*stages)
        self.activation = norm_relu(width)
        self.pool = SelectAdaptivePool2d(pool_type="avg", flatten=True)
        self.fc = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        return self.fc(self.pool(self.activation(self.stages(self.stem(x)))))


@host("resnet164_cifar", options={"depth": int}, encoder="none")
def _resnet_cifar(request: HostRequest, **options: Any) -> Host:
    depth = options.get("depth", 164)
    if depth < 11 or (depth - 2) % 9:
        raise UserError(f"depth is {depth}; a bottleneck network for CIFAR has 9 n + 2 layers, such as 164")
    network = ResNetCifar(request.in_channels, request.classes, depth)
    return Host(network, request.config, head="fc", task="classification")
