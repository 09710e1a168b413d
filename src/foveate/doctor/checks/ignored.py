"""Find masks in which 255 is more likely a class than ignored: the other values are shades of grey."""

from collections.abc import Iterator

from foveate.data.pixels.doubts import are_shades, suggest
from foveate.data.pixels.masks import IGNORE, LEFT_OUT
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("ignored", 95)
def ignored(survey: Survey) -> Iterator[Finding]:
    """Find masks with values such as 0, 128 and 255."""
    if survey.convention != "ids" or survey.folder.read is not None or survey.folder.classes:
        return
    values = sorted({int(value) for _, mask in survey.masked for value in mask.values} - survey.stray)
    holders = [(exam, mask) for exam, mask in survey.masked if IGNORE in mask.values]
    if not are_shades(values):
        return
    others = [value for value in values if value != IGNORE]
    pixels = sum(int(mask.counts[mask.values == IGNORE].sum()) for _, mask in holders)
    share = pixels / sum(int(mask.counts.sum()) for _, mask in survey.masked)
    yield Finding(
        "error",
        "ignored",
        f"255 lies beside shades of grey in {counted(len(holders), 'mask')}, {share:.1%} of all pixels",
        tuple(Case(exam.entry.mask) for exam, _ in holders),
        f"The other values, {' and '.join(map(str, others[:6]))}, look like shades of grey rather than class "
        "ids. Beside class ids, 255 is ignored; here it may be one more class. Training refuses to guess.",
        f"Say what each value stands for, by your names: {suggest(values)} ({LEFT_OUT}=255 to ignore it).",
    )
