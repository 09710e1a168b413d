from pathlib import Path

import numpy as np
import pytest
from PIL import Image


class Make:
    """Small datasets on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, path: str, array: np.ndarray, **options) -> Path:
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path, **options)
        return path

    def photo(self, seed: int, size: tuple[int, int] = (12, 16)) -> np.ndarray:
        """A blurred random image: neighbouring pixels resemble each other, as resizing and JPEG expect."""
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))

    def mask(self, seed: int, values: list[int], size: tuple[int, int] = (12, 16)) -> np.ndarray:
        """A random mask in which every value occurs."""
        mask = np.random.default_rng(seed).choice(np.array(values, dtype=np.uint8), size)
        mask.flat[: len(values)] = values
        return mask

    def pairs(
        self, images: str = "images", masks: str = "masks", count: int = 8, values: tuple[int, ...] = (0, 255)
    ) -> Path:
        for number in range(count):
            self.save(f"{images}/{number:02d}.png", self.photo(number))
            self.save(f"{masks}/{number:02d}.png", self.mask(number, list(values)))
        return self.root

    def class_folders(self, **counts: int) -> Path:
        for name, count in counts.items():
            for number in range(count):
                self.save(f"{name}/{number:03d}.png", self.photo(number, (8, 8)))
        return self.root


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return Make(tmp_path)
