"""Images that are there more than once, within a part and across parts."""

from collections.abc import Iterator

from foveate.data.dataset import SPLITS
from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey


@check("duplicates", 140)
def duplicates(survey: Survey) -> Iterator[Finding]:
    """The same pixels twice in one part, with the same annotation or another."""
    pairs = [(survey.exams[a], survey.exams[b]) for a, b in survey.twins.same]
    within = [(a, b) for a, b in pairs if a.part == b.part]
    same = [(a, b) for a, b in within if _annotation(a) == _annotation(b)]
    other = [(a, b) for a, b in pairs if _annotation(a) != _annotation(b)]
    what = "masks" if survey.folder.task == "segmentation" else "classes"
    if other:
        yield Finding(
            "warning",
            "duplicates",
            f"{counted(len(other), 'image')} a second time with other {what}",
            _cases(survey, other),
            "The same pixels cannot be right in both ways; the network is told both.",
            "Keep the one that is right.",
        )
    if same:
        yield Finding(
            "warning",
            "duplicates",
            f"{counted(len(same), 'image')} that {'is' if len(same) == 1 else 'are'} there a second time",
            _cases(survey, same),
            "Copies count twice in training and in scores."
            + (
                " Without splits of its own the data may be cut between them."
                if any(a.part == "all" and not _grouped(a, b) for a, b in same)
                else ""
            ),
            "Remove the copies.",
            Mend("left out; the first of the same is kept", leave_out=True),
        )


@check("leakage", 150)
def leakage(survey: Survey) -> Iterator[Finding]:
    """Images of one part that are in another, to the pixel or nearly."""
    same = {(a, b) for a, b in survey.twins.same if survey.exams[a].part != survey.exams[b].part}
    near = {(a, b) for a, b in survey.twins.near if survey.exams[a].part != survey.exams[b].part}
    for pairs, how in ((same, "also"), (near, "nearly the same")):
        found = [_trained_last(survey.exams[a], survey.exams[b]) for a, b in sorted(pairs)]
        found = list({id(later): (first, later) for first, later in found}.values())
        if found:
            parts = " and ".join(sorted({exam.part for pair in found for exam in pair}, key=_rank))
            yield Finding(
                "warning",
                "leakage",
                f"{counted(len(found), 'image')} {how} in another part ({parts})",
                _cases(survey, found),
                "What was trained on is scored: the score says how well the network remembers.",
                "Keep each picture in one part; frames of one video, tiles of one scene and images of one "
                "patient belong together.",
                Mend("left out of the part that is trained on", leave_out=True),
            )
    near_all = [
        (a, b)
        for a, b in ((survey.exams[a], survey.exams[b]) for a, b in survey.twins.near)
        if a.part == "all" == b.part and not _grouped(a, b)
    ]
    if near_all:
        yield Finding(
            "warning",
            "leakage",
            f"{counted(len(near_all), 'pair')} of images that are nearly the same",
            _cases(survey, near_all),
            "The data has no splits of its own, and those that are drawn by name can put one into training "
            "and the other into the test.",
            "Put images that belong together (one video, one scene, one patient) into one of train/, val/ "
            "and test/.",
        )


def _grouped(a: Exam, b: Exam) -> bool:
    """Whether two images, as slices of one volume, go to one split whatever is drawn."""
    return a.entry.group is not None and a.entry.group == b.entry.group


def _annotation(exam: Exam) -> object:
    return exam.entry.label if exam.mask is None else exam.mask.digest


def _rank(part: str) -> int:
    return SPLITS.index(part) if part in SPLITS else len(SPLITS)


def _trained_last(a: Exam, b: Exam) -> tuple[Exam, Exam]:
    """The one that is scored, then the one that is trained on (or validated on) and can go."""
    return (b, a) if _rank(a.part) < _rank(b.part) else (a, b)


def _cases(survey: Survey, pairs: list[tuple[Exam, Exam]]) -> tuple[Case, ...]:
    image, name = survey.folder.image, survey.folder.name
    return tuple(Case(image(later.entry), f"as {name(image(first.entry))}") for first, later in pairs)
