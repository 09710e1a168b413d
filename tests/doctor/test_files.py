"""Files that are broken, missing, ambiguous, of another size, or lie on their side."""

import numpy as np
import pytest
from PIL import Image

from foveate.data.open import open_dataset
from foveate.errors import DataError


def test_broken_files(plant):
    plant.pairs()
    image, mask = plant.root / "images/03.png", plant.root / "masks/05.png"
    image.write_bytes(image.read_bytes()[:200])
    mask.write_bytes(b"")
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "unreadable")
    assert finding.title == "2 files cannot be read"
    assert plant.names(finding) == ["images/03.png", "masks/05.png"]
    assert "the image is damaged or truncated" in finding.cases[0].detail
    assert "the file is empty (0 bytes)" in finding.cases[1].detail


def test_files_without_their_other_half(plant):
    plant.pairs()
    (plant.root / "masks/02.png").unlink()
    (plant.root / "images/07.png").unlink()
    image, mask = plant.findings()
    assert (image.check, image.title) == ("unpaired", "1 image without a mask")
    assert plant.names(image) == ["images/02.png"]
    assert (mask.title, plant.names(mask)) == ("1 mask without an image", ["masks/07.png"])


def test_images_without_any_masks(plant):
    plant.pairs(2)
    for path in (plant.root / "masks").iterdir():
        path.unlink()
    assert plant.finding().title == "2 images without masks"


def test_two_files_of_one_name(plant):
    plant.pairs()
    plant.save("images/04.jpg", np.asarray(Image.open(plant.root / "images/04.png")))
    finding = plant.finding()
    assert finding.check == "unpaired"
    assert finding.title == "1 file of the same name as another"
    assert plant.names(finding) == ["images/04.png"]


def test_what_the_layout_refuses(plant):
    plant.colored()
    (plant.root / "class_dict.csv").write_text("name,r,g\nground,1,2\n")
    refused = plant.finding()  # and no table is offered in place of that one
    assert (refused.check, refused.severity) == ("refused", "error")
    assert "the header must be name,r,g,b" in refused.cases[0].detail
    (plant.root / "class_dict.csv").write_text("name;r;g\nground;1;2\n")
    assert "the header must be name,r,g,b; found name,r,g" in plant.finding().cases[0].detail


def test_an_empty_class_folder(plant):
    plant.folders(ant=6, bee=6)
    (plant.root / "wasp").mkdir()
    refused = plant.findings()[0]
    assert (refused.check, refused.title) == ("refused", "The folder cannot be read as class_folders")
    assert "wasp: the class folder holds no images" in refused.cases[0].detail


def test_a_mask_of_another_size(plant):
    plant.pairs()
    mask = Image.open(plant.root / "masks/03.png").resize((48, 36), Image.Resampling.NEAREST)
    plant.save("masks/03.png", np.asarray(mask))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "sizes")
    assert finding.title == "1 mask in another size than the image"
    assert finding.cases[0].detail == "mask 36 x 48, image 72 x 96 (height x width)"


def test_a_mask_of_another_shape(plant):
    plant.pairs()
    plant.save("masks/03.png", np.asarray(Image.open(plant.root / "masks/03.png"))[:40])
    assert plant.finding().title == "1 mask of another shape than the image"


def turned(plant, orientation: int, stored: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (plant.root / "images/03.png").unlink()
    plant.save("images/03.jpg", stored, exif=exif, quality=95)


def test_a_mask_drawn_on_the_image_as_it_is_stored(plant):
    plant.pairs()
    turned(plant, 6, np.asarray(Image.open(plant.root / "images/03.png")))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "rotation")
    assert finding.title == "1 mask drawn on an image that was not turned as its EXIF tag says"
    assert finding.cases[0].detail == "EXIF orientation 6"


def test_an_image_that_is_turned_upright(plant):
    plant.pairs()
    turned(plant, 3, np.asarray(Image.open(plant.root / "images/03.png"))[::-1, ::-1])
    finding = plant.finding()
    assert (finding.severity, finding.title) == ("warning", "1 image that an EXIF tag turns or mirrors")
    assert finding.mend is None  # its mask may lie as the file does


def test_an_image_that_is_turned_by_a_quarter_beside_a_mask_that_is_upright(plant):
    plant.pairs()
    turned(plant, 6, np.rot90(np.asarray(Image.open(plant.root / "images/03.png"))))
    finding = plant.finding()
    assert finding.title == "1 image that an EXIF tag turns, with their masks upright"
    assert finding.mend.upright


@pytest.mark.parametrize("trouble", ["truncated", "no mask", "size", "clash"])
def test_errors_are_what_training_refuses(plant, trouble):
    plant.pairs()
    image, mask = plant.root / "images/03.png", plant.root / "masks/03.png"
    if trouble == "truncated":
        mask.write_bytes(mask.read_bytes()[:100])
    elif trouble == "no mask":
        mask.unlink()
    elif trouble == "size":
        plant.save("masks/03.png", np.asarray(Image.open(mask))[:40])
    else:
        plant.save("images/03.bmp", np.asarray(Image.open(image)))
    assert plant.finding().severity == "error"
    with pytest.raises(DataError):
        open_dataset(plant.root)
