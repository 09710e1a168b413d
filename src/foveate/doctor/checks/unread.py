"""Find folders of images, and lists and tables of splits, that lie beside the pairs and are not read."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("unread", 25)
def unread(survey: Survey) -> Iterator[Finding]:
    if not survey.masked or survey.folder.reader_errors:
        return
    folders, lists = survey.folder.unread
    if folders:
        masks = sorted({survey.folder.name(exam.entry.mask.parent) for exam, _ in survey.masked})
        yield Finding(
            "warning",
            "unread",
            f"{counted(len(folders), 'folder')} of images beside those that are read",
            tuple(Case(path) for path in folders),
            f"Masks are taken from {', '.join(f'{name}/' for name in masks[:3])}; these are not used.",
            "If one of these folders holds the right masks, name it masks/ and move the other one elsewhere.",
        )
    if lists:
        whole = "all" in survey.folder.parts
        yield Finding(
            "warning",
            "unread",
            f"{counted(len(lists), 'file')} beside the images that may list their splits",
            tuple(Case(path) for path in lists),
            "They are not read"
            + (": images are split anew, at random." if whole else "; the folders say the splits."),
            "For these splits, put the files into images/train/ and masks/train/, images/val/ and so on"
            + ("." if survey.folder.colors else "; or write a CSV with the columns image, mask and split."),
        )
