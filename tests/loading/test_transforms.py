import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from foveate.errors import DataError
from foveate.loading.transforms import PAD, Augmentation, Draws, change_color


def pair(size=(24, 32)):
    """A mask of class 0 to 3 by quarter, and an image whose red channel is 60 times the class."""
    mask = torch.zeros(size, dtype=torch.uint8)
    mask[size[0] // 2 :] += 1
    mask[:, size[1] // 2 :] += 2
    return torch.stack([mask * 60, mask * 0, 255 - mask]), mask


def test_draws_depend_on_seed_epoch_and_index_alone():
    torch.manual_seed(1)
    first = Draws.at(3, 4, 5)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert Draws.at(3, 4, 5) == first
    others = {Draws.at(0, 4, 5), Draws.at(3, 0, 5), Draws.at(3, 4, 0), Draws.at(4, 3, 5), first}
    assert len(others) == 5


def test_added_draws_do_not_change_earlier_ones():
    draws = Draws.at(3, 4, 5)
    scale, top, left, flip, *color = np.random.default_rng((3, 4, 5)).random(7)
    assert (draws.scale, draws.top, draws.left, draws.flip) == (scale, top, left, flip)
    assert draws.color == tuple(2 * value - 1 for value in color)
    many = [Draws.at(0, 0, index) for index in range(200)]
    for low, values in (
        (-1, [d.rotation for d in many]),
        (-1, [d.shear for d in many]),
        (0, [d.flip_vertical for d in many]),
    ):
        assert low <= min(values) < low + 0.1
        assert 0.9 < max(values) < 1


def test_an_augmentation_that_is_off_only_converts():
    image, mask = pair()
    out, truth = Augmentation((24, 32), (1, 1), flip=0, color=0)(image, mask, Draws.at(0, 0, 0))
    assert torch.equal(out, image / 255)
    assert torch.equal(truth, mask)


def test_image_and_mask_stay_aligned():
    image, mask = pair((60, 80))
    augment = Augmentation((30, 40), (0.4, 2.5), flip=0.5, color=0)
    for index in range(50):
        out, truth = augment(image, mask, Draws.at(0, 0, index))
        assert out.shape == (3, 30, 40)
        assert truth.shape == (30, 40)
        inside = truth != 255
        off = (out[0] * 255 - truth * 60).abs()[inside] > 31
        assert off.float().mean() < 0.12, "beyond the blurred class borders, image and mask disagree"


def test_class_ids_are_never_blended():
    image, mask = pair((60, 80))
    augment = Augmentation((37, 41), (0.4, 2.5))
    seen = {int(v) for i in range(20) for v in augment(image, mask * 50, Draws.at(0, 0, i))[1].unique()}
    assert seen == {0, 50, 100, 150, 255}


def test_masks_are_sampled_at_pixel_centres_as_the_image_is():
    image, _ = pair()
    mask = torch.arange(24 * 32).remainder(251).to(torch.uint8).reshape(24, 32)
    augment = Augmentation((12, 16), (1, 1), flip=0, color=0)
    _, truth = augment(image, mask, Draws.at(0, 0, 0))
    assert torch.equal(truth, mask[1::2, 1::2]), "the whole image, at half its size"


def test_a_window_larger_than_the_image_is_padded_with_the_mean_colour_and_ignored():
    image, mask = pair()
    augment = Augmentation((24, 32), (0.5, 0.5), flip=0, color=0)
    out, truth = augment(image, mask, Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0)))
    assert (truth[12:] == 255).all()
    assert (truth[:12, :16] != 255).all()
    assert torch.allclose(out[:, -1, -1], torch.tensor(PAD) / 255, atol=1e-3)


@pytest.mark.parametrize("top", [0.0, 0.5, 0.999, 1.0])
def test_a_tiny_image_keeps_at_least_one_pixel(top):
    image, mask = torch.full((3, 1, 1), 9, dtype=torch.uint8), torch.ones(1, 1, dtype=torch.uint8)
    augment = Augmentation((5, 7), (0.05, 0.05), flip=0, color=0)
    out, truth = augment(image, mask, Draws(0.5, top, top, 1.0, (0.0, 0.0, 0.0)))
    assert int((truth == 1).sum()) == 1
    assert torch.equal(out[0] == 9 / 255, truth == 1)


def test_a_crop_is_a_part_of_the_image_where_the_draws_say():
    image, mask = pair()
    augment = Augmentation((8, 8), (3, 3), flip=0, color=0)
    out, truth = augment(image, mask, Draws(0.3, 1.0, 0.0, 0.9, (0.0, 0.0, 0.0)))
    assert torch.equal(truth, mask[16:, :8])
    assert torch.equal(out, image[:, 16:, :8] / 255)


