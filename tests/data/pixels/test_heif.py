import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from foveate.data.open import open_dataset
from foveate.data.pixels.images import image_files, read_image, read_size
from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError

heif = pytest.importorskip("pillow_heif")


@pytest.fixture
def photo(tmp_path, make):
    """A photo of 32 x 48 pixels in a.HEIC."""
    heif.register_heif_opener()
    pixels = make.photo(0, (32, 48))
    Image.fromarray(pixels).save(tmp_path / "a.heic", quality=-1)  # lossless
    (tmp_path / "a.heic").rename(tmp_path / "a.HEIC")
    return pixels


def test_heic_is_read_by_its_name_and_from_bytes(tmp_path, photo):
    path = tmp_path / "a.HEIC"
    assert image_files([path]) == [path]
    assert read_size(path) == (32, 48)
    assert np.abs(read_image(path).astype(int) - photo).mean() < 6
    assert np.array_equal(read_image("in a tar", path.read_bytes()), read_image(path))


def test_heic_among_jpeg_in_class_folders(tmp_path, make, photo):
    for name in ("ripe", "unripe"):
        for number in range(4):
            make.save(f"data/{name}/{number}.jpg", make.photo(number, (32, 48)))
        (tmp_path / f"data/{name}/phone.heic").write_bytes((tmp_path / "a.HEIC").read_bytes())
    assert len(open_dataset(tmp_path / "data")) == 10


def test_a_mask_in_heic_and_a_damaged_photo_are_refused(tmp_path, photo):
    with pytest.raises(DataError, match="the mask is a HEIF, and HEIF compression changes"):
        read_raw(tmp_path / "a.HEIC")
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(4000))
    with pytest.raises(DataError, match=r"b\.heic: "):
        read_image(tmp_path / "b.heic")


def test_without_the_extra_heic_is_no_image_and_the_message_says_how_to_get_it(tmp_path, make, photo):
    for first, name in enumerate(("ripe", "unripe")):
        for number in range(4):
            make.save(f"data/{name}/{number}.jpg", make.photo(number + 4 * first, (32, 48)))
        (tmp_path / f"data/{name}/phone.heic").write_bytes((tmp_path / "a.HEIC").read_bytes())
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from foveate.data.pixels.images import SUFFIXES, read_image\n"
        "print('.heic' in SUFFIXES)\n"
        "try: read_image(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "from foveate.data.open import open_dataset\n"
        "print(open_dataset(sys.argv[2]).cautions[0])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.HEIC"), str(tmp_path / "data")]
    first, message, caution = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert first == "False"
    assert message.endswith("a.HEIC: reading HEIC needs the package pillow_heif: pip install 'foveate[heif]'")
    assert "2 not read: 2 .heic (photos in HEIC): pip install 'foveate[heif]'" in caution
