"""Errors by kind of pixel: small objects, boundaries, and uncertain pixels.

All counts accumulate image by image, in one pass.

Small objects: an object is a connected component (8 neighbours) of one class in the truth, because there are
no instance labels. Of two classes, the first is the background and has no objects. Objects are binned by
their share of the image's area. The coverage of an object is its share of correct pixels; it is found if its
coverage is at least 0.5.

Boundary IoU: Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
equation 2: IoU of the pixels of truth and prediction within a distance d of the outline of their class.
d is 2% of the image diagonal, at least 1 pixel. As in the authors' code, a distance of d pixels is d erosions
by 3x3 pixels, and the image's edge is an outline. Ignored pixels are ignored in truth and prediction: they
are in no boundary, and an edge to them is no outline. A perfect prediction thus scores 1.

Uncertain pixels ("near half"): the two likeliest classes are within 60:40, i.e. the probability of the
predicted class, renormalised over these two, is below 0.6. For two classes that is |p - 0.5| < 0.1.
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
FOUND = 0.5  # coverage from which an object is found
EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class SizeBin:
    """Objects with an area in [low, high) (share of the image): count, share found, mean coverage."""

    low: float
    high: float
    objects: int
    recall: float
    coverage: float


@dataclass(frozen=True)
class NearHalf:
    """The share of uncertain pixels, the error rate on them, and the error rate on all other pixels."""

    share: float
    error: float
    error_elsewhere: float


def object_coverage(
    prediction: Integer[ndarray, "h w"], truth: Integer[ndarray, "h w"], classes: int
) -> Float[ndarray, "objects 3"]:
    """Return one row per object of the truth: class id, area (share of the image), coverage.

    >>> truth = np.array([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]])
    >>> object_coverage(np.where(truth[:, :1] == 1, truth, 0), truth, classes=2)[:, [0, 2]].tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    rows = []
    for c in range(1 if classes == 2 else 0, classes):
        components = np.zeros(truth.shape, dtype=np.int32)
        count = int(ndimage.label(truth == c, EIGHT_NEIGHBOURS, output=components))
        if count:
            flat = components.ravel()
            area = np.bincount(flat, minlength=count + 1)[1:]
            hits = np.bincount(flat[(prediction == c).ravel()], minlength=count + 1)[1:]
            rows.append(np.stack([np.full(count, c), area / truth.size, hits / area], axis=1))
    return np.concatenate(rows) if rows else np.zeros((0, 3))


def size_bins(
    objects: Float[ndarray, "objects 3"], edges: tuple[float, ...] = AREA_EDGES
) -> tuple[SizeBin, ...]:
    """Sort rows of `object_coverage`, from any number of images, into bins of area between 0, `edges` and 1.

    >>> size_bins(np.array([[1, 0.001, 0.5], [1, 0.0011, 0.0]]), edges=(0.002,))[0]
    SizeBin(low=0.0, high=0.002, objects=2, recall=0.5, coverage=0.25)
    """
    bounds = (0.0, *edges, 1.0)
    bin_ids = np.digitize(objects[:, 1], edges)
    bins = []
    for k, (low, high) in enumerate(pairwise(bounds)):
        coverage = objects[bin_ids == k, 2]
        mean, recall = (coverage.mean(), (coverage >= FOUND).mean()) if len(coverage) else (np.nan, np.nan)
        bins.append(SizeBin(low, high, len(coverage), float(recall), float(mean)))
    return tuple(bins)


def boundary(ids: Integer[ndarray, "h w"], width: int) -> Bool[ndarray, "h w"]:
    """Mark the pixels within `width` pixels (rows or columns) of another id or of the image's edge.

    Pixels of 255 are in no boundary, and being beside them does not count. All classes are computed at once:
    eroding a class by a square removes the pixels whose window holds a second id.

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
    """Return intersection and union, in pixels, of the boundaries of truth and prediction, by class.

    Boundary IoU is their ratio after summing over images. Pixels whose truth is 255 are ignored, whatever is
    predicted there.

    >>> square = np.zeros((5, 5), dtype=int)
    >>> square[1:4, 1:4] = 1
    >>> boundary_counts(square, square, classes=2)[:, 1].tolist()
    [8, 8]
    """
    width = max(1, round(width_share * float(np.hypot(*truth.shape))))
    prediction = np.where(truth == IGNORE, IGNORE, prediction)
    true, predicted = boundary(truth, width), boundary(prediction, width)
    both = true & predicted & (truth == prediction)
    n_true, n_predicted, n_both = (
        np.bincount(ids[where], minlength=classes)
        for ids, where in ((truth, true), (prediction, predicted), (truth, both))
    )
    return np.stack([n_both, n_true + n_predicted - n_both])


def near_half_counts(
    probabilities: Float[Tensor, "n c *size"], truth: Integer[Tensor, "n *size"], margin: float = 0.1
) -> Int64[ndarray, "n 4"]:
    """Count, for each image: uncertain pixels, those that are wrong, all other pixels, those that are wrong.

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
    """Return the rates from sums of `near_half_counts` over images; NaN for 0/0."""
    near, near_wrong, far, far_wrong = sums
    return NearHalf(
        *(float(ratio(*parts)) for parts in ((near, near + far), (near_wrong, near), (far_wrong, far)))
    )


class ErrorCounts:
    """Accumulate all errors of this module batch by batch; `result` names them as in `Scores`."""

    def __init__(self, classes: int):
        self.classes = classes
        self.near_half: list[ndarray] = []
        self.boundaries: list[ndarray] = []
        self.objects: list[ndarray] = []

    def add(self, probabilities: Float[Tensor, "n c h w"], truth: Integer[Tensor, "n h w"]) -> None:
        """Add a batch: probabilities that sum to 1 over dimension 1, and true class ids with 255 = ignore."""
        self.near_half += list(near_half_counts(probabilities, truth))
        predictions = probabilities.argmax(1).cpu().numpy()
        for prediction, mask in zip(predictions, truth.cpu().numpy(), strict=True):
            self.boundaries.append(boundary_counts(prediction, mask, self.classes))
            self.objects.append(object_coverage(prediction, mask, self.classes))

    def per_image(self) -> Int64[ndarray, "n f"]:
        """Return counts of each image, which add up over images; `error_rates` turns sums into rates.

        Columns: objects by size, found objects by size, `near_half_counts`, `boundary_counts`.
        """
        return np.array(
            [
                [*_count_by_size(objects).ravel(), *near, *boundaries.ravel()]
                for objects, near, boundaries in zip(
                    self.objects, self.near_half, self.boundaries, strict=True
                )
            ],
            dtype=np.int64,
        )

    def result(self) -> dict[str, object]:
        """Return `boundary_iou` by class (NaN without a boundary), `objects` by size, and `near_half`."""
        return {
            "boundary_iou": tuple(ratio(*np.sum(self.boundaries, axis=0)).tolist()),
            "objects": size_bins(np.concatenate(self.objects)),
            "near_half": near_half(np.sum(self.near_half, axis=0)),
        }


def _count_by_size(objects: Float[ndarray, "objects 3"]) -> Int64[ndarray, "2 bins"]:
    """Count the objects of each size, and those of them that are found."""
    bin_ids, is_found = np.digitize(objects[:, 1], AREA_EDGES), objects[:, 2] >= FOUND
    bins = len(AREA_EDGES) + 1
    return np.stack([np.bincount(ids, minlength=bins) for ids in (bin_ids, bin_ids[is_found])])
