"""Find palette masks in which a colour has another number than in most of the others."""

from collections import Counter
from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("palettes", 85)
def palettes(survey: Survey) -> Iterator[Finding]:
    """Compare the palettes of all masks; those with repeated colours are left out."""
    if survey.convention == "colours" or survey.folder.read is not None:
        return
    palette_masks = [
        (exam, mask) for exam, mask in survey.masked if len({*mask.palette.values()}) == len(mask.palette) > 1
    ]
    numbers: dict[int, Counter[int]] = {}
    for _, mask in palette_masks:
        for value, color in mask.palette.items():
            numbers.setdefault(color, Counter())[value] += 1
    usual = {color: count.most_common(1)[0][0] for color, count in numbers.items()}
    odd = [
        exam
        for exam, mask in palette_masks
        if any(usual[color] != value for value, color in mask.palette.items())
    ]
    if odd:
        yield Finding(
            "warning",
            "palettes",
            f"{counted(len(odd), 'mask')} whose palette contradicts that of others",
            tuple(Case(exam.entry.mask) for exam in odd),
            "The same colour has another number in these files. Masks are read by number, so regions of one "
            "colour become different classes, unless only the palette is wrong.",
            "Export all masks with one palette; or save them in RGB, with a class_dict.csv (name,r,g,b).",
        )
