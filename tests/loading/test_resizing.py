from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.loading.resizing import resize_image, resize_mask

SIZES = [(24, 32), (45, 60), (91, 77), (7, 200)]


@pytest.mark.parametrize("size", SIZES)
def test_images_are_those_of_pillow_within_a_grey_level(make, size):
    photo = make.photo(0, (60, 90))
    expected = np.asarray(Image.fromarray(photo).resize(size[::-1], Image.Resampling.BILINEAR))
    resized = resize_image(torch.from_numpy(photo.copy()).movedim(-1, 0), size).movedim(0, -1).numpy()
    assert np.abs(resized.astype(int) - expected).max() <= 1
    assert (resized != expected).mean() < 0.01


@pytest.mark.parametrize("size", SIZES)
def test_a_pixel_of_a_mask_is_the_one_its_centre_falls_into(make, size):
    mask = make.photo(1, (60, 90))[..., 0].copy()
    centres = [[Fraction(2 * i + 1, 2 * out) for i in range(out)] for out in size]
    rows, columns = ([int(c * side) for c in axis] for axis, side in zip(centres, mask.shape, strict=True))
    assert np.array_equal(resize_mask(torch.from_numpy(mask), size).numpy(), mask[np.ix_(rows, columns)])
