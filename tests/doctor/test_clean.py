"""Clean data gives no findings."""

import numpy as np
import pytest
from PIL import Image

from foveate.data.synthetic.streets import draw_scene
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit


def test_black_and_white_masks(plant):
    assert plant.pairs().findings() == ()


def test_class_ids(plant):
    assert plant.ids().findings() == ()


def test_colours_with_their_table(plant):
    assert plant.colored().findings() == ()


def test_class_folders(plant):
    assert plant.folders(ant=6, bee=7).findings() == ()


def test_own_splits(plant):
    plant.pairs(8, "train/images", "train/masks").pairs(4, "val/images", "val/masks", first=20)
    assert plant.findings() == ()


def test_synthetic_scenes_written_to_a_folder(plant):
    for number in range(24):
        image, mask = draw_scene(number)
        plant.save(f"images/{number}.png", image)
        plant.save(f"masks/{number}.png", mask)
    assert plant.findings() == ()


def test_masks_with_a_void_border(plant):
    plant.ids()
    for path in sorted((plant.root / "masks").iterdir()):
        mask = np.array(Image.open(path))
        mask[:3] = 255
        plant.save(f"masks/{path.name}", mask)
    assert plant.findings() == ()


def test_flat_images_are_no_copies_of_one_another(plant):
    """Nearly uniform images, as of fog, resemble each other in every pixel."""
    random = np.random.default_rng(0)
    for part in ("train", "val"):
        for number in range(4):
            sky = np.linspace(120, 130, 72)[:, None, None] + np.linspace(0, 3, 96)[:, None]
            image = random.normal(sky, 2, (72, 96, 3)).astype(np.uint8)
            plant.save(f"{part}/fog/{number}.png", image)
            plant.save(f"{part}/sun/{number}.png", plant.draw(len(part) * 10 + number)[0])
    assert plant.findings() == ()


@pytest.mark.parametrize("folder", ["drive", "epfl_roads", "isbi_em", "polyp_cvc612", "cifar10_subset"])
def test_real_images(folder, real_data):
    assert judge(visit(real_data / folder)) == ()
