"""From the probabilities of a network to the mask, or the label, of an image at its own size."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from foveate.prediction.facts import Facts


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction for one image, at the image's own size.

    Segmentation: `mask` holds class ids, `confidence` the probability of each pixel's class, `label` is None.
    Classification: `label` names the class, `confidence` (no axes) is its probability, `mask` is None.
    `probabilities` sum to 1 over classes; None for masks unless requested.
    """

    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    confidence: Float[ndarray, "*size"]
    mask: UInt8[ndarray, "h w"] | None = None
    label: str | None = None
    probabilities: Float[ndarray, "c *size"] | None = None

    def __repr__(self) -> str:
        """Return a one-line summary; arrays are named by their shape.

        >>> Prediction(("a", "b"), ((0, 0, 0), (9, 9, 9)), np.ones((2, 3)), np.zeros((2, 3), np.uint8))
        Prediction(mask 2x3, 1 of 2 classes: a)
        >>> Prediction(("a", "b"), ((0, 0, 0), (9, 9, 9)), np.array(0.75), label="b")
        Prediction(label 'b', 75.0% sure, 2 classes)
        """
        if self.mask is None:
            sure = f"{100 * float(self.confidence):.1f}% sure"
            return f"Prediction(label {self.label!r}, {sure}, {len(self.classes)} classes)"
        present = [self.classes[number] for number in np.unique(self.mask)]
        names = ", ".join(present[:6]) + (", ..." if len(present) > 6 else "")
        size = "x".join(map(str, self.mask.shape))
        return f"Prediction(mask {size}, {len(present)} of {len(self.classes)} classes: {names})"


def assemble(
    facts: Facts, p: Float[Tensor, "c ..."], size: tuple[int, int], keep_probabilities: bool = False
) -> Prediction:
    """Return the prediction from the class probabilities of one image, whose own size is `size`.

    p: `c rows columns`, interpolated to the image's size before the mask is taken, or `c` of a classifier.
    keep_probabilities: keep those of a mask too.
    """
    if facts.task == "classification":
        return _label_prediction(facts, p.cpu().numpy())
    return _mask_prediction(facts, p[None], size, keep_probabilities)


def _label_prediction(facts: Facts, p: Float[ndarray, "c"]) -> Prediction:
    best = int(p.argmax())
    return Prediction(facts.classes, facts.colors, p[best, ...], label=facts.classes[best], probabilities=p)


def _mask_prediction(
    facts: Facts, p: Float[Tensor, "1 c rows columns"], size: tuple[int, int], keep_probabilities: bool
) -> Prediction:
    # Class by class: the probabilities of all classes at the size of a large photo would fill the memory.
    best = torch.zeros(size, device=p.device)
    mask = torch.zeros(size, dtype=torch.uint8, device=p.device)
    kept = []
    for c in range(p.shape[1]):
        p_class = p[:, c : c + 1]
        if p_class.shape[-2:] != size:
            p_class = F.interpolate(p_class, size, mode="bilinear")
        p_class = p_class[0, 0]
        mask[p_class > best] = c
        best = torch.maximum(best, p_class)
        if keep_probabilities:
            kept.append(p_class.cpu().numpy())
    return Prediction(
        facts.classes,
        facts.colors,
        best.cpu().numpy(),
        mask=mask.cpu().numpy(),
        probabilities=np.stack(kept) if keep_probabilities else None,
    )
