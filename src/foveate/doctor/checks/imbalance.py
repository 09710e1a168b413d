"""Find classes that are too rare to be learnt or scored."""

from collections.abc import Iterator

import numpy as np

from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey

FEWEST_IMAGES = 3
"""A class in fewer images is rare: train, val and test need one image of it each."""

RAREST_PIXELS = 0.0005
LARGEST_RATIO = 50


@check("absent", 160)
def absent(survey: Survey) -> Iterator[Finding]:
    """Find classes that do not occur in a part."""
    if survey.total > len(survey.exams):
        return
    for part in survey.folder.parts:
        rows = survey.counts[[exam.part == part for exam in survey.exams]]
        missing = [name for name, count in zip(survey.classes, rows.sum(0), strict=True) if count == 0]
        if missing and len(rows) and rows.any():
            trained = part in ("train", "all")
            yield Finding(
                "error" if trained else "warning",
                "absent",
                f"{counted(len(missing), 'class', 'classes')} never shown"
                + ("" if part == "all" else f" in {part}"),
                tuple(Case(survey.folder.root, name) for name in missing),
                "A class without training images cannot be learnt; training refuses."
                if trained
                else "A class that does not occur cannot be scored.",
                "Add images that show it, or leave it out of the classes (write ignore in its place).",
            )


@check("imbalance", 170)
def imbalance(survey: Survey) -> Iterator[Finding]:
    """Find classes in very few images or very few pixels."""
    if survey.total > len(survey.exams) or not survey.classes:
        return
    pixels, shown = survey.counts.sum(0), (survey.counts > 0).sum(0)
    rare = [
        (name, f"{counted(int(images), 'image')}{_share(survey, pixels, number)}")
        for number, (name, images) in enumerate(zip(survey.classes, shown, strict=True))
        if images and (images < FEWEST_IMAGES or _is_rare(survey, pixels, number))
    ]
    if rare:
        yield Finding(
            "warning",
            "imbalance",
            f"{counted(len(rare), 'class', 'classes')} with very few examples",
            tuple(Case(survey.folder.root, f"{name}: {detail}") for name, detail in rare),
            "Their scores, and so the mean over classes, depend on chance.",
            "Add images that show them, join them with a similar class, or leave them out.",
        )


def _is_rare(survey: Survey, amounts: np.ndarray, number: int) -> bool:
    if survey.folder.task == "classification":
        return bool(amounts.max() > LARGEST_RATIO * amounts[number])
    return bool(amounts[number] < RAREST_PIXELS * amounts.sum())


def _share(survey: Survey, pixels: np.ndarray, number: int) -> str:
    return f", {pixels[number] / pixels.sum():.3%} of the pixels" if survey.masked else ""
