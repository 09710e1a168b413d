from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from foveate.errors import DataError
from foveate.loading.transforms import PAD, Augmentation, Draws, change_color
from foveate.specs.augmentation import Policy


def pair(size=(24, 32)):
    """A mask of class 0 to 3 by quarter, and an image whose red channel is 60 times the class."""
    mask = torch.zeros(size, dtype=torch.uint8)
    mask[size[0] // 2 :] += 1
    mask[:, size[1] // 2 :] += 2
    return torch.stack([mask * 60, mask * 0, 255 - mask]), mask


def test_brightness_alone_scales_all_channels_alike():
    image = torch.tensor([40, 80, 120], dtype=torch.uint8)[:, None, None].expand(3, 6, 6).clone()
    draws = Draws.at(seed=0, epoch=0, index=0)
    out, _ = Augmentation((6, 6), Policy(brightness=0.5))(image, None, draws)
    factor = 1 + 0.5 * draws.color[0]
    torch.testing.assert_close(out, factor * image / 255)
    both, _ = Augmentation((6, 6), Policy(brightness=0.5, color=0.1))(image, None, draws)
    assert not torch.allclose(both, out)


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
    out, truth = Augmentation((24, 32), Policy())(image, mask, Draws.at(0, 0, 0))
    assert torch.equal(out, image / 255)
    assert torch.equal(truth, mask)


def test_image_and_mask_stay_aligned():
    image, mask = pair((60, 80))
    augment = Augmentation((30, 40), Policy((0.4, 2.5), flip=0.5))
    for index in range(50):
        out, truth = augment(image, mask, Draws.at(0, 0, index))
        assert out.shape == (3, 30, 40)
        assert truth.shape == (30, 40)
        inside = truth != 255
        off = (out[0] * 255 - truth * 60).abs()[inside] > 31
        assert off.float().mean() < 0.12, "beyond the blurred class borders, image and mask disagree"


def test_class_ids_are_never_blended():
    image, mask = pair((60, 80))
    augment = Augmentation((37, 41), Policy((0.4, 2.5), flip=0.5, color=0.2))
    seen = {int(v) for i in range(20) for v in augment(image, mask * 50, Draws.at(0, 0, i))[1].unique()}
    assert seen == {0, 50, 100, 150, 255}


def test_masks_are_sampled_at_pixel_centres_as_the_image_is():
    image, _ = pair()
    mask = torch.arange(24 * 32).remainder(251).to(torch.uint8).reshape(24, 32)
    augment = Augmentation((12, 16), Policy((1, 1)))
    _, truth = augment(image, mask, Draws.at(0, 0, 0))
    assert torch.equal(truth, mask[1::2, 1::2]), "the whole image, at half its size"


def test_a_window_larger_than_the_image_is_padded_with_the_mean_colour_and_ignored():
    image, mask = pair()
    augment = Augmentation((24, 32), Policy((0.5, 0.5)))
    out, truth = augment(image, mask, Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0)))
    assert (truth[12:] == 255).all()
    assert (truth[:12, :16] != 255).all()
    assert torch.allclose(out[:, -1, -1], torch.tensor(PAD) / 255, atol=1e-3)


@pytest.mark.parametrize("top", [0.0, 0.5, 0.999, 1.0])
def test_a_tiny_image_keeps_at_least_one_pixel(top):
    image, mask = torch.full((3, 1, 1), 9, dtype=torch.uint8), torch.ones(1, 1, dtype=torch.uint8)
    augment = Augmentation((5, 7), Policy((0.05, 0.05)))
    out, truth = augment(image, mask, Draws(0.5, top, top, 1.0, (0.0, 0.0, 0.0)))
    assert int((truth == 1).sum()) == 1
    assert torch.equal(out[0] == 9 / 255, truth == 1)


def test_a_crop_is_a_part_of_the_image_where_the_draws_say():
    image, mask = pair()
    augment = Augmentation((8, 8), Policy((3, 3)))
    out, truth = augment(image, mask, Draws(0.3, 1.0, 0.0, 0.9, (0.0, 0.0, 0.0)))
    assert torch.equal(truth, mask[16:, :8])
    assert torch.equal(out, image[:, 16:, :8] / 255)


@pytest.mark.parametrize(("size", "rows", "columns"), [((12, 12), 24, 24), ((6, 16), 12, 32)])
def test_at_scale_1_the_image_just_covers_a_window_of_another_shape(size, rows, columns):
    image, _ = pair()
    mask = torch.arange(24 * 32).remainder(251).to(torch.uint8).reshape(24, 32)
    augment = Augmentation(size, Policy((1, 1)))
    _, truth = augment(image, mask, Draws(0.5, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0)))
    assert torch.equal(truth, mask[1:rows:2, 1:columns:2])


def test_a_horizontal_flip_flips_image_and_mask():
    image, mask = pair()
    draws = Draws(0.0, 0.0, 0.0, 0.4, (0.0, 0.0, 0.0))
    out, truth = Augmentation((24, 32), Policy(flip=0.5))(image, mask, draws)
    assert torch.equal(truth, mask.flip(-1))
    assert torch.equal(out, image.flip(-1) / 255)


def test_a_vertical_flip_flips_image_and_mask():
    image, mask = pair()
    draws = Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0), flip_vertical=0.4)
    out, truth = Augmentation((24, 32), Policy(flip_vertical=0.5))(image, mask, draws)
    assert torch.equal(truth, mask.flip(-2))
    assert torch.equal(out, image.flip(-2) / 255)


