"""Find bands that say nothing, and missing values."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, check
from foveate.doctor.survey import Survey

_GAPS = 0.01
"""Share of missing pixels of a band from which on they are told."""


@check("bands", 106)
def bands(survey: Survey) -> Iterator[Finding]:
    facts = survey.bands
    root = survey.folder.root
    if constant := [band for band in facts if band.low == band.high or band.missing == 1]:
        yield Finding(
            "warning",
            "bands",
            f"{_named(len(constant))} the same value everywhere",
            tuple(Case(root, f"band {band.name}: {_value(band.low)}") for band in constant),
            "Such a band tells the network nothing, and often shows that the export went wrong.",
            "Export the band again, or name the others with --bands.",
        )
    if gaps := [band for band in facts if _GAPS <= band.missing < 1]:
        yield Finding(
            "note",
            "bands",
            f"{_named(len(gaps))} pixels without a value",
            tuple(Case(root, f"band {band.name}: {band.missing:.1%} of the pixels") for band in gaps),
            "They are NaN, infinite or the file's nodata value. Training gives them the band's mean.",
            "Fill them where you can; or mark these pixels as ignored in the masks.",
        )


def _named(count: int) -> str:
    return f"{count} band{'s' * (count > 1)} {'have' if count > 1 else 'has'}"


def _value(value: float) -> str:
    return "no value" if value != value else f"{value:g}"
