"""Files that cannot be decoded."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey


@check("unreadable", 10)
def unreadable(survey: Survey) -> Iterator[Finding]:
    cases = []
    for exam in survey.exams:
        for path, said in (
            (exam.entry.image, exam.image_error),
            (exam.entry.mask, exam.mask_error),
        ):
            if said:
                cases.append(
                    Case(path or survey.folder.root / exam.entry.stem, said.partition(": ")[2] or said)
                )
    some = any(not exam.image_error and not exam.mask_error for exam in survey.exams)
    if cases:
        yield Finding(
            "error",
            "unreadable",
            f"{counted(len(cases), 'file')} cannot be read",
            tuple(cases),
            "Training stops before it starts: every file is decoded once first.",
            "Do what is said of each; or copy the files again from where they came, or remove them with "
            "their other halves.",
            Mend("left out, with their other halves", leave_out=True) if some else None,
        )