@pytest.mark.parametrize("options", [{"rotation": 25.0}, {"shear": 15.0}, {"rotation": 180.0, "shear": 10.0}])
def test_rotated_and_sheared_image_and_mask_stay_aligned(options):
    image, mask = pair((60, 80))
    policy = Policy((0.4, 2.5), flip=0.5, flip_vertical=0.5)
    augment, plain = (Augmentation((30, 40), each) for each in (replace(policy, **options), policy))
    for index in range(30):
        draws = Draws.at(0, 0, index)
        out, truth = augment(image, mask, draws)
        assert out.shape == (3, 30, 40)
        off = (out[0] * 255 - truth * 60).abs()[truth != 255] > 31
        assert off.float().mean() < 0.2, "beyond the blurred class borders, image and mask disagree"
        assert not torch.equal(out, plain(image, mask, draws)[0])


def test_a_rotation_by_0_is_the_window_itself():
    image, mask = pair((60, 80))
    turned, plain = (Augmentation((30, 40), Policy((2, 2), rotation=angle)) for angle in (40.0, 0.0))
    still = Draws(0.3, 0.2, 0.9, 1.0, (0.0, 0.0, 0.0), rotation=0.0)
    for a, b in zip(turned(image, mask, still), plain(image, mask, still), strict=True):
        assert torch.equal(a, b)


def test_colour_changes_equal_torchvisions_without_its_rounding():
    image = torch.randint(60, 180, (3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ours = change_color(image, 1.15, 0.9, 1.1)
    theirs = F.adjust_saturation(F.adjust_contrast(F.adjust_brightness(image / 255, 1.15), 0.9), 1.1)
    assert torch.allclose(ours, theirs, atol=2e-3)
    assert not torch.allclose(ours, image / 255, atol=2e-2)


def test_a_shift_moves_by_a_share_of_the_crop_and_fills_with_the_nearest_pixels():
    image, mask = pair()
    draws = Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0), shift=(1.0, -1.0))
    out, truth = Augmentation((24, 32), Policy(shift=0.25, fill="nearest"))(image, mask, draws)
    rows, columns = torch.arange(6, 30).clamp(0, 23), torch.arange(-8, 24).clamp(0, 31)
    assert torch.equal(truth, mask[rows[:, None], columns])
    assert torch.equal(out * 255, image[:, rows[:, None], columns].float())
    _, truth = Augmentation((24, 32), Policy(shift=0.25))(image, mask, draws)
    assert (truth[18:] == 255).all()
    assert (truth[:, :8] == 255).all()


def test_a_zoom_changes_height_and_width_each_by_itself():
    image, _ = pair()
    mask = torch.arange(24 * 32).remainder(251).to(torch.uint8).reshape(24, 32)
    draws = Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0), zoom=(1.0, -1.0))
    _, truth = Augmentation((36, 16), Policy(zoom=0.5, scale=(0.5, 0.5)))(image, mask, draws)
    assert truth.shape == (36, 16)
    _, truth = Augmentation((24, 32), Policy(zoom=0.5))(image, mask, draws)
    assert torch.equal((truth != 255).sum(0), torch.full((32,), 16)), "36 rows are shown in 24"
    assert truth[4].tolist() == mask[0, 8:24].repeat_interleave(2).tolist()


@pytest.mark.parametrize("scale", [(0.05, 0.05), (1, 1), (20, 20)])
@pytest.mark.parametrize("fill", ["mean", "nearest"])
def test_the_largest_shift_leaves_a_pixel_in_sight(scale, fill):
    image, mask = pair()
    augment = Augmentation((12, 16), Policy(scale, shift=0.99, zoom=0.99, fill=fill))
    for place, shift in ((0.0, -1.0), (1.0, 1.0)):
        draws = Draws(0.0, place, place, 1.0, (0.0, 0.0, 0.0), shift=(shift, shift), zoom=(-1.0, 1.0))
        assert (augment(image, mask, draws)[1] != 255).any()


def test_rotation_fills_with_the_nearest_pixels_where_asked():
    image, mask = torch.full((3, 9, 9), 70, dtype=torch.uint8), torch.full((9, 9), 4, dtype=torch.uint8)
    augment = Augmentation((9, 9), Policy(rotation=45.0, fill="nearest"))
    out, truth = augment(image, mask, Draws(0.0, 0.0, 0.0, 1.0, (0.0, 0.0, 0.0), rotation=1.0))
    assert (truth == 4).all()
    assert torch.allclose(out, torch.tensor(70 / 255))


def test_float_images_of_any_channels_keep_their_values():
    bands = torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(0))
    out, _ = Augmentation((8, 8), Policy(color=0.5), mean=(0.0,) * 5)(bands, None, Draws.at(0, 0, 0))
    assert torch.equal(out, bands)


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
        ({"brightness": -0.1}, "brightness -0.1 is a relative change"),
        ({"shift": 1.0}, r"shift 1.0 is a share; give a number from 0 \(off\) to below 1"),
        ({"zoom": float("nan")}, "zoom nan is a relative change"),
        ({"magnitude": 31}, "magnitude 31 is a strength; give a number from 0 to 30"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(DataError, match=words):
        Policy(**options)
