"""Images of other bands than grey or RGB: which files they are, and how their values are scaled.

A satellite's or a microscope's numbers have no white that is the same everywhere. So each band is scaled by
its own values over the training images, and the scale is part of a trained run.
"""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from foveate.data.dataset import BandSet, Entry, pixels_of
from foveate.data.pixels.raster import SUFFIXES, Raster, read_header, read_values
from foveate.errors import DataError, UserError
from foveate.waiting import with_progress

MEASURED = 500
"""At most this many training images, evenly spaced, are measured for the scale."""

_VALUES = 2_000_000
"""About this many values of each band are measured."""

_LOOKED_AT = 16
"""Number of files whose values are looked at, where the header leaves open what they are."""

Parts = Mapping[str, Sequence[Entry]]


class Banded(NamedTuple):
    """What `find_bands` found: entries that name their bands, these bands, and a note for the user."""

    parts: Parts
    bands: BandSet
    note: str


def find_bands(parts: Parts, chosen: Sequence[int] | None = None) -> Banded | None:
    """Return entries whose images are read as bands; None if all are grey or RGB pictures.

    Files are read as bands if they have another number of channels than a picture (without those marked as
    alpha), values with a sign, or, looked at in a few files, values beyond those of a picture. chosen: the
    numbers of the bands to use, from 1; it also makes grey or RGB files of 16 bits be read as bands. Raises
    `DataError` for files of different numbers of bands, and for a chosen band that there is not.
    """
    entries = [entry for held in parts.values() for entry in held if entry.part is None and entry.image]
    files = [entry.image for entry in entries if entry.image.suffix.lower() in SUFFIXES]
    if not files:
        if chosen is not None:
            raise DataError("--bands: bands are chosen from TIFF or .npy files, and these data have none")
        return None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = dict(zip(files, pool.map(_header, files), strict=True))
    known = {path: raster for path, raster in headers.items() if raster is not None}
    if not known or (chosen is None and not _are_bands(known)):
        return None
    _check_alike(known, [entry.image for entry in entries if entry.image not in known])
    raster = next(iter(known.values()))
    bands = tuple(number - 1 for number in chosen) if chosen else tuple(range(raster.bands))
    if not all(0 <= band < raster.bands for band in bands):
        raise DataError(f"--bands {' '.join(map(str, chosen or ()))}: there are 1 to {raster.bands}")
    names = _names(raster, bands)
    note = f"{len(bands)} bands ({', '.join(names[:12])}{', ...' * (len(names) > 12)})"
    if raster.spare and not chosen:
        note += ", as the fourth is not marked as alpha and differs from pixel to pixel"
    note += "; each is scaled by its values in the training images, and colours are not changed in training"
    named = {part: tuple(replace(entry, bands=bands) for entry in held) for part, held in parts.items()}
    return Banded(named, BandSet(names, bands, raster.bands), note)


def _header(path: Path) -> Raster | None:
    try:
        return read_header(path)
    except DataError:
        return None  # reading the file says what is wrong with it


