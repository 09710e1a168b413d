"""Find masks in which 255, which is ignored, is more likely a class: the other values are shades of grey."""

from collections.abc import Iterator

from foveate.data.pixels.masks import IGNORE
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey

LOWEST = 64
"""Values are taken for shades of grey, not class ids, if all but 0 are at least this."""


@check("ignored", 95)
def ignored(survey: Survey) -> Iterator[Finding]:
    """Find masks with values such as 0, 128 and 255."""
    if survey.convention != "ids" or survey.folder.read is not None or survey.codec is None:
        return
    values = sorted(value for value, number in survey.numbers.items() if number != IGNORE)
    holders = [(exam, mask) for exam, mask in survey.masked if IGNORE in mask.values]
    if not holders or not any(values) or min(filter(None, values)) < LOWEST:
        return
    pixels = sum(int(mask.counts[mask.values == IGNORE].sum()) for _, mask in holders)
    share = pixels / sum(int(mask.counts.sum()) for _, mask in survey.masked)
    yield Finding(
        "warning",
        "ignored",
        f"255 is ignored in {counted(len(holders), 'mask')}, {share:.1%} of all pixels",
        tuple(Case(exam.entry.mask) for exam, _ in holders),
        f"The other values, {' and '.join(map(str, values[:6]))}, look like shades of grey rather than class "
        "ids; 255 may be one more class, which would not be learnt.",
        "If it is a class, store the masks with class ids: 0, 1, 2 and so on.",
    )
