"""The memory and time of predicting one large RGB image in tiles: a run in a process of its own.

    python benchmarks/large_image.py --width 20000 --height 20000 --classes 11

What is held at a time depends on the width, the tiles and the classes: two rows of tiles (--height 1792) show
it in a tenth of the time. The process grows further with the height, because freed memory leaves holes:
measure the whole height, too. Makes a tiled TIFF (Deflate) of random blocks, an untrained U-Net with
ResNet-18, and runs `foveate predict`. With --narrow the U-Net is so small that a laptop computes the whole
image; what is read, kept and written is the same. Prints the peak of its resident memory, as the operating
system counts it, files mapped into memory included.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

BLOCK = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--width", type=int, default=20_000, help="pixels")
    parser.add_argument("--height", type=int, default=20_000, help="pixels")
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--narrow", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        size = arguments.height, arguments.width
        measure(Path(root), size, arguments)


def measure(root: Path, size: tuple[int, int], arguments: argparse.Namespace) -> None:
    image, run = root / "large.tif", root / "run"
    tile, classes, narrow = arguments.tile, arguments.classes, arguments.narrow
    # In a process of its own: a program starts with the peak of the one that started it.
    code = f"import large_image as made; made.make({str(root)!r}, {size}, {classes}, {narrow})"
    make = [sys.executable, "-c", code]
    subprocess.run(make, check=True, cwd=Path(__file__).parent)
    command = ["predict", str(run), str(image), "--out", str(root / "masks"), "--tile", str(tile)]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "foveate", *command], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    mask = (root / "masks" / "large.tif").stat().st_size
    network = "a narrow U-Net" if narrow else "U-Net with ResNet-18"
    print(
        f"{size[0]} x {size[1]} RGB (height x width), {size[0] * size[1] * 3 / 1e9:.2f} GB of pixels in "
        f"{image.stat().st_size / 1e9:.2f} GB; {classes} classes, {network}, "
        f"tiles of {tile}: peak {peak / 1e9:.2f} GB resident, {seconds:.0f} s, "
        f"mask {mask / 1e6:.1f} MB; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


def make(root: str, size: tuple[int, int], classes: int, narrow: bool) -> None:
    """Write an image and a run, in a process that is counted as a child too."""
    from foveate.models.checkpoints import save_model
    from foveate.models.create import create_model

    Path(root, "run").mkdir()
    small = {"encoder_name": "tu-test_resnet", "encoder_depth": 2, "decoder_channels": [16, 8]}
    options = small if narrow else {"encoder_name": "resnet18"}
    model = create_model("unet", classes=classes, encoder_weights=None, **options)
    save_model(model, Path(root, "run"))
    tifffile.imwrite(
        Path(root, "large.tif"), blocks(size), shape=(*size, 3), dtype=np.uint8, photometric="rgb",
        tile=(BLOCK, BLOCK), compression="zlib",
    )  # fmt: skip


def blocks(size: tuple[int, int]) -> Iterator[np.ndarray]:
    random = np.random.default_rng(0)
    for _ in range(-(-size[0] // BLOCK) * -(-size[1] // BLOCK)):
        coarse = random.integers(0, 256, (BLOCK // 8, BLOCK // 8, 3), dtype=np.uint8)
        yield coarse.repeat(8, 0).repeat(8, 1)


if __name__ == "__main__":
    main()
