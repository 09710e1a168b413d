import math

import numpy as np
import pytest
import torch

from foveate.loading.transforms import PAD
from foveate.loading.warp import Warp

FILL = 255


def naive(pixels, warp, fill, samples=(1, 1)):
    """Pixel by pixel in float64, from the definition of the forward map, inverted numerically: bilinear where
    `fill` is a colour, else the pixel that holds the point.
    """
    top, left, height, width = warp.window
    angle, slant = math.radians(warp.rotation), math.tan(math.radians(warp.shear))
    turn = np.array(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    )  # on (x, y), y down
    forward = turn @ np.array([[1.0, slant], [0.0, 1.0]])
    out = np.empty((*warp.size, *pixels.shape[2:]))

    def color(row, column):
        inside = 0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]
        return pixels[row, column].astype(float) if inside else np.array(fill, dtype=float)

    def look_up(x, y):
        if pixels.ndim == 2:
            return color(math.floor(y), math.floor(x))
        column, row = math.floor(x - 0.5), math.floor(y - 0.5)
        across, down = x - 0.5 - column, y - 0.5 - row
        upper = (1 - across) * color(row, column) + across * color(row, column + 1)
        lower = (1 - across) * color(row + 1, column) + across * color(row + 1, column + 1)
        return (1 - down) * upper + down * lower

    for i in range(warp.size[0]):
        for j in range(warp.size[1]):
            values = []
            for part in range(samples[0]):
                for other in range(samples[1]):
                    x = ((j + (other + 0.5) / samples[1]) / warp.size[1] - 0.5) * width
                    y = ((i + (part + 0.5) / samples[0]) / warp.size[0] - 0.5) * height
                    x, y = np.linalg.solve(forward, np.array([x, y]))
                    values.append(look_up(left + width / 2 + x, top + height / 2 + y))
            out[i, j] = np.mean(values, axis=0)
    return out


def picture(size=(13, 17)):
    return torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


CASES = [
    (Warp((2, 3, 8, 10), (8, 10), 30.0, 0.0), (1, 1)),
    (Warp((2, 3, 8, 10), (8, 10), 0.0, 20.0), (1, 1)),
    (Warp((-3, -2, 19, 22), (9, 10), -75.0, 12.0), (2, 2)),
    (Warp((1, 1, 4, 5), (11, 13), 170.0, -30.0), (1, 1)),
    (Warp((0, 0, 13, 17), (13, 4), 5.0, 0.0), (1, 4)),
    (Warp((0, 0, 12, 12), (6, 6), 0.0, 60.0), (4, 2)),
]


@pytest.mark.parametrize(("warp", "samples"), CASES)
def test_each_pixel_is_looked_up_where_it_came_from(warp, samples):
    image = picture()
    wanted = naive(image.permute(1, 2, 0).numpy(), warp, PAD, samples).transpose(2, 0, 1)
    assert np.abs(warp.image(image, PAD).numpy() - wanted).max() <= 0.5 + 1e-3  # rounded to whole numbers
    wanted = naive(image[0].numpy(), warp, FILL)
    assert np.array_equal(warp.mask(image[0], FILL).numpy(), wanted)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_right_angles_are_anticlockwise_and_exact(quarters):
    image = picture((12, 12))
    warp = Warp((0, 0, 12, 12), (12, 12), 90.0 * quarters, 0.0)
    assert torch.equal(warp.image(image, PAD), image.rot90(quarters, (1, 2)))
    assert torch.equal(warp.mask(image[1], FILL), image[1].rot90(quarters))


def test_shear_moves_lower_rows_to_the_right():
    mask = torch.zeros(9, 9, dtype=torch.uint8)
    mask[:, 4] = 1
    sheared = Warp((0, 0, 9, 9), (9, 9), 0.0, 45.0).mask(mask, FILL)
    assert torch.equal(sheared == 1, torch.eye(9, dtype=torch.bool))


def test_beyond_the_edge_is_the_fill():
    warp = Warp((-12, -12, 36, 36), (36, 36), 45.0, 0.0)
    image, mask = torch.full((3, 12, 12), 9, dtype=torch.uint8), torch.full((12, 12), 3, dtype=torch.uint8)
    out, truth = warp.image(image, PAD), warp.mask(mask, FILL)
    assert truth.unique().tolist() == [3, FILL]
    assert 120 < (truth == 3).sum() < 168, "as large as before, up to its jagged border"
    assert torch.equal(out[:, 0, 0], torch.tensor(PAD, dtype=torch.uint8))
    assert (out[:, 18, 18] == 9).all()


def test_a_smaller_image_is_smoothed():
    stripes = torch.zeros(3, 32, 32, dtype=torch.uint8)
    stripes[:, :, ::2] = 200
    out = Warp((0, 0, 32, 32), (8, 8), 1.0, 0.0).image(stripes, PAD)[:, 2:-2, 2:-2].float()
    assert (out - 100).abs().max() < 15
