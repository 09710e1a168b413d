"""Losses on logits: pure functions, a registry of their names, and `create_loss`.

Every function takes logits `b classes ...` and targets `b ...`: `b h w` for masks, `b` for labels of images.
Targets equal to `ignore_index` are ignored; if all are, the loss is 0 with a gradient of 0. Losses are
computed in float32 or wider, under autocast too. `class_weights` (`classes`) are relative: scaling all of
them changes nothing.

Sources: Dice as in V-Net (Milletari et al., 2016) without its squares, over the whole batch; focal loss:
Lin et al., 2017, over the softmax, not one-against-rest; Lovász-softmax: Berman et al., 2018, over the
classes present in the batch.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from foveate.data.pixels.masks import IGNORE
from foveate.errors import UserError, choose
from foveate.specs.training import LOSSES

LossFunction = Callable[..., Tensor]
_LOSSES: dict[str, LossFunction] = {}
_FOR_LABELS: set[str] = set()


def loss(name: str, labels: bool = False) -> Callable[[LossFunction], LossFunction]:
    """Register a loss function under a name. labels: it also suits one label per image."""

    def register(function: LossFunction) -> LossFunction:
        if name not in LOSSES:
            raise ValueError(f"the loss '{name}' is not named in foveate.specs.training.LOSSES")
        if name in _LOSSES:
            raise ValueError(f"the loss '{name}' is registered twice")
        _LOSSES[name] = function
        if labels:
            _FOR_LABELS.add(name)
        return function

    return register


@loss("ce", labels=True)
def cross_entropy(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Mean over pixels of -log p of the true class, each pixel weighted by its class.

    >>> cross_entropy(torch.zeros(1, 2, 3), torch.tensor([[0, 1, 255]]))
    tensor(0.6931)
    """
    logits = _widen(logits)
    total = F.cross_entropy(
        logits,
        target,
        class_weights,
        ignore_index=ignore_index,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return total / _floor(_pixel_weights(target, ignore_index, class_weights, logits.dtype).sum())


@loss("dice")
def dice(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """1 - Dice of the softmax probabilities: sums over the batch, mean over the classes that occur in it.

    >>> sure = 50 * torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> dice(sure, torch.tensor([[0, 1]]))
    tensor(0.)
    """
    probabilities = _widen(logits).softmax(1)
    truth = _one_hot(target, logits.shape[1])
    valid = (target != ignore_index).unsqueeze(1)
    space = (0, *range(2, logits.ndim))
    overlap = (probabilities * truth).sum(space)
    predicted = (probabilities * valid).sum(space)
    true = truth.sum(space).to(overlap.dtype)
    score = 2 * overlap / _floor(predicted + true)
    return _mean_over_present(1 - score, true > 0, class_weights)


@loss("dice_ce")
def dice_ce(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """(1 - Dice) + cross entropy."""
    return dice(logits, target, ignore_index, class_weights) + cross_entropy(
        logits, target, ignore_index, class_weights, label_smoothing
    )


@loss("bce", labels=True)
def binary_cross_entropy(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """Binary cross entropy of each class against the rest: mean over pixels, weighted mean over classes."""
    logits = _widen(logits)
    truth = _one_hot(target, logits.shape[1]).to(logits.dtype)
    valid = (target != ignore_index).unsqueeze(1)
    losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * valid
    by_class = losses.sum((0, *range(2, logits.ndim))) / _floor(valid.sum().to(logits.dtype))
    if class_weights is None:
        return by_class.mean()
    return (by_class * class_weights).sum() / _floor(class_weights.sum())


@loss("focal", labels=True)
def focal(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
    gamma: float = 2.0,
) -> Float[Tensor, ""]:
    """Cross entropy with weight (1 - p)^gamma for a pixel whose true class has probability p.

    >>> focal(torch.zeros(1, 2, 1), torch.tensor([[0]]), gamma=1.0)
    tensor(0.3466)
    """
    logits = _widen(logits)
    nll = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")
    # 1 - p as -expm1(log p) is exact and has a finite gradient where p is nearly 1.
    losses = (-torch.expm1(-nll)).clamp_min(1e-12) ** gamma * nll
    weights = _pixel_weights(target, ignore_index, class_weights, logits.dtype)
    return (losses * weights).sum() / _floor(weights.sum())


@loss("lovasz")
def lovasz(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """Lovász-softmax, the convex extension of 1 - IoU: over the batch, mean over its classes."""
    probabilities = rearrange(_widen(logits).softmax(1), "b classes ... -> classes (b ...)")
    flat = rearrange(target, "b ... -> (b ...)")
    valid = flat != ignore_index
    truth = flat[valid] == torch.arange(len(probabilities), device=flat.device).unsqueeze(1)
    errors, order = (truth.to(probabilities.dtype) - probabilities[:, valid]).abs().sort(1, descending=True)
    slopes = _jaccard_slopes(truth.gather(1, order))
    by_class = (errors * slopes.to(errors.dtype)).sum(1)
    return _mean_over_present(by_class, truth.any(1), class_weights)


@loss("ce_lovasz")
def ce_lovasz(
    logits: Float[Tensor, "b classes *space"],
    target: Int[Tensor, "b *space"],
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Cross entropy + Lovász-softmax."""
    return lovasz(logits, target, ignore_index, class_weights) + cross_entropy(
        logits, target, ignore_index, class_weights, label_smoothing
    )


def loss_names(task: str = "segmentation") -> tuple[str, ...]:
    """Return the names that `create_loss` knows for "segmentation" or "classification".

    >>> loss_names("classification")
    ('bce', 'ce', 'focal')
    """
    return tuple(sorted(_LOSSES if task == "segmentation" else _FOR_LABELS))


class Loss(nn.Module):
    """A loss function with its settings: `loss(logits, target)` is a scalar."""

    class_weights: Tensor | None

    def __init__(
        self, function: LossFunction, ignore_index: int, class_weights: Tensor | None, **options: float
    ):
        super().__init__()
        self.function = function
        self.ignore_index = ignore_index
        self.options = options
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(
        self, logits: Float[Tensor, "b classes *space"], target: Int[Tensor, "b *space"]
    ) -> Float[Tensor, ""]:
        return self.function(logits, target, self.ignore_index, self.class_weights, **self.options)


def create_loss(
    name: str,
    classes: int,
    ignore_index: int = IGNORE,
    class_weights: Float[Tensor, " classes"] | None = None,
    label_smoothing: float = 0.0,
) -> Loss:
    """Return the loss with that name.

    Raises `UserError` for an unknown name, a wrong number of class weights, or label smoothing of a loss
    without cross entropy.

    >>> create_loss("dice_ce", classes=3)(torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), 255))
    tensor(0.)
    """
    function = _LOSSES[choose(name, _LOSSES, "loss")]
    if class_weights is not None and class_weights.shape != (classes,):
        raise UserError(
            f"{class_weights.numel()} class weights for {classes} classes; give one for each class"
        )
    if not label_smoothing:
        return Loss(function, ignore_index, class_weights)
    if "ce" not in name.split("_"):
        raise UserError(f"label_smoothing is for cross entropy; the loss '{name}' has none: set it to 0")
    return Loss(function, ignore_index, class_weights, label_smoothing=label_smoothing)


def _widen(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _floor(amount: Tensor) -> Tensor:
    """Clamp a divisor above 0: then 0 / 0 is 0 with a gradient of 0."""
    return amount.clamp_min(torch.finfo(amount.dtype).tiny)


def _one_hot(target: Int[Tensor, "b *space"], classes: int) -> Bool[Tensor, "b classes *space"]:
    """Return True where a pixel has the class; ignored pixels have none."""
    ids = torch.arange(classes, device=target.device)
    return target.unsqueeze(1) == ids.view(-1, *[1] * (target.ndim - 1))


def _pixel_weights(
    target: Int[Tensor, "b *space"], ignore_index: int, class_weights: Tensor | None, dtype: torch.dtype
) -> Float[Tensor, "b *space"]:
    valid = target != ignore_index
    if class_weights is None:
        return valid.to(dtype)
    return class_weights.to(dtype)[torch.where(valid, target, 0)] * valid


def _mean_over_present(
    by_class: Float[Tensor, " classes"], present: Bool[Tensor, " classes"], class_weights: Tensor | None
) -> Float[Tensor, ""]:
    weights = present.to(by_class.dtype)
    if class_weights is not None:
        weights = weights * class_weights
    return (by_class * weights).sum() / _floor(weights.sum())


def _jaccard_slopes(truth: Bool[Tensor, "classes n"]) -> Float[Tensor, "classes n"]:
    """Return the increase of 1 - IoU with each further wrong pixel, in order (Berman et al., algorithm 1)."""
    total = truth.sum(1, keepdim=True)
    missed = truth.cumsum(1)
    intersection = total - missed
    union = total + (~truth).cumsum(1)
    jaccard = 1 - intersection.double() / union
    return torch.diff(jaccard, dim=1, prepend=jaccard.new_zeros(len(jaccard), 1))
