"""Several runs that predict together."""

import math
from dataclasses import dataclass

from foveate.errors import UserError

FITTED = "auto"
"""The temperature that is fitted on validation images."""

COLDEST, HOTTEST = 0.01, 100.0
"""Limits of a temperature: beyond them, the numbers of a computer no longer tell the classes apart."""


@dataclass(frozen=True)
class EnsembleSpec:
    """Several runs together.

    Args:
        ensemble: further runs (seeds, folds, arms); the class probabilities of all are averaged. A folder
            that holds several runs stands for all of them, also in place of RUN.
        weights: of the runs in the mean, in their order, such as 2 1 1; all the same if not given.
        temperature: makes the mean less sure (above 1) or more; auto fits it on validation images that none
            of the runs was trained with.

    Raises `UserError` for a temperature that is none.
    """

    ensemble: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    temperature: str = "1"

    def __post_init__(self) -> None:
        _ = self.number

    @property
    def number(self) -> float | None:
        """The temperature; None to fit it.

        >>> EnsembleSpec(temperature="1.5").number, EnsembleSpec(temperature="auto").number
        (1.5, None)
        """
        if self.temperature == FITTED:
            return None
        try:
            number = float(self.temperature)
        except ValueError:
            number = math.nan
        if not COLDEST <= number <= HOTTEST:
            raise UserError(
                f"--temperature: {self.temperature} is none; give auto, or a number from {COLDEST:g} to "
                f"{HOTTEST:g} (1 for none)"
            )
        return number