@pytest.mark.parametrize(("size", "rows", "columns"), [((12, 12), 24, 24), ((6, 16), 12, 32)])
def test_at_scale_1_the_image_just_covers_a_window_of_another_shape(size, rows, columns):
    image, _ = pair()
    mask = torch.arange(24 * 32).remainder(251).to(torch.uint8).reshape(24, 32)
    augment = Augmentation(size, (1, 1), flip=0, color=0)
    _, truth = augment(image, mask, Draws(0.5, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0)))
    assert torch.equal(truth, mask[1:rows:2, 1:columns:2])


def test_a_horizontal_flip_flips_image_and_mask():
    image, mask = pair()
    draws = Draws(0.0, 0.0, 0.0, 0.4, (0.0, 0.0, 0.0))
    out, truth = Augmentation((24, 32), (1, 1), flip=0.5, color=0)(image, mask, draws)
    assert torch.equal(truth, mask.flip(-1))
    assert torch.equal(out, image.flip(-1) / 255)


def test_a_vertical_flip_flips_image_and_mask():
    image, mask = pair()
    draws = Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0), flip_vertical=0.4)
    out, truth = Augmentation((24, 32), (1, 1), color=0, flip_vertical=0.5)(image, mask, draws)
    assert torch.equal(truth, mask.flip(-2))
    assert torch.equal(out, image.flip(-2) / 255)


@pytest.mark.parametrize("options", [{"rotation": 25.0}, {"shear": 15.0}, {"rotation": 180.0, "shear": 10.0}])
def test_rotated_and_sheared_image_and_mask_stay_aligned(options):
    image, mask = pair((60, 80))
    augment = Augmentation((30, 40), (0.4, 2.5), flip=0.5, color=0, flip_vertical=0.5, **options)
    plain = Augmentation((30, 40), (0.4, 2.5), flip=0.5, color=0, flip_vertical=0.5)
    for index in range(30):
        draws = Draws.at(0, 0, index)
        out, truth = augment(image, mask, draws)
        assert out.shape == (3, 30, 40)
        off = (out[0] * 255 - truth * 60).abs()[truth != 255] > 31
        assert off.float().mean() < 0.2, "beyond the blurred class borders, image and mask disagree"
        assert not torch.equal(out, plain(image, mask, draws)[0])


def test_a_rotation_by_0_is_the_window_itself():
    image, mask = pair((60, 80))
    options = {"size": (30, 40), "scale": (2, 2), "flip": 0, "color": 0}
    turned, plain = Augmentation(**options, rotation=40.0), Augmentation(**options)
    still = Draws(0.3, 0.2, 0.9, 1.0, (0.0, 0.0, 0.0), rotation=0.0)
    for a, b in zip(turned(image, mask, still), plain(image, mask, still), strict=True):
        assert torch.equal(a, b)


def test_colour_changes_equal_torchvisions_without_its_rounding():
    image = torch.randint(60, 180, (3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ours = change_color(image, 1.15, 0.9, 1.1)
    theirs = F.adjust_saturation(F.adjust_contrast(F.adjust_brightness(image / 255, 1.15), 0.9), 1.1)
    assert torch.allclose(ours, theirs, atol=2e-3)
    assert not torch.allclose(ours, image / 255, atol=2e-2)


def test_labels_need_no_mask():
    image, _ = pair()
    out, truth = Augmentation((16, 16))(image, None, Draws.at(0, 0, 0))
    assert out.shape == (3, 16, 16)
    assert truth is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": (2, 1)}, "scale 2 to 1 must be positive and in order"),
        ({"scale": (0, 1)}, "scale 0 to 1 must be positive"),
        ({"scale": (1, float("inf"))}, "scale 1 to inf must be positive and in order"),
        ({"rotation": -5.0}, r"rotation -5.0 is an angle; give degrees from 0 \(off\) to 180"),
        ({"rotation": float("nan")}, "rotation nan is an angle"),
        ({"shear": 90.0}, "shear 90.0 is an angle; give degrees from 0 .* to below 90"),
        ({"flip_vertical": -0.5}, "flip_vertical -0.5 is a probability"),
        ({"flip": 1.5}, "flip 1.5 is a probability; give a number from 0 to 1"),
        ({"color": 1.0}, "color 1.0 is a relative change"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(DataError, match=words):
        Augmentation((8, 8), **options)
