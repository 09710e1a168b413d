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
from foveate.models.host import Host
from foveate.models.hosts import mssa_net

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
def shallow() -> Iterator[None]:
    """MSSA of two stages in place of four: it is traced and translated in half the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mssa_net, "WIDTHS", (8, 16))
        patch.setattr(mssa_net, "RATES", ((2,), (4,)))
        yield


def find_disks(model: Host) -> None:
    """Train until both classes are found in most pixels, with logits that stay below 1."""
    images, masks = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*map(scene, range(4)), strict=True))
    images, weight = images.movedim(-1, 1) / 255, torch.tensor([1.0, 3.0])
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), masks.long(), weight).backward()
        optimizer.step()
    with torch.no_grad():
        for parameter in model.network.segmentation_head.parameters():
            parameter.div_(2)
    model.eval()


@pytest.fixture(scope="module")
def setting(tmp_path_factory, untyped, shallow) -> Setting:
    root = tmp_path_factory.mktemp("export")
    for number in range(4):
        for folder, array in zip(("images", "masks"), scene(number), strict=True):
            path = root / "data" / folder / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(array))
    torch.manual_seed(1)
    model = create_model("mssa", classes=2, arm="cbam@decoder", gate="none")
    find_disks(model)
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
