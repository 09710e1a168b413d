import base64
import io

import numpy as np
from PIL import Image

from foveate.report import pictures


def decode(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB"))


def test_classes_have_their_colours_and_ignored_pixels_are_grey():
    drawn = decode(pictures.classes(np.array([[0, 1, 255]], np.uint8), [(1, 2, 3), (40, 50, 60)]))
    assert drawn.tolist() == [[[1, 2, 3], [40, 50, 60], [150, 150, 150]]]


def test_errors_show_right_wrong_fixed_and_ignored_pixels():
    truth = np.array([[0, 0, 0, 255]], np.uint8)
    host = np.array([[0, 1, 1, 1]], np.uint8)
    arm = np.array([[0, 1, 0, 1]], np.uint8)
    right, wrong, fixed, ignored = pictures.ERROR_COLORS.values()
    drawn = decode(pictures.errors(arm, truth, host))[0]
    assert drawn.tolist() == [*map(list, (right, wrong, fixed, ignored))]
    assert decode(pictures.errors(arm, truth))[0].tolist() == [*map(list, (right, wrong, right, ignored))]


def test_a_photo_is_kept_bit_for_bit():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (decode(pictures.photo(image)) == image).all()


def test_attention_is_bright_where_its_weights_are_large():
    image = np.full((8, 8, 3), 100, np.uint8)
    drawn = decode(pictures.attention(image, np.array([[0, 255]], np.uint8)))
    assert drawn.shape == (8, 8, 3)
    assert drawn[:, 4:].mean() > 3 * drawn[:, :4].mean()
