"""Masks whose values are not those that were drawn."""

import numpy as np
import pytest
from PIL import Image

from foveate.api.doctor import doctor


def stored(plant, name: str) -> np.ndarray:
    return np.array(Image.open(plant.root / "masks" / f"{name}.png"))


def test_masks_saved_as_jpeg(plant):
    plant.pairs()
    for name in ("03", "04"):
        plant.save(f"masks/{name}.jpg", stored(plant, name), quality=80)
        (plant.root / "masks" / f"{name}.png").unlink()
    finding = plant.finding()
    assert (finding.severity, finding.check, finding.title) == ("error", "jpeg", "2 masks saved as JPEG")
    assert finding.mend is not None


def test_soft_edges(plant):
    plant.pairs()
    small = Image.fromarray(stored(plant, "03")).resize((48, 36), Image.Resampling.BILINEAR)
    plant.save("masks/03.png", np.asarray(small.resize((96, 72), Image.Resampling.BILINEAR)))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "smoothed")
    assert finding.title == "1 black and white mask with grey edges"


def test_blended_class_ids(plant):
    plant.ids(classes=6)
    for name in ("03", "07"):
        small = Image.fromarray(stored(plant, name)).resize((48, 36), Image.Resampling.BILINEAR)
        plant.save(f"masks/{name}.png", np.asarray(small.resize((96, 72), Image.Resampling.BILINEAR)))
    finding = plant.finding()
    assert (finding.severity, finding.title) == ("error", "2 masks with blended class ids")


def test_a_value_that_stands_apart(plant):
    plant.ids()
    mask = stored(plant, "05")
    mask[10:12, 10:13] = 40
    plant.save("masks/05.png", mask)
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "stray")
    assert finding.cases[0].detail == "40 (6 pixels)"


def test_numbers_with_gaps_between_them_are_no_stray_values(plant):
    for number, value in enumerate((15, 7, 12, 3, 20, 9, 18, 5)):
        image, mask = plant.draw(number)
        plant.save(f"images/{number}.png", image)
        plant.save(f"masks/{number}.png", mask * np.uint8(value))
    assert "stray" not in {finding.check for finding in plant.findings()}


def test_a_rare_class_is_no_stray_value(plant):
    plant.ids()
    for name in ("05", "06", "07"):
        mask = stored(plant, name)
        mask[10:20, 10:20] = 4
        plant.save(f"masks/{name}.png", mask)
    assert plant.findings() == ()


def test_a_third_value_in_a_black_and_white_mask(plant):
    plant.pairs()
    mask = stored(plant, "05")
    mask[10, 10:13] = 7
    plant.save("masks/05.png", mask)
    finding = plant.finding()
    assert (finding.check, finding.cases[0].detail) == ("stray", "7 (3 pixels)")


def test_values_beyond_8_bits(plant):
    plant.ids()
    deep = stored(plant, "05").astype(np.uint16)
    deep[10, 10:13] = 1000
    plant.save("masks/05.png", deep)
    assert plant.finding().cases[0].detail == "1000 (3 pixels)"


def test_a_colour_that_the_table_lacks(plant):
    plant.colored()
    mask = stored(plant, "02")
    mask[5, 5:9] = (128, 2, 0)
    plant.save("masks/02.png", mask)
    finding = plant.finding()
    assert (finding.check, finding.cases[0].detail) == ("stray", "(128, 2, 0) (4 pixels)")


def test_0_1_among_0_255(plant):
    plant.pairs()
    plant.save("masks/05.png", (stored(plant, "05") > 0).astype(np.uint8))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "mixed")
    assert finding.title == "1 mask stored as 0/1 among masks stored as 0/255"
    assert plant.names(finding) == ["masks/05.png"]


def test_0_255_among_0_1(plant):
    plant.ids(classes=2)
    plant.save("masks/05.png", stored(plant, "05") * np.uint8(255))
    assert plant.finding().title == "1 mask stored as 0/255 among masks stored as 0/1"


def test_colours_that_nothing_explains(plant):
    finding = plant.colored(table=False).finding()
    assert finding.title == "The masks are in 3 colours, and no table names their classes"
    assert finding.mend.files["class_dict.csv"].startswith("name,r,g,b\nclass 0,0,0,128\n")


def test_a_mask_in_colour_among_ids(plant):
    plant.ids()
    mask = stored(plant, "05")
    plant.save("masks/05.png", np.stack([mask * 40, mask, mask], axis=-1))
    assert plant.finding().title == "1 mask in colour among others"


@pytest.mark.parametrize(("value", "title"), [(0, "1 mask is empty"), (255, "1 mask is full")])
def test_empty_and_full_masks(plant, value, title):
    plant.pairs()
    plant.save("masks/05.png", np.full((72, 96), value, dtype=np.uint8))
    finding = plant.finding()
    assert (finding.severity, finding.check, finding.title) == ("warning", "uniform", title)


def test_many_empty_masks_are_part_of_the_data(plant):
    plant.pairs()
    for name in ("01", "05", "07"):
        plant.save(f"masks/{name}.png", np.zeros((72, 96), dtype=np.uint8))
    assert plant.finding().severity == "note"


def test_masks_of_one_class_or_none(plant):
    plant.ids()
    plant.save("masks/05.png", np.full((72, 96), 2, dtype=np.uint8))
    plant.save("masks/06.png", np.full((72, 96), 255, dtype=np.uint8))
    one, ignored = plant.findings()
    assert one.title == "1 mask is of one class only, 'class 2'"
    assert ignored.title == "1 mask is ignored from edge to edge"


