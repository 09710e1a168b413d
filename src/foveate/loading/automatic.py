"""Operations that RandAugment and TrivialAugment draw, with masks that move along.

Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", 2020
(https://arxiv.org/abs/1909.13719): two operations of one strength. Mueller and Hutter, "TrivialAugment:
Tuning-free Yet State-of-the-Art Data Augmentation", 2021 (https://arxiv.org/abs/2103.10158): one operation of
random strength. Operations and draws are torchvision's. It refuses masks; here, the operations that move
pixels are repeated on the mask, by nearest pixel.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import RandAugment, TrivialAugmentWide

from foveate.data.pixels.masks import IGNORE
from foveate.specs.augmentation import Policy

MOVES = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
"""The operations that move pixels."""


class _Recorded:
    """Mixed into torchvision's classes: keeps the operations that were applied."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.applied: list[tuple[str, float]] = []

    def _apply_image_or_video_transform(
        self, image: Tensor, transform_id: str, magnitude: float, interpolation: Any, fill: Any
    ) -> Tensor:
        self.applied.append((transform_id, magnitude))
        return self.operation(image, transform_id, magnitude, interpolation, fill)

    def operation(self, image: Tensor, name: str, magnitude: float, interpolation: Any, fill: Any) -> Tensor:
        """Apply one operation of torchvision's."""
        return super()._apply_image_or_video_transform(  # pyright: ignore[reportAttributeAccessIssue]
            image, name, magnitude, interpolation, fill
        )


class _RandAugment(_Recorded, RandAugment):
    pass


class _TrivialAugment(_Recorded, TrivialAugmentWide):
    pass


def operate(
    policy: Policy,
    image: UInt8[Tensor, "3 h w"],
    mask: UInt8[Tensor, "h w"] | None,
    seed: Sequence[int],
    mean: Sequence[float],
) -> tuple[UInt8[Tensor, "3 h w"], UInt8[Tensor, "h w"] | None]:
    """Apply the automatic operations of a policy, which depend on `seed` only.

    mean: what comes in from outside the image; the mask is 255 there.
    """
    options = {"fill": list(mean)}
    if policy.automatic == "randaugment":
        drawn = _RandAugment(magnitude=policy.magnitude, **options)
    else:
        drawn = _TrivialAugment(**options)
    before = torch.get_rng_state()
    try:  # torchvision draws from PyTorch's generator alone
        torch.default_generator.manual_seed(generator_seed(seed))
        image = drawn(image)
    finally:
        torch.set_rng_state(before)
    if mask is not None:
        moved = tv_tensors.Mask(mask[None])
        for name, magnitude in drawn.applied:
            if name in MOVES:
                moved = drawn.operation(
                    moved, name, magnitude, drawn.interpolation, {tv_tensors.Mask: IGNORE}
                )
        mask = moved.as_subclass(Tensor)[0]
    return image, mask


def generator_seed(seed: Sequence[int]) -> int:
    """Return a seed for PyTorch's generator: numbers that differ give seeds that have nothing in common.

    >>> generator_seed((0, 0, 1)) == generator_seed((0, 1, 0))
    False
    """
    return int(np.random.SeedSequence((*seed, 1)).generate_state(1, np.uint64)[0] >> 1)
