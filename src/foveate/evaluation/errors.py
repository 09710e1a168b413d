"""Which pixels go wrong: small objects, boundaries, and pixels on which the network is of two minds.

Each is accumulated image by image and needs no second pass.

Small objects: an instance is a connected component (8 neighbours) of one class in the truth, as there are no
instance labels. It is binned by its share of the image's area; its coverage is the share of its pixels given
its class, and it counts as found when at least half are.

Boundary IoU: Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
equation 2: IoU of the pixels of truth and prediction that lie within a distance d of their own class's
outline, d being 2% of the image diagonal (at least 1 pixel). As in the authors' code, a distance is what so
many erosions by 3x3 pixels reach, and the image's edge counts as an outline. Pixels to ignore are taken out
of both.

Near one half: a pixel is of two minds when the probability of the class it is called, renormalised over the
two most probable classes, lies within 0.1 of 0.5. For two classes that is |p - 0.5| < 0.1.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer
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
    """One row an object of the truth: class id, share of the image, share of its pixels that are right.

    >>> truth = np.array([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]])
    >>> object_coverage(np.where(truth[:, :1] == 1, truth, 0), truth, classes=2)[:, [0, 2]].tolist()
    [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    rows = []
    for c in range(classes):
        components = np.zeros(truth.shape, dtype=np.int32)
        count = int(ndimage.label(truth == c, EIGHT, output=components))
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


def boundary(ids: Integer[ndarray, "h w"], width: int) -> Bool[ndarray, "h w"]:
    """The pixels of every region that lie within `width` pixels (rows or columns) of another id or the
    image's edge.

    All regions at once: eroding each class by a square takes away the pixels whose window holds a second id.
    """
    side, padded = 2 * width + 1, ids.astype(np.int16)
    lowest = ndimage.minimum_filter(padded, side, mode="constant", cval=-1)
    return lowest != ndimage.maximum_filter(padded, side, mode="constant", cval=-1)


def boundary_counts(
    prediction: Integer[ndarray, "h w"],
    truth: Integer[ndarray, "h w"],
    classes: int,
    width_share: float = 0.02,
) -> Int64[ndarray, "2 c"]:
    """Intersection and union in pixels of both boundaries, by class; sum over images and divide for boundary
    IoU.

    >>> square = np.zeros((5, 5), dtype=int)
    >>> square[1:4, 1:4] = 1
    >>> boundary_counts(square, square, classes=2)[:, 1].tolist()
    [8, 8]
    """
    width = max(1, round(width_share * float(np.hypot(*truth.shape))))
    counted = truth != IGNORE
    true = boundary(truth, width) & counted
    called = boundary(prediction, width) & counted
    both = true & called & (truth == prediction)
    in_true, in_called, in_both = (
        np.bincount(ids[where], minlength=classes)
        for ids, where in ((truth, true), (prediction, called), (truth, both))
    )
    return np.stack([in_both, in_true + in_called - in_both])


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
        first, second = probabilities.topk(2, 1).values.unbind(1)
        called = probabilities.argmax(1)
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


class ErrorCounts:
    """All errors of this module, batch by batch; `result` gives them by the names they have in `Scores`."""

    def __init__(self, classes: int):
        self.classes = classes
        self.near_half = NearHalfCount()
        self.boundaries = np.zeros((2, classes), dtype=np.int64)
        self.objects: list[ndarray] = []

    def add(self, probabilities: Float[Tensor, "n c h w"], truth: Integer[Tensor, "n h w"]) -> None:
        """Add a batch of probabilities over dimension 1 and of true class ids with 255 = ignore."""
        self.near_half.add(probabilities, truth)
        called = probabilities.argmax(1).cpu().numpy()
        for prediction, mask in zip(called, truth.cpu().numpy(), strict=True):
            self.boundaries += boundary_counts(prediction, mask, self.classes)
            self.objects.append(object_coverage(prediction, mask, self.classes))

    def result(self) -> dict[str, object]:
        """`boundary_iou` a class (NaN where there is no boundary), `objects` by size, and `near_half`."""
        shared, union = self.boundaries
        ious = np.divide(shared, union, out=np.full(self.classes, np.nan), where=union > 0)
        return {
            "boundary_iou": tuple(ious.tolist()),
            "objects": size_bins(np.concatenate([np.zeros((0, 3)), *self.objects])),
            "near_half": self.near_half.result(),
        }