def test_an_image_that_shows_nothing(plant):
    plant.folders(ant=6, bee=6)
    plant.save("bee/03.png", np.full((40, 40, 3), 8, dtype=np.uint8))
    finding = plant.finding()
    assert (finding.check, finding.title) == ("blank", "1 image shows nothing")


def test_palettes_that_contradict_one_another(plant):
    plant.pairs()
    for number in range(12):
        inside = plant.mask(number) > 0
        swapped = number in (3, 4)
        mask = Image.fromarray((~inside if swapped else inside).astype(np.uint8))
        mask.putpalette([255, 0, 0, 0, 0, 0] if swapped else [0, 0, 0, 255, 0, 0])
        mask.save(plant.root / "masks" / f"{number:02d}.png")
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("warning", "palettes")
    assert plant.names(finding) == ["masks/03.png", "masks/04.png"]


def test_palettes_that_differ_in_colours_alone(plant):
    plant.pairs()
    for number in range(12):
        mask = Image.fromarray((plant.mask(number) > 0).astype(np.uint8))
        mask.putpalette([0, 0, 0, 255, 20 * number, 0])
        mask.save(plant.root / "masks" / f"{number:02d}.png")
    assert plant.findings() == ()


def test_255_that_is_ignored_among_shades_of_grey(plant):
    plant.ids(classes=3)
    for number in range(12):
        name = f"{number:02d}"
        plant.save(f"masks/{name}.png", np.array([0, 128, 255], dtype=np.uint8)[stored(plant, name)])
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "ignored")
    assert finding.title.startswith("255 lies beside shades of grey in 12 masks, ")


def test_255_that_is_ignored_among_class_ids(plant):
    plant.ids(classes=3)
    for number in range(12):
        mask = stored(plant, f"{number:02d}")
        plant.save(f"masks/{number:02d}.png", np.where(mask == 2, 255, mask).astype(np.uint8))
    assert plant.findings() == ()


@pytest.mark.parametrize("deep", [False, True], ids=["8-bit", "16-bit"])
def test_objects_that_are_numbered_one_by_one(plant, deep):
    plant.pairs()
    for number in range(12):
        rows, columns = np.mgrid[:72, :96]
        mask = 1 + rows // 6 * 16 + columns // 6
        mask[number : number + 9] = 0
        plant.save(f"masks/{number:02d}.png", mask.astype(np.uint16 if deep else np.uint8))
    found = {finding.check: finding for finding in plant.findings()}
    assert found["many"].severity == "error"
    assert "too many for class ids" in found["many"].title


def test_numbers_of_16_bits_are_not_ignored_away(plant):
    """As instance masks have them, beyond 255: nothing is mended where that would empty the masks."""
    plant.pairs()
    for number in range(12):
        mask = np.where(plant.mask(number) > 0, 26000 + number, 0).astype(np.uint16)
        plant.save(f"masks/{number:02d}.png", mask)
    finding = plant.findings()[0]
    assert (finding.check, finding.mend) == ("stray", None)


def test_some_dark_frames_among_16_bit_images(plant):
    plant.pairs()
    for number in range(12):
        image = plant.draw(number)[0].max(-1).astype(np.uint16) * np.uint16(16 if number < 3 else 256)
        plant.save(f"images/{number:02d}.png", image)
    assert plant.findings() == ()


def test_a_class_beside_borders_that_are_ignored(plant):
    plant.ids(classes=3)
    for number in range(12):
        name = f"{number:02d}"
        plant.save(f"masks/{name}.png", np.array([0, 17, 255], dtype=np.uint8)[stored(plant, name)])
    assert plant.findings() == ()


def test_masks_of_fractions(plant):
    plant.pairs()
    for number in range(12):
        (plant.root / "masks" / f"{number:02d}.png").unlink()
        plant.save(f"masks/{number:02d}.tif", (plant.mask(number) / 510).astype(np.float32))
    finding = plant.finding()
    assert (finding.check, finding.mend) == ("unreadable", None)
    assert (
        "mask values run from 0.0 to 0.5 (float32); save masks as PNG of 8 or 16 bits"
        in finding.cases[0].detail
    )


def test_images_of_12_bits_in_16(plant):
    plant.pairs()
    for number in range(12):
        image = plant.draw(number)[0].max(-1).astype(np.uint16)
        plant.save(f"images/{number:02d}.png", image * np.uint16(16))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("warning", "dark")
    assert finding.title == "12 16-bit images that use little of the range"


def test_a_folder_without_an_image(plant):
    (plant.root / "images").mkdir(parents=True)
    (plant.root / "masks").mkdir()
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("error", "empty")


def test_a_shape_in_the_transparency_is_read_and_said(plant):
    plant.pairs()
    for number in range(12):
        mask = plant.mask(number)
        plant.save(f"masks/{number:02d}.png", np.dstack([np.zeros_like(mask)] * 3 + [mask]))
    diagnosis = doctor(plant.root)
    assert diagnosis.clean
    assert "the shapes are in the transparency of the masks" in str(diagnosis)


def test_shades_of_grey_are_refused_with_flags_that_mend_it(plant):
    plant.pairs()
    for number in range(12):
        mask = plant.mask(number)
        mask[:2] = 128
        plant.save(f"masks/{number:02d}.png", mask)
    finding = next(f for f in doctor(plant.root).findings if f.check == "ignored")
    assert "--classes name0=0 name128=128 name255=255" in finding.remedy
    bound = doctor(plant.root, classes={"sky": 0, "sea": 128, "disk": 255})
    assert [shown.name for shown in bound.facts.classes] == ["sky", "sea", "disk"]
    assert not [f for f in bound.findings if f.check in ("ignored", "stray")]
