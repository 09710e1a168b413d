"""Find mask values and colours that stand for no class, and masks that are stored in different ways."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import numpy as np

from foveate.data.pixels.masks import IGNORE
from foveate.data.pixels.meaning import MAX_UNNAMED
from foveate.data.readers.coloured import colors_file
from foveate.doctor.checks.jpeg import is_jpeg
from foveate.doctor.exam import Exam, MaskFacts
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.mends import neighbors_color, threshold
from foveate.doctor.reading import kind
from foveate.doctor.survey import Survey

FILLED = 0.001
"""Share of a mask's pixels inside areas of unnamed colours above which these are classes the table lacks."""

FILLS = 0.1
"""Share of stray pixels in a mask above which they are no slip of the brush, and `--fix` leaves them."""


@check("stray", 70)
def stray(survey: Survey) -> Iterator[Finding]:
    masks = [
        (exam, mask)
        for exam, mask in survey.masked
        if not is_jpeg(mask.format)
        and kind(mask) not in ("smoothed", "0/1")
        and mask.colored == (survey.convention == "colours")
        and not survey.stray.isdisjoint(mask.values.tolist())
    ]
    if not masks or survey.numbered:
        return
    colored, black_white = survey.convention == "colours", survey.convention == "0/255"
    if colored:
        yield from _in_colour(survey, masks)
        return
    many = any(_share(survey, mask) > FILLS for _, mask in masks)
    mend = Mend("set to 255, which is ignored", mask=partial(_ignore, values=survey.stray))
    yield Finding(
        "error",
        "stray",
        f"{counted(len(masks), 'mask')} with values that stand for no class",
        tuple(_case(survey, exam, mask) for exam, mask in masks),
        "Each would be taken for a class of its own, or training refuses the mask.",
        "Mend the masks if these come from a slip of the brush; name the class if they are one.",
        threshold() if black_white else None if many else mend,
    )


def _in_colour(survey: Survey, masks: list[tuple[Exam, MaskFacts]]) -> Iterator[Finding]:
    named = colors_file(survey.folder.root).name
    meant = any(mask.unnamed > FILLED for _, mask in masks) or _one_colour(survey, masks)
    yield Finding(
        "error",
        "stray",
        f"{counted(len(masks), 'mask')} {'in a colour' if meant else 'with colours'} that "
        f"stand{'s' * meant} for no class",
        tuple(_case(survey, exam, mask) for exam, mask in masks),
        f"{named} does not name the colours, so training refuses the masks.",
        f"Add the classes to {named}, with their names, or with the name void to ignore them; mend slips "
        "of the brush.",
        None if meant else neighbors_color(survey.folder.colors, named),
    )


def _one_colour(survey: Survey, masks: list[tuple[Exam, MaskFacts]]) -> bool:
    """Whether one colour makes up most stray pixels and occurs in several masks, as a thin class does."""
    pixels: Counter[int] = Counter()
    holders: Counter[int] = Counter()
    for _, mask in masks:
        strays = {
            value: count
            for value, count in zip(mask.values.tolist(), mask.counts.tolist(), strict=True)
            if value in survey.stray
        }
        pixels.update(strays)
        holders.update(strays.keys())
    color, most = pixels.most_common(1)[0]
    return holders[color] > 1 and 2 * most > pixels.total()


@check("mixed", 80)
def mixed(survey: Survey) -> Iterator[Finding]:
    """Find binary masks of which some are stored as 0/1 and others as 0/255."""
    if survey.folder.read is not None:
        return
    kinds = {name: [exam for exam, mask in survey.masked if kind(mask) == name] for name in ("0/1", "0/255")}
    fewer, more = sorted(kinds, key=lambda name: len(kinds[name]))
    if not kinds[fewer] or any(kind(mask) == "ids" for _, mask in survey.masked):
        return
    one, other = (1, IGNORE) if fewer == "0/1" else (IGNORE, 1)
    yield Finding(
        "error",
        "mixed",
        f"{counted(len(kinds[fewer]), 'mask')} stored as {fewer} among masks stored as {more}",
        tuple(Case(exam.entry.mask) for exam in kinds[fewer]),
        "If 0 and 1 are classes, 255 is ignored, and the objects of the 0/255 masks do not count.",
        f"Store all of them as {more}.",
        Mend(f"rewritten as {more}", mask=partial(_replace, value=one, by=other)),
    )


@check("colours", 90)
def colours(survey: Survey) -> Iterator[Finding]:
    """Find coloured masks without a table of colours, and masks in colour among masks of class ids."""
    colored = survey.convention == "colours"
    others = [exam for exam, mask in survey.masked if mask.colored != colored and kind(mask) != "one value"]
    if others:
        yield Finding(
            "error",
            "colours",
            f"{counted(len(others), 'mask')} {'without colours' if colored else 'in colour'} among others",
            tuple(Case(exam.entry.mask) for exam in others),
            "All masks of a dataset are read in one way.",
            "Export these masks as the others are.",
            Mend("left out, with their images", leave_out=True),
        )
    if colored and not survey.folder.colors and not survey.folder.reader_errors:
        stored_colors = sorted(
            {int(value) for _, mask in survey.masked if mask.colored for value in mask.values}
        )
        blended = len(stored_colors) > MAX_UNNAMED
        yield Finding(
            "error",
            "colours",
            f"The masks are in {counted(len(stored_colors), 'colour')}, and no table names their classes",
            tuple(Case(exam.entry.mask) for exam, mask in survey.masked if mask.colored),
            "Masks hold class ids; for colours, a table is needed."
            + (" So many colours come from smoothing or JPEG." if blended else ""),
            "Save the masks with one number per class."
            if survey.folder.tables
            else "Add class_dict.csv (name,r,g,b) to the folder; a class named void is ignored.",
            None
            if blended or survey.folder.tables
            else Mend(
                "class_dict.csv is added; give the classes their names there",
                files={"class_dict.csv": _class_dict(stored_colors)},
            ),
        )


def _share(survey: Survey, mask: MaskFacts) -> float:
    """Return the share of a mask's pixels that hold stray values."""
    return float(mask.counts[np.isin(mask.values, list(survey.stray))].sum() / mask.counts.sum())


def _case(survey: Survey, exam: Exam, mask: MaskFacts) -> Case:
    strays = {
        value: count
        for value, count in zip(mask.values.tolist(), mask.counts.tolist(), strict=True)
        if value in survey.stray
    }
    shown = ", ".join(
        f"{_color(value) if mask.colored else value} ({counted(count, 'pixel')})"
        for value, count in sorted(strays.items(), key=lambda item: -item[1])[:3]
    )
    return Case(exam.entry.mask, shown + (f" and {len(strays) - 3} more" if len(strays) > 3 else ""))


def _color(value: int) -> tuple[int, int, int]:
    return value >> 16, value >> 8 & 255, value & 255


def _class_dict(colors: list[int]) -> str:
    rows = [
        "{},{},{},{}".format("background" if value == 0 else f"class {number}", *_color(value))
        for number, value in enumerate(colors)
    ]
    return "\n".join(["name,r,g,b", *rows, ""])


def _ignore(mask: np.ndarray, size: tuple[int, int], values: frozenset[int]) -> np.ndarray:
    return np.where(np.isin(mask, list(values)), IGNORE, mask).astype(np.uint8)


def _replace(mask: np.ndarray, size: tuple[int, int], value: int, by: int) -> np.ndarray:
    return np.where(mask == value, by, mask).astype(np.uint8)
