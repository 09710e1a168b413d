"""Find masks with soft edges, from anti-aliasing or from resizing with smoothing."""

from collections.abc import Iterator

from foveate.doctor.checks.jpeg import is_jpeg
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.mends import threshold
from foveate.doctor.reading import RAMPS, kind
from foveate.doctor.survey import Survey


@check("smoothed", 60)
def smoothed(survey: Survey) -> Iterator[Finding]:
    masks = [(exam, mask) for exam, mask in survey.masked if not is_jpeg(mask.format)]
    grey = [(exam, mask) for exam, mask in masks if kind(mask) == "smoothed"]
    if survey.convention == "0/255" and grey:
        yield Finding(
            "error",
            "smoothed",
            f"{counted(len(grey), 'black and white mask')} with grey edges",
            tuple(Case(exam.entry.mask, f"{len(mask.values)} different values") for exam, mask in grey),
            "The greys come from anti-aliasing, smooth resizing or JPEG; each would be a class.",
            "Export the masks again without smoothing, or cut the greys at the middle.",
            threshold(),
        )
    if survey.convention == "ids" and survey.folder.read is None:
        # With three values, the middle one may be a real class: a border around every object.
        ramped = [(exam, mask) for exam, mask in masks if len(mask.values) > 3 and mask.ramps >= RAMPS]
        if ramped:
            yield Finding(
                "error",
                "smoothed",
                f"{counted(len(ramped), 'mask')} with blended class ids",
                tuple(
                    Case(exam.entry.mask, f"{mask.ramps:.0%} of the outlines lie between two other classes")
                    for exam, mask in ramped
                ),
                "Smooth resizing invents classes between neighbours: 1 and 3 become 2 along every edge.",
                "Export the masks again, or resize the originals by nearest pixel.",
            )
