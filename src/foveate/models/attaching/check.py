"""Whether all that an arm names is there."""

from collections.abc import Sequence

from foveate.attention.registry import attention_options
from foveate.errors import choose
from foveate.models.attaching.heads import check_head
from foveate.specs.arm import Arm, parse_arm
from foveate.specs.augmentation import check_policy


def check_arm(text: "str | Arm | Sequence[str | Arm]") -> Arm:
    """Read an arm and see that all it names is there; where that can sit, `attach` tells.

    >>> check_arm("cbam@decoder(reductoin=8)")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: unknown cbam option 'reductoin'; did you mean 'reduction'? ...
    """
    arm = parse_arm(text)
    for part in arm.attentions:
        known = attention_options(part.name)
        for option, _ in part.options:
            choose(option, known, f"{part.name} option")
    for part in arm.heads:
        check_head(part.name, dict(part.options))
    if arm.augment:
        check_policy(arm.augment)
    return arm
