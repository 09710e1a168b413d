"""Small datasets on disk without a fault, in which a test plants one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from foveate.doctor.finding import Finding, judge
from foveate.doctor.visit import visit

SIZE = (72, 96)


def draw(seed: int, size: tuple[int, int] = SIZE, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """An image of ellipses before a soft background, and their classes, 0 for the background."""
    random = np.random.default_rng(seed)
    height, width = size
    coarse = random.integers(60, 140, (5, 5, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    mask = Image.new("L", (width, height))
    for number in range(8):
        x, y = random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height
        across, tall = random.uniform(0.06, 0.16) * width, random.uniform(0.06, 0.16) * height
        box = (x - across, y - tall, x + across, y + tall)
        color = tuple(int(value) for value in random.integers(180, 256, 3))
        ImageDraw.Draw(image).ellipse(box, fill=color)
        ImageDraw.Draw(mask).ellipse(box, fill=1 + number % (classes - 1))
    return np.array(image), np.array(mask)


class Plant:
    """A folder of pairs; `findings` are the doctor's."""

    draw = staticmethod(draw)

    def __init__(self, root: Path) -> None:
        self.root = root

    def mask(self, number: int) -> np.ndarray:
        """The black and white mask of a drawing."""
        return draw(number)[1] * np.uint8(255)

    def save(self, path: str, array: np.ndarray, **options) -> Path:
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path, **options)
        return path

    def pairs(self, count: int = 12, images: str = "images", masks: str = "masks", first: int = 0) -> "Plant":
        """Black and white masks."""
        for number in range(first, first + count):
            image, _ = draw(number)
            self.save(f"{images}/{number:02d}.png", image)
            self.save(f"{masks}/{number:02d}.png", self.mask(number))
        return self

    def ids(self, count: int = 12, classes: int = 4) -> "Plant":
        """Masks of class ids."""
        for number in range(count):
            image, mask = draw(number, classes=classes)
            self.save(f"images/{number:02d}.png", image)
            self.save(f"masks/{number:02d}.png", mask)
        return self

    def colored(self, count: int = 8, table: bool = True) -> "Plant":
        """Masks in the colours of class_dict.csv."""
        colors = np.array([(128, 128, 128), (128, 0, 0), (0, 0, 128)], dtype=np.uint8)
        for number in range(count):
            image, mask = draw(number, classes=3)
            self.save(f"images/{number:02d}.png", image)
            self.save(f"masks/{number:02d}.png", colors[mask])
        if table:
            rows = ["name,r,g,b", "ground,128,128,128", "red,128,0,0", "blue,0,0,128"]
            (self.root / "class_dict.csv").write_text("\n".join(rows) + "\n")
        return self

    def folders(self, **counts: int) -> "Plant":
        """One folder a class."""
        first = 0
        for name, count in counts.items():
            for number in range(count):
                self.save(f"{name}/{number:02d}.png", draw(1000 + first + number, (40, 40))[0])
            first += 100
        return self

    def findings(self, **options) -> tuple[Finding, ...]:
        return judge(visit(self.root, **options))

    def finding(self, **options) -> Finding:
        """The only finding there is."""
        found = self.findings(**options)
        assert [(one.check, one.title) for one in found] == [(one.check, one.title) for one in found[:1]]
        assert found, "nothing was found"
        return found[0]

    def names(self, finding: Finding) -> list[str]:
        """The files of a finding as they are called inside the folder."""
        return [case.file.relative_to(self.root).as_posix() for case in finding.cases]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path / "data")