def _are_bands(headers: Mapping[Path, Raster]) -> bool:
    """Whether these files are no pictures."""
    if any(not raster.colour and not raster.spare for raster in headers.values()):
        return True
    open_ones = [path for path, raster in headers.items() if raster.spare or raster.numbers != "whole"]
    step = max(1, len(open_ones) // _LOOKED_AT)
    return any(_beyond_a_picture(path, headers[path]) for path in open_ones[::step])


def _beyond_a_picture(path: Path, raster: Raster) -> bool:
    try:
        values = read_values(path)
    except DataError:
        return False
    if raster.spare:
        return bool((values[..., 3] != values[0, 0, 3]).any())
    top = 1 if raster.numbers == "float" else 65535
    return not (np.nanmin(values) >= 0 and np.nanmax(values) <= top)


def _check_alike(headers: Mapping[Path, Raster], pictures: Sequence[Path]) -> None:
    holders: dict[int, list[Path]] = {}
    for path, raster in headers.items():
        holders.setdefault(raster.bands, []).append(path)
    if pictures:
        raise DataError(
            f"{next(iter(headers))} is a {next(iter(headers.values()))}, and {pictures[0]} is not; "
            f"{len(pictures)} of {len(headers) + len(pictures)} images are of another kind. Train on images "
            "of one kind"
        )
    if len(holders) > 1:
        counts = [
            f"{len(paths)} of {bands} band{'s' * (bands != 1)}, such as {paths[0]}"
            for bands, paths in sorted(holders.items(), key=lambda item: -len(item[1]))
        ]
        raise DataError(
            f"the images differ in their number of bands: {'; '.join(counts)}; train on one number"
        )


def _names(raster: Raster, bands: Sequence[int]) -> tuple[str, ...]:
    return tuple(raster.names[band] if raster.names else str(band + 1) for band in bands)


@dataclass(frozen=True)
class BandScale:
    """How the values of each band become inputs of a network.

    low, high: the values, in the files' own unit, that become 0 and 1: the lowest and the highest hundredth
    of the values in the training images lie beyond them. mean, std: of the values in that scale.

    >>> scale = BandScale(BandSet(("red",), (0,), 1), (100.0,), (300.0,), (0.5,), (0.2,))
    >>> scale(np.array([[[200.0], [np.nan], [9999.0]]], dtype=np.float32)).ravel().tolist()
    [0.5, 0.5, 2.0]
    """

    bands: BandSet
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = (self.low, self.high, self.mean, self.std)
        if any(
            len(values) != len(self.bands.names) or not all(map(math.isfinite, values)) for values in numbers
        ):
            raise UserError(
                "the scale of the bands does not have one number for each band; the file is damaged"
            )

    def __call__(self, pixels: Float32[np.ndarray, "h w bands"]) -> Float32[np.ndarray, "h w bands"]:
        """Scale pixels. Missing ones (NaN) become the mean; far outliers are cut to -1 and 2."""
        scaled = np.clip(self._relative(pixels), -1, 2)
        return np.where(np.isnan(scaled), np.array(self.mean, np.float32), scaled)

    def shown(self, pixels: Float32[np.ndarray, "h w bands"]) -> UInt8[np.ndarray, "h w 3"]:
        """Return the first three bands as an RGB picture, or the first as grey if there are fewer."""
        scaled = self._relative(pixels)
        first = scaled[..., :3] if scaled.shape[-1] >= 3 else scaled[..., [0, 0, 0]]
        return np.rint(np.clip(np.nan_to_num(first), 0, 1) * 255).astype(np.uint8)

    def _relative(self, pixels: Float32[np.ndarray, "h w bands"]) -> Float32[np.ndarray, "h w bands"]:
        low = np.array(self.low, np.float32)
        span = np.array([high - low or 1 for low, high in zip(self.low, self.high, strict=True)], np.float32)
        return (pixels - low) / span


def measure_scale(entries: Sequence[Entry], bands: BandSet) -> BandScale:
    """Measure the scale over training images: evenly spaced pixels of at most `MEASURED` images.

    Raises `DataError` for a band without a single value.
    """
    entries = list({entry.image: entry for entry in entries}.values())  # tiles share an image
    chosen = [entries[number * len(entries) // MEASURED] for number in range(MEASURED)]
    chosen = list(entries) if len(entries) <= MEASURED else chosen
    each = max(16, _VALUES // max(1, len(chosen)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        samples = pool.map(lambda entry: _sample(pixels_of(entry), each), chosen)
        values = np.concatenate(list(with_progress(samples, len(chosen), "Measuring the bands")))
    spreads = [_spread(values[:, band], name) for band, name in enumerate(bands.names)]
    low, high, mean, std = zip(*spreads, strict=True)
    return BandScale(bands, low, high, mean, std)


def _sample(pixels: Float32[np.ndarray, "h w bands"], count: int) -> Float32[np.ndarray, "n bands"]:
    flat = pixels.reshape(-1, pixels.shape[-1])
    return flat[:: max(1, len(flat) // count)]


def _spread(values: Float32[np.ndarray, " n"], name: str) -> tuple[float, float, float, float]:
    """Return low, high, mean and standard deviation of one band, as in `BandScale`."""
    values = values[~np.isnan(values)].astype(np.float64)
    if not len(values):
        raise DataError(f"band {name} holds no value in any training image, only missing ones; leave it out")
    low, high = np.quantile(values, (0.01, 0.99))
    scaled = np.clip((values - low) / (high - low or 1), -1, 2)
    return float(low), float(high), float(scaled.mean()), float(scaled.std()) or 1.0
