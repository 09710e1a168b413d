"""Find files that cannot be decoded."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey


@check("unreadable", 10)
def unreadable(survey: Survey) -> Iterator[Finding]:
    cases = []
    for exam in survey.exams:
        for path, message in (
            (exam.entry.image, exam.image_error),
            (exam.entry.mask, exam.mask_error),
        ):
            if message:
                cases.append(
                    Case(path or survey.folder.root / exam.entry.stem, message.partition(": ")[2] or message)
                )
    any_readable = any(not exam.image_error and not exam.mask_error for exam in survey.exams)
    if cases:
        yield Finding(
            "error",
            "unreadable",
            f"{counted(len(cases), 'file')} cannot be read",
            tuple(cases),
            "Training decodes every file before it starts, and refuses these.",
            "Follow the message of each file; or copy the files again from their source, or remove them with "
            "their other halves.",
            Mend("left out, with their other halves", leave_out=True) if any_readable else None,
        )
