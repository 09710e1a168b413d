"""Augmentation policies: named sets of the random changes of training images."""

import math
from dataclasses import dataclass, fields

from foveate.errors import DataError, choose

FILLS = ("mean", "nearest")
AUTOMATIC = ("none", "randaugment", "trivialaugment")
STRONGEST = 30
"""The highest magnitude of RandAugment's operations in torchvision."""


@dataclass(frozen=True)
class Policy:
    """The random changes of training images; the defaults change nothing. Fields are those of `DataSpec`.

    scale: lowest and highest zoom factor; at 1 the image just covers the crop. rotation, shear: largest
    angles in degrees. shift, zoom: largest shift, and largest zoom of height and width each by itself, as
    shares of the crop. flip, flip_vertical: probabilities. color: largest relative change of brightness,
    contrast and saturation. brightness: that of brightness, where it is more than color. fill: what is
    outside the image: the "mean" colour, or the "nearest" pixel. automatic: further operations, drawn as
    RandAugment or TrivialAugment draws them. magnitude: the strength of RandAugment's, 0 to 30.

    Raises `DataError` for values outside their range.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    flip: float = 0.0
    flip_vertical: float = 0.0
    color: float = 0.0
    brightness: float = 0.0
    fill: str = "mean"
    automatic: str = "none"
    magnitude: int = 9

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= high < math.inf:
            raise DataError(
                f"scale {low} to {high} must be positive and in order, as in 0.75 1.5; 1 1 switches it off"
            )
        for name in ("flip", "flip_vertical"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"{name} {getattr(self, name)} is a probability; give a number from 0 to 1")
        for name, what in (
            ("shift", "share"),
            ("zoom", "relative change"),
            ("color", "relative change"),
            ("brightness", "relative change"),
        ):
            if not 0 <= getattr(self, name) < 1:
                raise DataError(
                    f"{name} {getattr(self, name)} is a {what}; give a number from 0 (off) to below 1"
                )
        if not 0 <= self.rotation <= 180:
            raise DataError(f"rotation {self.rotation} is an angle; give degrees from 0 (off) to 180")
        if not 0 <= self.shear < 90:
            raise DataError(f"shear {self.shear} is an angle; give degrees from 0 (off) to below 90")
        if not 0 <= self.magnitude <= STRONGEST:
            raise DataError(f"magnitude {self.magnitude} is a strength; give a number from 0 to {STRONGEST}")
        choose(self.fill, FILLS, "fill")
        choose(self.automatic, AUTOMATIC, "automatic augmentation")

    def __str__(self) -> str:
        """Return the changes in words, the name of the policy first if it has one.

        >>> print(Policy(flip=0.5, flip_vertical=0.5))
        flips: flip 0.5, flip-vertical 0.5
        >>> print(Policy(), Policy(rotation=5.0), sep="; ")
        none; rotation 5
        """
        name = next((name for name, policy in POLICIES.items() if policy == self), "")
        return ": ".join(filter(None, [name, ", ".join(changes_of(self))]))


CHANGES = tuple(field.name for field in fields(Policy))
"""The fields of a policy, which are also fields of `DataSpec`."""

USUAL = "light"
"""The policy of a run that names none."""

POLICIES = {
    "none": Policy(),
    "flips": Policy(flip=0.5, flip_vertical=0.5),
    "light": Policy(scale=(0.75, 1.5), flip=0.5, color=0.2),
    "strong": Policy(scale=(0.5, 2.0), rotation=15.0, shear=5.0, shift=0.1, flip=0.5, color=0.4),
    # Cassava tutorial on the Residual Attention Network: Keras' ImageDataGenerator with these values.
    "tutorial": Policy(
        rotation=40.0, shear=0.2, shift=0.2, zoom=0.2, flip=0.5, flip_vertical=0.5, fill="nearest"
    ),
    "randaugment": Policy(scale=(0.75, 1.5), flip=0.5, automatic="randaugment"),
    "trivialaugment": Policy(scale=(0.75, 1.5), flip=0.5, automatic="trivialaugment"),
}


def changes_of(policy: Policy) -> list[str]:
    """Return the changes of a policy in words, those alone that it makes.

    >>> changes_of(POLICIES["light"])
    ['scale 0.75 to 1.5', 'flip 0.5', 'color 0.2']
    """
    usual = vars(Policy())
    changed = {name: value for name, value in vars(policy).items() if value != usual[name]}
    return [f"{name.replace('_', '-')} {_written(value)}" for name, value in changed.items()]


def check_policy(name: str) -> str:
    """Return the name of a policy. Raise `UserError`, with the nearest, for another.

    >>> check_policy("lite")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: unknown augmentation 'lite'; did you mean 'light'? There are: ...
    """
    return choose(name, POLICIES, "augmentation")


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
