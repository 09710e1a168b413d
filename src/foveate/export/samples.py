"""The images that an export is checked with and, for INT8, calibrated on."""

from pathlib import Path

from foveate.data.pixels.images import image_files
from foveate.errors import DataError, UserError
from foveate.evaluation.scored_data import check_classes
from foveate.export.parity import Sample
from foveate.inspection.sources import Source, evenly_spaced, find_sources
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec

CHECKED, CALIBRATED = 12, 32
"""At most this many validation images are compared, and training images calibrated on."""


def read_samples(
    run: Path, classes: tuple[str, ...], images: str | Path | None, split: str, limit: int
) -> list[Sample]:
    """Return at most `limit` evenly spaced images with their truth, of the run's own data or of `images`.

    images: an image, a folder of images, or data with the same classes. An image that cannot be read is
    passed over. Raises `UserError` if none can be read.
    """
    if images is None and not (run / "spec.yaml").is_file():
        raise UserError(
            f"{run}: has no spec.yaml, so its data is not known, and exports are checked on real images; "
            "name some with --images"
        )
    try:
        sources = evenly_spaced(_sources(run, classes, images, split), limit)
    except DataError as error:
        hint = "" if images else "; if the run's data is elsewhere now, name it with --images"
        raise UserError(f"{str(error).rstrip('.')}{hint}") from error
    samples: list[Sample] = []
    refused: UserError | None = None
    for source in sources:
        try:
            samples.append(source.read())
        except UserError as error:
            refused = refused or error
    if not samples:
        raise refused or UserError(f"{images or run}: holds no images; name some with --images")
    return samples


def _sources(run: Path, classes: tuple[str, ...], images: str | Path | None, split: str) -> list[Source]:
    path = Path(images or "")
    direct = images is not None and (path.is_file() or (path.is_dir() and bool(image_files(path.iterdir()))))
    if (run / "spec.yaml").is_file() or direct:
        return find_sources(run, classes, images, split)
    # Weights and a config alone say nothing about how their data was read.
    data = DataModule(DataSpec(str(images)), to_score=True).dataset
    check_classes(run, classes, str(images), data.classes)
    entries = data.index(split) or data.index("test")
    return [Source(entry.stem, lambda entry=entry: data.read(entry)) for entry in entries]
