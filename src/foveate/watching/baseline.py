"""The baseline of a run: the signs of its validation images, in `baseline.json`."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.inspection.sources import evenly_spaced, find_sources
from foveate.models.packed import opened
from foveate.models.weights_file import EXPORTED, find_weights
from foveate.plain import from_json, to_json
from foveate.prediction.predictor import Predictor, load
from foveate.watching.signs import Signs
from foveate.watching.watcher import watched_prediction

NAME = "baseline.json"
FORMAT = 1
LARGEST = 100
"""Most validation images whose signs are kept, evenly spaced."""


@dataclass(frozen=True)
class Baseline:
    """The signs of validation images. weights: SHA-256 of the weights that they are of."""

    weights: str
    images: tuple[Signs, ...]
    format: int = FORMAT


def read_baseline(run: str | Path) -> Baseline | None:
    """Return the baseline of a run or a packed run; None if there is none, or if it is of other weights.

    Raises `UserError` for a file that is damaged, and for a path that is no run.
    """
    if Path(run).suffix.lower() in EXPORTED:
        raise UserError(f"{run}: an exported file has no baseline; name its run with --baseline")
    with opened(run) as folder:
        weights = find_weights(folder)
        try:
            text = (weights.parent / NAME).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            baseline = from_json(Baseline, json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{run}: its {NAME} cannot be read ({error}); remove it, and it is made anew"
            ) from None
        return baseline if baseline.format == FORMAT and baseline.weights == _digest(weights) else None


def make_baseline(
    run: str | Path, predictor: Predictor | None = None, progress: Callable[[int, int], None] | None = None
) -> Baseline:
    """Predict the run's own validation images, and keep their signs in the run.

    predictor: the run's. progress: called as `progress(done, images)`. Images that cannot be read are passed
    over; a run that cannot be written to is left as it is. Raises `UserError` if the run's data are missing.
    """
    weights = find_weights(run)
    predictor = predictor or load(run)
    sources = evenly_spaced(find_sources(weights.parent, predictor.classes, None, "val"), LARGEST)
    images: list[Signs] = []
    for number, source in enumerate(sources, 1):
        with suppress(UserError):
            pixels, _ = source.read()
            pixels = predictor.read(pixels) if isinstance(pixels, Path) else pixels
            images.append(watched_prediction(predictor, pixels)[1])
        if progress is not None:
            progress(number, len(sources))
    baseline = Baseline(_digest(weights), tuple(images))
    with suppress(OSError), write_whole(weights.parent / NAME, "w") as file:
        json.dump(to_json(baseline), file)
    return baseline


def baseline_of(
    run: str | Path, predictor: Predictor | None = None, progress: Callable[[int, int], None] | None = None
) -> Sequence[Signs]:
    """Return the signs in the baseline of a run; make it if there is none.

    Raises `UserError` as `read_baseline` and `make_baseline` do.
    """
    found = read_baseline(run)
    if found is not None:
        return found.images
    if Path(run).suffix.lower() == ".zip":
        raise UserError(f"{run}: has no {NAME}; pack the run again where its data are")
    return make_baseline(run, predictor, progress).images


def _digest(weights: Path) -> str:
    with open(weights, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
