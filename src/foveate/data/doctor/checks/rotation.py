"""Images that an EXIF tag turns."""

from collections.abc import Iterator

from foveate.data.doctor.checks.sizes import lies_as_stored
from foveate.data.doctor.exam import Exam
from foveate.data.doctor.finding import Case, Finding, Mend, check, counted
from foveate.data.doctor.survey import Survey

_UPRIGHT = Mend("images are written upright as PNG, masks that lie as the file are turned too", upright=True)


@check("rotation", 40)
def rotation(survey: Survey) -> Iterator[Finding]:
    if survey.folder.task != "segmentation":
        return
    turned = [exam for exam in survey.exams if exam.image is not None and exam.image.orientation != 1]
    lying = [exam for exam in turned if lies_as_stored(exam)]
    rest = [exam for exam in turned if not lies_as_stored(exam)]
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
    if rest:
        yield Finding(
            "warning",
            "rotation",
            f"{counted(len(rest), 'image')} that an EXIF tag turns or mirrors",
            _cases(rest),
            "foveate turns them upright. Some labelling tools and programs do not: where the shape does "
            "not tell, a mask may have been drawn on the image as it is stored.",
            "Look at some of them with their masks; write the images upright without the tag.",
            _UPRIGHT,
        )


def _cases(exams: list[Exam]) -> tuple[Case, ...]:
    return tuple(Case(exam.entry.image, f"EXIF orientation {exam.image.orientation}") for exam in exams)
