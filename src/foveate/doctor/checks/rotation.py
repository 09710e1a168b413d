"""Find images that an EXIF tag turns, and masks that were drawn on the unturned image."""

from collections.abc import Iterator

from foveate.doctor.checks.sizes import lies_as_stored
from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey

_UPRIGHT = Mend("images are written upright as PNG, masks that lie as the file are turned too", upright=True)


@check("rotation", 40)
def rotation(survey: Survey) -> Iterator[Finding]:
    if survey.folder.task != "segmentation":
        return
    turned = [exam for exam in survey.exams if exam.image is not None and exam.image.orientation != 1]
    lying = [exam for exam in turned if lies_as_stored(exam)]
    upright = [exam for exam in turned if _lies_upright(exam)]
    ambiguous = [exam for exam in turned if not lies_as_stored(exam) and not _lies_upright(exam)]
    if lying:
        yield Finding(
            "error",
            "rotation",
            f"{counted(len(lying), 'mask')} drawn on an image that was not turned as its EXIF tag says",
            _cases(lying),
            "The image is shown upright and the mask lies on its side; training refuses them.",
            "Turn these masks, or write the images upright without the tag.",
            _UPRIGHT,
        )
    if upright:
        yield Finding(
            "warning",
            "rotation",
            f"{counted(len(upright), 'image')} that an EXIF tag turns, with their masks upright",
            _cases(upright),
            "foveate turns them upright, as their masks are. Some other programs do not.",
            "Write the images upright without the tag.",
            _UPRIGHT,
        )
    if ambiguous:
        yield Finding(
            "warning",
            "rotation",
            f"{counted(len(ambiguous), 'image')} that an EXIF tag turns or mirrors",
            _cases(ambiguous),
            "foveate turns them upright. Some labelling tools do not, so a mask may have been drawn on the "
            "image as it is stored; the sizes of these masks do not show which.",
            "Look at them with their masks. Turn the masks that were drawn on the image as it is stored, and "
            "write the images upright without the tag.",
        )


def _lies_upright(exam: Exam) -> bool:
    """Whether the size of a mask shows that it was drawn on the upright image."""
    height, width = exam.image.size
    return (
        height != width
        and exam.image.orientation >= 5
        and exam.mask is not None
        and exam.mask.size == (height, width)
    )


def _cases(exams: list[Exam]) -> tuple[Case, ...]:
    return tuple(Case(exam.entry.image, f"EXIF orientation {exam.image.orientation}") for exam in exams)
