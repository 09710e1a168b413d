"""Describe a dataset: counts, sizes, modes, class shares, objects."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from foveate.data.dataset import SPLITS, Dataset
from foveate.data.folders.accounting import Account
from foveate.data.pixels.palette import palette
from foveate.data.splits import arrange
from foveate.doctor.finding import counted
from foveate.doctor.reading import kind
from foveate.doctor.survey import Survey
from foveate.errors import DataError


@dataclass(frozen=True)
class ClassFacts:
    """Statistics of one class.

    share: of all counted pixels (or images), 0 to 1. images: number of images with the class. objects: number
    of connected regions in all masks, 0 for a background. area: median area of an object in pixels, rounded
    down to a power of 2.
    """

    name: str
    share: float
    images: int
    objects: int
    area: int


@dataclass(frozen=True)
class Facts:
    """The description of a dataset. rows: (heading, text). size: median height and width of the images."""

    rows: tuple[tuple[str, str], ...]
    classes: tuple[ClassFacts, ...]
    size: tuple[int, int] | None


def gather(survey: Survey) -> Facts:
    """Collect the facts of all images and masks that could be decoded."""
    folder, images = survey.folder, [exam.image for exam in survey.exams if exam.image is not None]
    masks = [mask for _, mask in survey.masked]
    rows = [("Recognised", f"{folder.layout}: {folder.summary}"), ("Images", _parts(survey))]
    if folder.account.unread:
        rows.append(("Files", _files(folder.account)))
    if len(survey.exams) < survey.total:
        rows.append(("Looked at", f"{len(survey.exams):,} of {survey.total:,}, evenly spread"))
    if images:
        rows.append(("Size", _sizes([image.size for image in images])))
    if forms := [f"{image.mode} {image.format}" for image in images if image.format]:
        rows.append(("Mode", _tally(forms)))
    if masks and folder.read is None:
        rows += [
            ("Masks", _tally(f"{mask.mode} {mask.format}" for mask in masks)),
            ("Stored as", _tally(kind(mask) for mask in masks)),
        ]
    reading = (survey.codec.reading,) if survey.codec and folder.read is None else ()
    if any(mask.in_alpha for mask in masks):
        reading = ("the shapes are in the transparency of the masks", *reading)
    understood = (*folder.notes, *reading)
    if understood:
        rows.append(("Understood", "; ".join(understood)))
    if masks:
        rows.append(("Objects in an image", _objects(survey)))
    size = tuple(int(side) for side in np.median([i.size for i in images], axis=0)) if images else None
    return Facts(tuple(rows), _classes(survey), size)


def as_dataset(survey: Survey) -> Dataset | None:
    """Return the decodable images as a dataset, split as training would; None if there are too few images or
    the classes are unknown.
    """
    folder = survey.folder
    broken = {exam.entry.stem for exam in survey.exams if exam.image is None}
    parts = {
        part: tuple(entry for entry in entries if entry.stem not in broken)
        for part, entries in folder.parts.items()
    }
    if not survey.classes:
        return None
    try:
        splits, note = arrange(parts, seed=0, val_from_train=True)
    except DataError:
        return None
    return Dataset(
        folder.layout,
        str(folder.root),
        folder.task,
        survey.classes,
        palette(len(survey.classes)),
        splits,
        folder.root,
        folder.read or _read_nothing,
        notes=(note,),
        bands=folder.bands,
    )


def _read_nothing(entry):
    raise NotImplementedError("files of plain images have their sizes in their headers")


def _parts(survey: Survey) -> str:
    counts = {part: len(entries) for part, entries in survey.folder.parts.items()}
    total = counted(sum(counts.values()), "image")
    if set(counts) <= {"all"}:
        return f"{total}, no splits of their own"
    ordered = [split for split in SPLITS if split in counts] + sorted(set(counts) - set(SPLITS))
    return f"{total}: " + ", ".join(f"{counts[part]:,} {part}" for part in ordered)


def _files(account: Account) -> str:
    unread = "; ".join(f"{len(heap.files):,} {heap.name} ({heap.kind.what})" for heap in account.unread)
    return f"{account.used:,} used, {account.known:,} others (tables, texts), not read: {unread}"


def _sizes(sizes: list[tuple[int, int]]) -> str:
    if len(set(sizes)) == 1:
        return "{} x {} (height x width)".format(*sizes[0])
    (low, left), (middle, centre), (high, right) = (
        np.quantile(sizes, q, axis=0, method="nearest") for q in (0, 0.5, 1)
    )
    return (
        f"{len(set(sizes)):,} sizes, height {low} to {high} (median {middle}), "
        f"width {left} to {right} (median {centre})"
    )


def _tally(kinds: Iterable[Hashable]) -> str:
    return ", ".join(f"{name} ({number:,})" for name, number in Counter(kinds).most_common(6))


def _objects(survey: Survey) -> str:
    per_image = []
    first = 1 if survey.has_background else 0
    object_values = {
        value for value, number in survey.numbers.items() if first <= number < len(survey.classes)
    }
    for _, mask in survey.masked:
        per_image.append(
            sum(int(areas.sum()) for value, areas in mask.areas.items() if value in object_values)
        )
    if not any(per_image):
        return "none"
    low, middle, high = (int(np.quantile(per_image, q, method="nearest")) for q in (0.05, 0.5, 0.95))
    return f"{middle:,} ({low:,} to {high:,} in nine of ten)"


def _classes(survey: Survey) -> tuple[ClassFacts, ...]:
    if not survey.classes:
        return ()
    amounts = survey.counts.sum(0)
    shown = (survey.counts > 0).sum(0) if survey.masked else amounts
    areas = survey.areas.copy()
    if survey.has_background:
        areas[0] = 0
    return tuple(
        ClassFacts(
            name,
            float(amounts[number] / max(1, amounts.sum())),
            int(shown[number]),
            int(areas[number].sum()),
            _median_area(areas[number]),
        )
        for number, name in enumerate(survey.classes)
    )


def _median_area(octaves: np.ndarray) -> int:
    total = octaves.sum()
    return int(2 ** (octaves.cumsum() >= total / 2).argmax()) if total else 0
