"""Write drawn leaves as files, laid out like cassava: `train.csv`, `train_images/` and names in JSON."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from foveate.data.synthetic.leaves import CLASSES, draw_leaf
from foveate.errors import UserError
from foveate.files import write_whole
from foveate.specs.sizes import parse_size

SHARES = (1087, 2189, 2386, 13158, 2577)
"""Images of each class in cassava, whose imbalance is kept."""

TABLE = "train.csv"


def write_leaves(made: str, folder: Path) -> None:
    """Write a set of drawn leaves into `folder`, unless it is there. made: leaves:COUNT:HxW.

    The same words give the same files. The table of labels is written last.

    Raises `UserError` for another name, count or size, and for a folder that cannot be written to.
    """
    name, count, size = [*made.split(":"), "", ""][:3]
    if name != "leaves" or not count.isdigit() or int(count) < 10 * len(CLASSES):
        least = 10 * len(CLASSES)
        raise UserError(f"'{made}' is no set to draw; write leaves:COUNT:HxW, with {least} leaves or more")
    if (folder / TABLE).is_file():
        return
    height, width = parse_size(size, made)
    labels = label_leaves(int(count))
    images = folder / "train_images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    drawn = [0] * len(CLASSES)
    lines = ["image_id,label"]
    for number, label in enumerate(labels):
        pixels, _ = draw_leaf(len(CLASSES) * drawn[label] + label, (height, width))
        drawn[label] += 1
        file = f"{number:05d}.jpg"
        Image.fromarray(pixels).save(images / file, quality=95, subsampling=0)
        lines.append(f"{file},{label}")
    with write_whole(folder / "label_num_to_disease_map.json", "w") as file:
        json.dump({str(number): name for number, name in enumerate(CLASSES)}, file)
    with write_whole(folder / TABLE, "w") as file:
        file.write("\n".join(lines) + "\n")


def label_leaves(count: int) -> Sequence[int]:
    """Return the labels of so many leaves in a fixed random order; every class has 10 at least.

    >>> labels = list(label_leaves(200))
    >>> [labels.count(label) for label in range(5)]
    [10, 20, 22, 124, 24]
    """
    numbers = [max(10, round(share / sum(SHARES) * count)) for share in SHARES]
    numbers[int(np.argmax(numbers))] += count - sum(numbers)
    labels = [label for label, number in enumerate(numbers) for _ in range(number)]
    return np.random.default_rng(7).permutation(labels).tolist()
