import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jaxtyping
import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from foveate.api.export import ExportedFile, export
from foveate.export import export as exporting
from foveate.export.onnx_file import to_onnx
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model

SIZE = (40, 56)


@dataclass(frozen=True)
class Setting:
    """A run, the images that its exports are checked on, its export to ONNX, and the graph of that."""

    run: Path
    data: Path
    exported: ExportedFile
    proto: onnx.ModelProto


@pytest.fixture(scope="module")
def untyped() -> Iterator[None]:
    """Annotations are not checked while a network is traced: they would become part of the graph."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def scene(seed: int, size: tuple[int, int] = (50, 70)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image with a bright disk, and the mask of the disk."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 120, (*size, 3), dtype=np.uint8)
    y, x = np.mgrid[: size[0], : size[1]]
    disk = (y - generator.integers(10, 40)) ** 2 + (x - generator.integers(10, 60)) ** 2 < 150
    image[disk] += 120
    return image, disk.astype(np.uint8)


@pytest.fixture(scope="module")
def setting(tmp_path_factory, untyped) -> Setting:
    root = tmp_path_factory.mktemp("export")
    for number in range(4):
        for folder, array in zip(("images", "masks"), scene(number), strict=True):
            path = root / "data" / folder / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(array))
    torch.manual_seed(0)
    model = create_model("mssa", classes=2, arm="cbam@decoder", gate="none").eval()
    model.notes = {
        "classes": ["background", "foreground"],
        "colors": [[0, 0, 0], [220, 40, 40]],
        "size": list(SIZE),
    }
    (root / "run").mkdir()
    save_model(model, root / "run")
    protos: list[onnx.ModelProto] = []

    def kept(*arguments) -> onnx.ModelProto:
        protos.append(to_onnx(*arguments))
        return protos[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "to_onnx", kept)
        exported = export(root / "run", images=root / "data")
    return Setting(root / "run", root / "data", exported, *protos)


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()
