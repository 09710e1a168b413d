"""Which pixels go wrong: small objects, boundaries, and pixels on which the network is of two minds.

Each is accumulated image by image and needs no second pass.

Small objects: an instance is a connected component (8 neighbours) of one class in the truth, as there are no
instance labels. It is binned by its share of the image's area; its coverage is the share of its pixels given
its class, and it counts as found when at least half are.

Boundary IoU: Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
equation 2: IoU of the pixels of truth and prediction that lie within a distance d of their own class's
outline, d being 2% of the image diagonal (at least 1 pixel). As in the authors' code, distance is by repeated
3x3 erosion and the image's edge counts as an outline. Pixels to ignore are taken out of both.

Near one half: a pixel is of two minds when the probability of the class it is called, renormalised over the
two most probable classes, lies within 0.1 of 0.5. For two classes that is |p - 0.5| < 0.1.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray
from scipy import ndimage
from torch import Tensor

from foveate.evaluation.confusion import IGNORE

AREA_EDGES = (0.0005, 0.002, 0.01, 0.05)
EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class SizeBin:
    """Objects with a share of the image in [low, high): how many, share found, mean coverage."""

    low: float
    high: float
    objects: int
    recall: float
    coverage: float


@dataclass(frozen=True)
class NearHalf:
    """The share of pixels of two minds, the error rate on them, and the error rate on all the others."""

    share: float
    error: float
    error_elsewhere: float


def object_coverage(
    prediction: Integer[ndarray, "h w"], truth: Integer[ndarray, "h w"], classes: int
) -> Float[ndarray, "objects 3"]:
    """One row an object of the truth: class id, share of the image's area, share of its pixels predicted
    rightly.

    >>> truth = np.array([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]])
    >>> object_coverage(np.where(truth[:, :1] == 1, truth, 0), truth, classes=2)[:, [0, 2]].tolist()
    [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    rows = []
    for c in range(classes):
        components, count = ndimage.label(truth == c, structure=EIGHT)
        if count:
            flat = components.ravel()
            area = np.bincount(flat, minlength=count + 1)[1:]
            hits = np.bincount(flat[(prediction == c).ravel()], minlength=count + 1)[1:]
            rows.append(np.stack([np.full(count, c), area / truth.size, hits / area], axis=1))
    return np.concatenate(rows) if rows else np.zeros((0, 3))


def size_bins(
    objects: Float[ndarray, "objects 3"], edges: tuple[float, ...] = AREA_EDGES
) -> tuple[SizeBin, ...]:
    """Sort `object_coverage` rows of any number of images into bins of area between 0, `edges` and 1.

    >>> size_bins(np.array([[1, 0.001, 0.5], [1, 0.0011, 0.0]]), edges=(0.002,))[0]
    SizeBin(low=0.0, high=0.002, objects=2, recall=0.5, coverage=0.25)
    """
    bounds = (0.0, *edges, 1.0)
    place = np.digitize(objects[:, 1], edges)
    bins = []
    for k, (low, high) in enumerate(pairwise(bounds)):
        coverage = objects[place == k, 2]
        mean, found = (coverage.mean(), (coverage >= 0.5).mean()) if len(coverage) else (np.nan, np.nan)
        bins.append(SizeBin(low, high, len(coverage), float(found), float(mean)))
    return tuple(bins)


def boundary(region: ndarray, width: int) -> ndarray:
    """The pixels of a boolean region that lie within `width` pixels of its outline."""
    return region & ~ndimage.binary_erosion(region, EIGHT, iterations=width)


def boundary_counts(
    prediction: Integer[ndarray, "h w"],
    truth: Integer[ndarray, "h w"],
    classes: int,
    width_share: float = 0.02,
) -> Integer[ndarray, "c 2"]:
    """Intersection and union in pixels of both boundaries a class; sum over images and divide for boundary
    IoU.

    >>> square = np.zeros((5, 5), dtype=int); square[1:4, 1:4] = 1
    >>> boundary_counts(square, square, classes=2)[1].tolist()
    [8, 8]
    """
    width = max(1, round(width_share * float(np.hypot(*truth.shape))))
    counted = truth != IGNORE
    result = np.zeros((classes, 2), dtype=np.int64)
    for c in np.intersect1d(np.union1d(truth, prediction), np.arange(classes)):
        true, called = (boundary(ids == c, width) & counted for ids in (truth, prediction))
        result[c] = (true & called).sum(), (true | called).sum()
    return result


class NearHalfCount:
    """Counts pixels of two minds and errors, batch by batch.

    >>> import torch
    >>> count = NearHalfCount()
    >>> count.add(torch.tensor([[[0.55, 0.9]], [[0.45, 0.1]]])[None], torch.tensor([[[1, 0]]]))
    >>> count.result()
    NearHalf(share=0.5, error=1.0, error_elsewhere=0.0)
    """

    def __init__(self, margin: float = 0.1):
        self.margin = margin
        self.near = self.near_wrong = self.far = self.far_wrong = 0

    def add(self, probabilities: Float[Tensor, "n c *size"], truth: Integer[Tensor, "n *size"]) -> None:
        """Add a batch: probabilities over two or more classes along dimension 1, truth with 255 = ignore."""
        (first, second), called = probabilities.topk(2, 1).values.unbind(1), probabilities.argmax(1)
        counted = truth != IGNORE
        near = (first / (first + second) - 0.5 < self.margin)[counted]
        wrong = (called != truth)[counted]
        self.near += int(near.sum())
        self.near_wrong += int((near & wrong).sum())
        self.far += int((~near).sum())
        self.far_wrong += int((~near & wrong).sum())

    def result(self) -> NearHalf:
        """The rates over everything added; NaN where there is nothing to divide by."""
        nan = float("nan")
        total = self.near + self.far
        return NearHalf(
            self.near / total if total else nan,
            self.near_wrong / self.near if self.near else nan,
            self.far_wrong / self.far if self.far else nan,
        )
