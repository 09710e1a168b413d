import math

import pytest
import segmentation_models_pytorch as smp
import torch

from foveate.errors import UserError
from foveate.training.class_weights import class_weights
from foveate.training.losses import create_loss, focal, loss_names

CLASSES = 4
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and targets 2 x 5 x 6 with ignored pixels, in which class 3 does not occur."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, CLASSES, 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 3, (2, 5, 6), generator=generator)
    target[0, 1, 2:5] = 255
    target[1, 4, 0] = 255
    return logits, target


def pixels(logits, target):
    """Yield (list of C logits, class) of each pixel that is not ignored."""
    for b in range(len(target)):
        for y in range(target.shape[1]):
            for x in range(target.shape[2]):
                if target[b, y, x] != 255:
                    yield logits[b, :, y, x].tolist(), int(target[b, y, x])


def softmax(values):
    exponentials = [math.exp(v) for v in values]
    return [e / sum(exponentials) for e in exponentials]


def naive_ce(logits, target, weights, smoothing=0.0):
    total = norm = 0.0
    for values, k in pixels(logits, target):
        logs = [math.log(p) for p in softmax(values)]
        total -= (1 - smoothing) * weights[k] * logs[k]
        total -= smoothing / CLASSES * sum(w * v for w, v in zip(weights, logs, strict=True))
        norm += weights[k]
    return total / norm


def naive_dice(logits, target, weights):
    scores, present = [], []
    for k in range(CLASSES):
        overlap = predicted = true = 0.0
        for values, truth in pixels(logits, target):
            p = softmax(values)[k]
            predicted += p
            overlap += p * (truth == k)
            true += truth == k
        if true:
            scores.append((1 - 2 * overlap / (predicted + true)) * weights[k])
            present.append(weights[k])
    return sum(scores) / sum(present)


def naive_bce(logits, target, weights):
    total = norm = 0.0
    for values, truth in pixels(logits, target):
        for k, value in enumerate(values):
            p = 1 / (1 + math.exp(-value))
            total -= weights[k] * math.log(p if k == truth else 1 - p)
            norm += weights[k]
    return total / norm


def naive_focal(logits, target, weights):
    total = norm = 0.0
    for values, k in pixels(logits, target):
        p = softmax(values)[k]
        total -= weights[k] * (1 - p) ** 2 * math.log(p)
        norm += weights[k]
    return total / norm


def naive_lovasz(logits, target, weights):
    """Sum of error times the rise of 1 - IoU when the pixels turn wrong one by one, the worst first."""
    points = [(softmax(values), truth) for values, truth in pixels(logits, target)]
    losses, present = [], []
    for k in range(CLASSES):
        errors = sorted(((abs((t == k) - p[k]), t == k) for p, t in points), key=lambda e: -e[0])
        true = sum(is_k for _, is_k in errors)
        if not true:
            continue
        before, total, missed, extra = 0.0, 0.0, 0, 0
        for error, is_k in errors:
            missed, extra = missed + is_k, extra + (not is_k)
            after = 1 - (true - missed) / (true + extra)
            total += error * (after - before)
            before = after
        losses.append(total * weights[k])
        present.append(weights[k])
    return sum(losses) / sum(present)


NAIVE = {
    "ce": naive_ce,
    "dice": naive_dice,
    "dice_ce": lambda *a: naive_dice(*a) + naive_ce(*a),
    "bce": naive_bce,
    "focal": naive_focal,
    "lovasz": naive_lovasz,
    "ce_lovasz": lambda *a: naive_lovasz(*a) + naive_ce(*a),
}


def test_every_loss_has_a_naive_version():
    assert set(NAIVE) == set(loss_names())


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", sorted(NAIVE))
def test_agrees_with_loops_over_pixels(name, weights, batch):
    value = create_loss(name, CLASSES, class_weights=weights)(*batch)
    expected = NAIVE[name](*batch, [1.0] * CLASSES if weights is None else weights.tolist())
    assert value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", sorted(NAIVE))
def test_gradient_agrees_with_finite_differences(name, batch):
    logits, target = batch
    loss = create_loss(name, CLASSES, class_weights=WEIGHTS)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, target[:, :2, :2]), logits[:, :, :2, :2].clone().requires_grad_()
    )


