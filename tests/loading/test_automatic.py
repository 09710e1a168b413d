import pytest
import torch
from torchvision.transforms.v2 import RandAugment, TrivialAugmentWide

from foveate.loading.automatic import operate
from foveate.loading.transforms import PAD
from foveate.specs.augmentation import Policy

RAND, TRIVIAL = Policy(automatic="randaugment"), Policy(automatic="trivialaugment")


def pair():
    """A mask of 4 classes, and an image whose channels are 60 times the class."""
    mask = torch.zeros(24, 32, dtype=torch.uint8)
    mask[12:] += 1
    mask[:, 16:] += 2
    return (mask * 60).repeat(3, 1, 1), mask


@pytest.mark.parametrize(
    ("policy", "theirs"),
    [(RAND, RandAugment(fill=list(PAD))), (TRIVIAL, TrivialAugmentWide(fill=list(PAD)))],
)
def test_images_are_torchvisions(policy, theirs, monkeypatch):
    image, mask = pair()
    monkeypatch.setattr("foveate.loading.automatic.generator_seed", lambda seed: seed[2])
    for number in range(12):
        ours, _ = operate(policy, image, mask, (0, 0, number), PAD)
        torch.manual_seed(number)
        assert torch.equal(ours, theirs(image))


@pytest.mark.parametrize("policy", [RAND, TRIVIAL])
def test_masks_move_with_the_image_and_keep_their_classes(policy):
    image, mask = pair()
    moved = 0
    for number in range(40):
        _, truth = operate(policy, image, mask, (0, 0, number), PAD)
        assert set(truth.unique().tolist()) <= {0, 1, 2, 3, 255}
        moved += not torch.equal(truth, mask)
    assert 10 < moved < 40, "some operations move pixels, others change colours alone"


def test_every_movement_keeps_image_and_mask_aligned():
    image, mask = pair()
    for number in range(60):
        policy = Policy(automatic="randaugment", magnitude=number % 31)
        shown, truth = operate(policy, image, mask, (1, 2, number), PAD)
        inside = truth != 255
        # Within a class, all pixels have one colour, whatever became of it.
        for value in truth[inside].unique():
            colours = shown[0][truth == value].float()
            assert (colours - colours.median()).abs().gt(25).float().mean() < 0.25


def test_operations_depend_on_the_seed_alone():
    image, mask = pair()
    torch.manual_seed(1)
    one = operate(RAND, image, mask, (3, 1, 4), PAD)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    other = operate(RAND, image, mask, (3, 1, 4), PAD)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(torch.get_rng_state(), before), (
        "PyTorch's own generator goes on as if nothing was drawn"
    )
    seen = {operate(RAND, image, mask, (3, 1, number), PAD)[0].sum().item() for number in range(8)}
    assert len(seen) > 4
