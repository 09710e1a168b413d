"""Images that are there twice, in one part or across parts; classes that are rare or missing."""

import numpy as np
import pytest
from PIL import Image


def test_a_copy(plant):
    plant.pairs()
    image, mask = plant.draw(3)
    plant.save("images/copy.png", image)
    plant.save("masks/copy.png", mask * np.uint8(255))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("warning", "duplicates")
    assert finding.title == "1 image that copies another"
    assert (plant.names(finding), finding.cases[0].detail) == (["images/copy.png"], "as images/03.png")


def test_a_copy_with_another_mask(plant):
    plant.pairs().save("images/copy.png", plant.draw(3)[0])
    plant.save("masks/copy.png", plant.mask(4))
    found = [one for one in plant.findings() if one.check == "duplicates"]
    assert [one.title for one in found] == ["1 image that occurs twice with different masks"]


def test_a_copy_in_another_class(plant):
    plant.folders(ant=6, bee=6)
    plant.save("bee/x.png", plant.draw(1002, (40, 40))[0])
    assert plant.finding().title == "1 image that occurs twice with different classes"


def splits(plant) -> None:
    plant.pairs(8, "train/images", "train/masks").pairs(4, "val/images", "val/masks", first=20)


def test_an_image_in_both_parts(plant):
    splits(plant)
    plant.save("train/images/03.png", plant.draw(21)[0])
    plant.save("train/masks/03.png", plant.mask(21))
    finding = plant.finding()
    assert (finding.check, finding.title) == ("leakage", "1 image also in another part (train and val)")
    assert plant.names(finding) == ["train/images/03.png"]
    assert finding.cases[0].detail == "as val/images/21.png"


@pytest.mark.parametrize("change", ["jpeg", "smaller", "darker"])
def test_nearly_the_same_image_in_both_parts(plant, change):
    splits(plant)
    image = Image.fromarray(plant.draw(21)[0])
    if change == "smaller":
        image = image.resize((80, 60), Image.Resampling.BICUBIC)
    if change == "darker":
        image = image.point(lambda value: int(0.8 * value))
    mask = Image.fromarray(plant.mask(21)).resize(image.size, Image.Resampling.NEAREST)
    (plant.root / "train/images/03.png").unlink()
    plant.save("train/images/03.jpg", np.asarray(image), quality=60)
    plant.save("train/masks/03.png", np.asarray(mask))
    finding = plant.finding()
    assert finding.title == "1 image nearly the same in another part (train and val)"


def test_neighbouring_frames_without_splits(plant):
    plant.pairs()
    image, mask = plant.draw(3)
    image[30:38, 40:48] = 200
    plant.save("images/next.png", image)
    plant.save("masks/next.png", mask * np.uint8(255))
    finding = plant.finding()
    assert (finding.check, finding.title) == ("leakage", "1 pair of images that are nearly the same")


def test_neighbours_in_one_group_are_no_leak(plant):
    plant.pairs()
    image, mask = plant.draw(3)
    image[30:38, 40:48] = 200
    plant.save("images/next.png", image)
    plant.save("masks/next.png", mask * np.uint8(255))
    groups = {f"{number:02d}": number for number in range(12)} | {"next": 3}
    rows = [f"{name}.png,{name}.png,{group}" for name, group in groups.items()]
    (plant.root / "patients.csv").write_text("\n".join(["image,mask,patient", *rows]))
    assert plant.findings() == ()
    rows[-1] = "next.png,next.png,12"
    (plant.root / "patients.csv").write_text("\n".join(["image,mask,patient", *rows]))
    assert plant.finding().title == "1 pair of images that are nearly the same"


def test_a_class_that_a_part_lacks(plant):
    for part, first in (("train", 0), ("val", 20)):
        for number in range(first, first + 6):
            image, mask = plant.draw(number, classes=4 if part == "train" else 3)
            plant.save(f"{part}/images/{number}.png", image)
            plant.save(f"{part}/masks/{number}.png", mask)
    finding = plant.finding()
    assert (finding.severity, finding.check, finding.title) == (
        "warning",
        "absent",
        "1 class never shown in val",
    )
    assert finding.cases[0].detail == "class 3"


def test_a_class_of_the_table_that_never_occurs(plant):
    plant.colored()
    table = plant.root / "class_dict.csv"
    table.write_text(table.read_text() + "rare,1,2,3\n")
    finding = plant.finding()
    assert (finding.severity, finding.title) == ("error", "1 class never shown")


def test_a_class_in_two_images(plant):
    plant.ids()
    for name in ("05", "06"):
        mask = np.array(Image.open(plant.root / f"masks/{name}.png"))
        mask[10:20, 10:20] = 4
        plant.save(f"masks/{name}.png", mask)
    finding = plant.finding()
    assert (finding.check, finding.title) == ("imbalance", "1 class with very few examples")
    assert finding.cases[0].detail.startswith("class 4: 2 images, 0.2")


def test_class_folders_of_very_different_sizes(plant):
    plant.folders(ant=2, bee=30)
    assert plant.finding().cases[0].detail == "ant: 2 images"
