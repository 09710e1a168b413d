"""Find images that occur more than once, within a part and across parts."""

from collections.abc import Iterator

from foveate.data.dataset import SPLITS
from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey


@check("duplicates", 140)
def duplicates(survey: Survey) -> Iterator[Finding]:
    """Find images of equal pixels: with the same annotation within a part, with different ones anywhere."""
    pairs = [(survey.exams[a], survey.exams[b]) for a, b in survey.twins.same]
    within = [(a, b) for a, b in pairs if a.part == b.part]
    same = [(a, b) for a, b in within if _annotation(a) == _annotation(b)]
    other = [(a, b) for a, b in pairs if _annotation(a) != _annotation(b)]
    what = "masks" if survey.folder.task == "segmentation" else "classes"
    if other:
        yield Finding(
            "warning",
            "duplicates",
            f"{counted(len(other), 'image')} that occur{'s' * (len(other) == 1)} twice with different {what}",
            _cases(survey, other),
            "Only one of the two annotations can be right, and the network is trained on both.",
            "Keep the image with the right annotation.",
        )
    if same:
        yield Finding(
            "warning",
            "duplicates",
            f"{counted(len(same), 'image')} that cop{'ies' if len(same) == 1 else 'y'} another",
            _cases(survey, same),
            "Copies count twice in training and in scores."
            + (
                " The data has no splits of its own, so a random split may put the two into different parts."
                if any(a.part == "all" and not _grouped(a, b) for a, b in same)
                else ""
            ),
            "Remove the copies.",
            Mend("left out; the first of the copies is kept", leave_out=True),
        )


@check("leakage", 150)
def leakage(survey: Survey) -> Iterator[Finding]:
    """Find images of one part that also occur in another, with equal or nearly equal pixels."""
    same = {(a, b) for a, b in survey.twins.same if survey.exams[a].part != survey.exams[b].part}
    near = {(a, b) for a, b in survey.twins.near if survey.exams[a].part != survey.exams[b].part}
    for pairs, how in ((same, "also"), (near, "nearly the same")):
        leaks = [_trained_last(survey.exams[a], survey.exams[b]) for a, b in sorted(pairs)]
        leaks = list({id(later): (first, later) for first, later in leaks}.values())
        if leaks:
            parts = " and ".join(sorted({exam.part for pair in leaks for exam in pair}, key=_rank))
            yield Finding(
                "warning",
                "leakage",
                f"{counted(len(leaks), 'image')} {how} in another part ({parts})",
                _cases(survey, leaks),
                "Images that were trained on are scored: the score measures what the network remembers.",
                "Keep each picture in one part; frames of one video, tiles of one scene and images of one "
                "patient belong together: without parts of its own, --group keeps them in one.",
                Mend("left out of the part that is trained on", leave_out=True),
            )
    near_pairs = [
        (a, b)
        for a, b in ((survey.exams[a], survey.exams[b]) for a, b in survey.twins.near)
        if a.part == "all" == b.part and not _grouped(a, b)
    ]
    if near_pairs:
        yield Finding(
            "warning",
            "leakage",
            f"{counted(len(near_pairs), 'pair')} of images that are nearly the same",
            _cases(survey, near_pairs),
            "The data has no splits of its own, and a random split may put one of the two into training and "
            "the other into the test.",
            "Keep images that belong together (one video, one scene, one patient) in one part: --group "
            "names what their names share, or the column of a table.",
        )


def _grouped(a: Exam, b: Exam) -> bool:
    """Whether two images belong to one group (slices of a volume, say), which is never divided."""
    return a.entry.group is not None and a.entry.group == b.entry.group


def _annotation(exam: Exam) -> object:
    return exam.entry.label if exam.mask is None else exam.mask.digest


def _rank(part: str) -> int:
    return SPLITS.index(part) if part in SPLITS else len(SPLITS)


def _trained_last(a: Exam, b: Exam) -> tuple[Exam, Exam]:
    """Order two images: first the one to keep (test before val before train), then the one to leave out."""
    return (b, a) if _rank(a.part) < _rank(b.part) else (a, b)


def _cases(survey: Survey, pairs: list[tuple[Exam, Exam]]) -> tuple[Case, ...]:
    image, name = survey.folder.image, survey.folder.name
    return tuple(Case(image(later.entry), f"as {name(image(first.entry))}") for first, later in pairs)
