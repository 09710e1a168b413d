from pathlib import Path

import pytest
from PIL import Image

import foveate
from foveate.data.synthetic.streets import draw_scene

SIZE = (32, 48)


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A run of one epoch with twelve validation images."""
    root = tmp_path_factory.mktemp("streets")
    for split, numbers in (("train", range(4)), ("val", range(100, 112)), ("test", range(200, 202))):
        for number in numbers:
            for kind, pixels in zip(("images", "masks"), draw_scene(number, size=SIZE), strict=True):
                path = root / "data" / split / kind / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    settings = {"size": SIZE, "encoder": "tu-test_resnet", "encoder_weights": "none", "batch": 2}
    foveate.fit(root / "data", arm="se@decoder", epochs=1, out=root / "a", accelerator="cpu", **settings)
    return root / "a"
