"""Which pixels go wrong: small objects, boundaries, and pixels on which the network is of two minds.

Each is accumulated image by image and needs no second pass.

Small objects: an instance is a connected component (8 neighbours) of one class in the truth, as there are no
instance labels; of two classes the first is the background, whose regions are no objects. It is binned by its
share of the image's area; its coverage is the share of its pixels given its class, and it counts as found
when at least half are.

Boundary IoU: Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
equation 2: IoU of the pixels of truth and prediction that lie within a distance d of their own class's
outline, d being 2% of the image diagonal (at least 1 pixel). As in the authors' code, a distance is what so
many erosions by 3x3 pixels reach, and the image's edge counts as an outline. Pixels to ignore are ignored in
the prediction as in the truth: they are in no boundary, and an edge to them is no outline in either. So a
perfect prediction scores 1.

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

from foveate.data.pixels.masks import IGNORE
from foveate.evaluation.ratios import ratio

AREA_EDGES = (0.0005, 0.002, 0.01, 0.05)
FOUND = 0.5
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
    [[1.0, 0.0], [1.0, 1.0]]
    """
    rows = []
    for c in range(1 if classes == 2 else 0, classes):
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
        mean, found = (coverage.mean(), (coverage >= FOUND).mean()) if len(coverage) else (np.nan, np.nan)
        bins.append(SizeBin(low, high, len(coverage), float(found), float(mean)))
    return tuple(bins)


def boundary(ids: Integer[ndarray, "h w"], width: int) -> Bool[ndarray, "h w"]:
    """The pixels of every region that lie within `width` pixels (rows or columns) of another id or the
    image's edge; pixels of 255 are in no region and bound none.

    All regions at once: eroding each class by a square takes away the pixels whose window holds a second id.

    >>> boundary(np.array([[0, 0, 0, 255, 1, 1]]).repeat(3, 0), width=1)[1].tolist()
    [True, False, False, False, False, True]
    >>> boundary(np.array([[0, 0, 0, 255, 1, 1]]).repeat(5, 0), width=2)[2].tolist()
    [True, True, True, False, True, True]
    """
    side, ids = 2 * width + 1, ids.astype(np.int16)
    counted = ids != IGNORE
    lowest = ndimage.minimum_filter(ids, side, mode="constant", cval=-1)  # 255 is above every class
    highest = ndimage.maximum_filter(np.where(counted, ids, -1), side, mode="constant", cval=-1)
    return counted & (lowest != highest)


def boundary_counts(
    prediction: Integer[ndarray, "h w"],
    truth: Integer[ndarray, "h w"],
    classes: int,
    width_share: float = 0.02,
) -> Int64[ndarray, "2 c"]:
    """Intersection and union in pixels of both boundaries, by class; sum over images and divide for boundary
    IoU. Pixels whose truth is 255 are ignored, whatever is predicted there.

    >>> square = np.zeros((5, 5), dtype=int)
    >>> square[1:4, 1:4] = 1
    >>> boundary_counts(square, square, classes=2)[:, 1].tolist()
    [8, 8]
    """
    width = max(1, round(width_share * float(np.hypot(*truth.shape))))
    prediction = np.where(truth == IGNORE, IGNORE, prediction)
    true, called = boundary(truth, width), boundary(prediction, width)
    both = true & called & (truth == prediction)
    in_true, in_called, in_both = (
        np.bincount(ids[where], minlength=classes)
        for ids, where in ((truth, true), (prediction, called), (truth, both))
    )
    return np.stack([in_both, in_true + in_called - in_both])


def near_half_counts(
    probabilities: Float[Tensor, "n c *size"], truth: Integer[Tensor, "n *size"], margin: float = 0.1
) -> Int64[ndarray, "n 4"]:
    """Of each image: pixels of two minds, the wrong ones among them, all other pixels, the wrong ones.

    Probabilities over two or more classes along dimension 1, truth with 255 = ignore.

    >>> import torch
    >>> p = torch.tensor([[[0.55, 0.9]], [[0.45, 0.1]]])[None]
    >>> near_half_counts(p, torch.tensor([[[1, 0]]])).tolist()
    [[1, 1, 1, 0]]
    """
    first, second = probabilities.topk(2, 1).values.unbind(1)
    wrong, counted = probabilities.argmax(1) != truth, truth != IGNORE
    near = first / (first + second) - 0.5 < margin
    kinds = (near & counted, near & counted & wrong, ~near & counted, ~near & counted & wrong)
    return np.stack([kind.flatten(1).sum(1).cpu().numpy() for kind in kinds], axis=1)


def near_half(sums: Integer[ndarray, "4"]) -> NearHalf:
    """The rates from sums of `near_half_counts` over images; NaN where there is nothing to divide by."""
    near, near_wrong, far, far_wrong = sums
    return NearHalf(
        *(float(ratio(*parts)) for parts in ((near, near + far), (near_wrong, near), (far_wrong, far)))
    )


class ErrorCounts:
    """All errors of this module, batch by batch; `result` gives them by the names they have in `Scores`."""

    def __init__(self, classes: int):
        self.classes = classes
        self.near_half: list[ndarray] = []
        self.boundaries: list[ndarray] = []
        self.objects: list[ndarray] = []

    def add(self, probabilities: Float[Tensor, "n c h w"], truth: Integer[Tensor, "n h w"]) -> None:
        """Add a batch of probabilities over dimension 1 and of true class ids with 255 = ignore."""
        self.near_half += list(near_half_counts(probabilities, truth))
        called = probabilities.argmax(1).cpu().numpy()
        for prediction, mask in zip(called, truth.cpu().numpy(), strict=True):
            self.boundaries.append(boundary_counts(prediction, mask, self.classes))
            self.objects.append(object_coverage(prediction, mask, self.classes))

    def per_image(self) -> Int64[ndarray, "n f"]:
        """Counts of each image that add up over images; `foveate.evaluation.error_rates` makes rates of sums.

        By size objects and found ones, then `near_half_counts`, then `boundary_counts`.
        """
        return np.array(
            [
                [*_by_size(objects).ravel(), *near, *boundaries.ravel()]
                for objects, near, boundaries in zip(
                    self.objects, self.near_half, self.boundaries, strict=True
                )
            ],
            dtype=np.int64,
        )

    def result(self) -> dict[str, object]:
        """`boundary_iou` a class (NaN where there is no boundary), `objects` by size, and `near_half`."""
        return {
            "boundary_iou": tuple(ratio(*np.sum(self.boundaries, axis=0)).tolist()),
            "objects": size_bins(np.concatenate(self.objects)),
            "near_half": near_half(np.sum(self.near_half, axis=0)),
        }


def _by_size(objects: Float[ndarray, "objects 3"]) -> Int64[ndarray, "2 bins"]:
    """How many objects of each size there are, and how many of them are found."""
    place, found = np.digitize(objects[:, 1], AREA_EDGES), objects[:, 2] >= FOUND
    return np.stack([np.bincount(of, minlength=len(AREA_EDGES) + 1) for of in (place, place[found])])