def test_label_smoothing_agrees_with_loops(batch):
    value = create_loss("ce", CLASSES, class_weights=WEIGHTS, label_smoothing=0.1)(*batch)
    assert value.item() == pytest.approx(naive_ce(*batch, WEIGHTS.tolist(), 0.1), rel=1e-12)


def test_agrees_with_segmentation_models_pytorch(batch):
    logits, target = batch[0].float(), batch[1]
    theirs = smp.losses.LovaszLoss("multiclass", ignore_index=255)(logits, target)
    assert create_loss("lovasz", CLASSES)(logits, target).item() == pytest.approx(theirs.item(), abs=1e-6)
    # Its Dice divides by all classes, also by those that do not occur: here 3 of 4 do.
    theirs = smp.losses.DiceLoss("multiclass", ignore_index=255)(logits, target) * 4 / 3
    assert create_loss("dice", CLASSES)(logits, target).item() == pytest.approx(theirs.item(), abs=1e-6)


def test_focal_without_focus_is_cross_entropy(batch):
    assert focal(*batch, gamma=0.0).item() == pytest.approx(create_loss("ce", CLASSES)(*batch).item())


@pytest.mark.parametrize("name", sorted(NAIVE))
def test_wholly_ignored_batch_is_zero_with_a_gradient_of_zero(name, batch):
    logits = batch[0].float().requires_grad_()
    value = create_loss(name, CLASSES, class_weights=WEIGHTS.float())(logits, torch.full((2, 5, 6), 255))
    value.backward()
    assert value.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", sorted(NAIVE))
def test_ignored_pixels_do_not_count(name, batch):
    logits, target = batch
    loss = create_loss(name, CLASSES)
    changed = torch.where((target == 255).unsqueeze(1), -7.0, logits)
    assert loss(logits, target).item() == pytest.approx(loss(changed, target).item(), rel=1e-12)


@pytest.mark.parametrize("name", sorted(NAIVE))
def test_works_in_float32_under_bf16(name, batch):
    logits = batch[0].bfloat16()
    loss = create_loss(name, CLASSES, class_weights=WEIGHTS.float())
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(logits, batch[1])
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(logits.float(), batch[1]))


@pytest.mark.parametrize("name", sorted(NAIVE))
def test_extreme_logits_have_a_finite_gradient(name):
    target = torch.tensor([[[0, 1]]])
    right = 200 * torch.nn.functional.one_hot(target, 2).permute(0, 3, 1, 2).float()
    for logits in (right, -right):
        logits = logits.clone().requires_grad_()
        create_loss(name, 2)(logits, target).backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", loss_names("classification"))
def test_labels_are_masks_without_pixels(name, batch):
    logits, target = batch
    as_labels = create_loss(name, CLASSES)(logits[:, :, 2, 1], target[:, 2, 1])
    as_masks = create_loss(name, CLASSES)(logits[:, :, 2:3, 1:2], target[:, 2:3, 1:2])
    assert as_labels.item() == pytest.approx(as_masks.item(), rel=1e-12)


def test_wrong_arguments_raise():
    with pytest.raises(UserError, match="unknown loss 'dice_ec'; did you mean 'dice_ce'"):
        create_loss("dice_ec", 3)
    with pytest.raises(UserError, match="2 class weights for 3 classes; give one for each class"):
        create_loss("ce", 3, class_weights=torch.ones(2))
    with pytest.raises(UserError, match="the loss 'lovasz' has none: set it to 0"):
        create_loss("lovasz", 3, label_smoothing=0.1)


def test_class_weights_by_hand():
    counts = torch.tensor([[80, 20, 0], [60, 20, 20]])  # shares 0.7, 0.2, 0.1
    cases = {
        "inverse_sqrt": [0.7**-0.5, 0.2**-0.5, 0.1**-0.5],
        "enet": [1 / math.log(1.72), 1 / math.log(1.22), 1 / math.log(1.12)],
        "median": [0.2 / 0.7, 0.2 / 0.2, 0.2 / 0.2],  # class 2 is 20 of the 100 pixels where it shows
    }
    for scheme, expected in cases.items():
        mean = sum(expected) / 3
        assert class_weights(counts, scheme).tolist() == pytest.approx([e / mean for e in expected])


def test_unknown_class_weighting_raises():
    with pytest.raises(UserError, match="unknown class weighting 'median_freq'; did you mean 'median'"):
        class_weights(torch.ones(1, 2, dtype=torch.int64), "median_freq")
