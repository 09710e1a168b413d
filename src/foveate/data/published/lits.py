"""LiTS, liver tumours: `volume-<n>.nii` with `segmentation-<n>.nii` (or .nii.gz), axial slices of CT.

Values are clipped to -250 .. 250 Hounsfield units. All slices of a volume are in one split. The voxels of a
mask match those of its volume, but the headers of some differ: both are oriented by the volume's header.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout
from foveate.data.folders.listing import folders_below
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import table_codec
from foveate.data.pixels.masks import MaskCodec
from foveate.data.pixels.volumes import read_grid, read_slice
from foveate.errors import DataError

NAMES = ("background", "liver", "tumour")
LAYOUT = "volume-<n>.nii[.gz] and segmentation-<n>.nii[.gz], in one folder or in folders beside each other"
WINDOW = (-250, 250)
"""Hounsfield units of black and white."""

INFO = DatasetInfo(
    name="lits",
    title="LiTS, Liver Tumor Segmentation: 131 CT volumes, read slice by slice",
    task="segmentation",
    classes=NAMES,
    home="https://competitions.codalab.org/competitions/17094",
    citation="Bilic, Christ, Li et al., The Liver Tumor Segmentation Benchmark (LiTS), Medical Image "
    "Analysis 2023",
    layout=LAYOUT,
    licence="CC BY-NC-ND 4.0",
    steps=(
        "register at https://competitions.codalab.org/competitions/17094 and download both training batches",
        "give the folder with both zips, or what is in them; foveate needs the extra: pip install "
        "'foveate[data]'",
    ),
)


@reader("lits", 13, LAYOUT, INFO)
class Lits:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(_volumes(root, "volume"))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        masks = _volumes(root, "segmentation")
        entries, turned = [], []
        for number, volume in _volumes(root, "volume").items():
            if number not in masks:
                raise DataError(
                    f"{volume}: segmentation-{number}.nii is not there; unpack the batch again, whole"
                )
            grid, drawn = read_grid(volume), read_grid(masks[number])
            if grid.shape != drawn.shape:
                raise DataError(
                    f"{masks[number]}: has {_times(drawn.shape)} voxels and {volume} has "
                    f"{_times(grid.shape)}; a mask has one for each of its volume's: unpack the batch again"
                )
            if grid.axes != drawn.axes:
                turned.append(masks[number].name)
            group = f"volume-{number}"
            entries += [
                Entry(f"{group}/{part:04d}", volume, masks[number], part=part, group=group)
                for part in range(grid.slices)
            ]
        reading = f"CT values are clipped to {WINDOW[0]} .. {WINDOW[1]}; 1 is liver, 2 tumour"
        codec = table_codec(NAMES, dict(enumerate(NAMES)), classes, reading)
        notes = []
        if any(entry.image.suffix == ".gz" for entry in entries):
            notes.append(
                "volumes are compressed, and unpacked whole for each slice: gunzip them to train fast"
            )
        if turned:
            notes.append(
                f"the headers of {len(turned)} masks ({turned[0]} is the first) turn them otherwise than "
                "those of their volumes; all masks are laid on their volumes voxel for voxel"
            )
        return coded_layout({"all": entries}, codec, INFO, *notes, reader=partial(read_ct, codec=codec))


def read_ct(entry: Entry, codec: MaskCodec) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Return one axial slice as a grey image, and its class ids."""
    low, high = WINDOW
    values = read_slice(entry.image, entry.part).clip(low, high).astype(np.float32)
    grey = np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
    stored = read_slice(entry.mask, entry.part, turned_as=entry.image)
    where = f"{entry.mask} (slice {entry.part})"
    if not (np.rint(stored) == stored).all() or not 0 <= stored.min() <= stored.max() <= 255:
        raise DataError(f"{where}: holds values from {stored.min()} to {stored.max()} that are no class ids")
    return np.repeat(grey[..., None], 3, axis=2), codec.decode(stored.astype(np.uint8), where)


def _volumes(root: Path, kind: str) -> dict[int, Path]:
    """Return the files of one kind in the folder and in the `folders_below` it, by number."""
    files = [path for folder in (root, *folders_below(root)) for path in folder.glob(f"{kind}-*.nii*")]
    numbers = {path: re.fullmatch(rf"{kind}-(\d+)\.nii(\.gz)?", path.name) for path in files}
    return dict(sorted((int(match[1]), path) for path, match in numbers.items() if match))


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
