"""The host network and the arm that is attached to it."""

from dataclasses import dataclass, field, replace
from typing import Any

from foveate.errors import UserError


@dataclass(frozen=True)
class ModelSpec:
    """The host network and the arm that is attached to it.

    Args:
        arch: the host network (foveate list hosts). On the command line the default suits the data: unet for
            masks, classifier for class folders.
        encoder: its encoder (foveate list encoders), or for classifier a timm name. auto is the host's own,
            resnet18 for most.
        encoder_weights: none, imagenet (downloaded once) or FILE.safetensors. auto is imagenet where the
            download works or is cached, else none.
        arm: what is attached where, such as cbam@decoder; none is the bare host.
        gate: zero starts as exactly the host; none is the published form.
        options: further arguments of the host, as YAML, such as '{decoder_channels: [64, 48, 32, 24, 16]}'.
    """

    arch: str = "unet"
    encoder: str = "auto"
    encoder_weights: str = "auto"
    arm: str = "none"
    gate: str = "zero"
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        for name in self.options:
            if not isinstance(name, str):
                raise UserError(
                    f"options has the key {name!r}; options of a host have names, such as decoder_channels"
                )

    def continuing(self, begun: "ModelSpec") -> "ModelSpec":
        """Return the spec with the weights that a run began with, if this one leaves them to "auto".

        Whether weights can be downloaded may have changed since.

        >>> ModelSpec().continuing(ModelSpec(encoder_weights="none")).encoder_weights
        'none'
        """
        return (
            replace(self, encoder_weights=begun.encoder_weights) if self.encoder_weights == "auto" else self
        )

    @property
    def host(self) -> str:
        """The name of the host for reports, with the options that change the network.

        An encoder that is still "auto" is left out.

        >>> ModelSpec("unet", "resnet18").host, ModelSpec("attention56").host
        ('unet with resnet18', 'attention56')
        >>> ModelSpec("attention92_cifar", options={"modules": [0, 0, 0]}).host
        'attention92_cifar (modules 0,0,0)'
        """
        known = self.encoder in ("auto", "none", self.arch)
        name = self.arch if known else f"{self.arch} with {self.encoder}"
        options = "; ".join(f"{key} {_written(value)}" for key, value in sorted(self.options.items()))
        return f"{name} ({options})" if options else name


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
