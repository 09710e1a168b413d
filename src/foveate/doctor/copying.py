"""Copy a dataset with the repairs that need no decision (`--fix`); the original stays unchanged."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from foveate.data.pixels.images import read_image
from foveate.doctor.checks.sizes import lies_as_stored
from foveate.doctor.decoding import packed_to_rgb, stored_mask
from foveate.doctor.exam import Exam
from foveate.doctor.finding import Finding, Mend
from foveate.doctor.survey import Survey
from foveate.doctor.tables import rewrite_table
from foveate.errors import DataError
from foveate.files import write_whole

_UPRIGHT = {
    5: lambda stored: stored.T,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: lambda stored: np.rot90(stored),
}
"""Functions that turn a stored mask upright, by the EXIF orientations that swap height and width."""


@dataclass(frozen=True)
class Copied:
    """What `copy_mended` did.

    untouched, mended, left_out: number of images that were copied unchanged, mended, and left out. remaining:
    the findings that were not mended. unpaired: number of other files left out: without their other half, or
    with the same name as another. others: number of further files that were copied.
    """

    untouched: int
    mended: int
    left_out: int
    remaining: tuple[Finding, ...]
    unpaired: int
    others: int


def copy_mended(
    survey: Survey,
    findings: Sequence[Finding],
    out: Path,
    advance: Callable[[int, int], None] | None = None,
) -> Copied:
    """Copy the folder to `out`, which must be new or empty, and apply the `Mend` of every finding.

    All other files are copied too, except hidden ones. advance: called with the files done and all files.
    Raises `DataError` if the survey does not cover all images, if the layout cannot be copied, or if `out`
    holds files or lies inside the dataset.
    """
    check_copy(survey, out)
    out.mkdir(parents=True, exist_ok=True)
    root, mends = survey.folder.root, _mends(findings)
    unpaired = {path for path, _ in (*survey.folder.unpaired, *survey.folder.clashes)}
    others = _others(survey, unpaired)
    total = len(survey.exams) + len(others)
    counts = {"untouched": 0, "mended": 0, "left out": 0}
    for number, exam in enumerate(survey.exams, 1):
        done = _copy_pair(exam, mends, bool(survey.folder.colors), root, out)
        counts[done] += 1
        if advance is not None:
            advance(number, total)
    for number, path in enumerate(others, len(survey.exams) + 1):
        _copy(path, root, out)
        if advance is not None:
            advance(number, total)
    for table in survey.folder.tables:
        with write_whole(out / table.relative_to(root), "w") as file:
            file.write(rewrite_table(table, out, survey.folder.droppable_rows))
    for finding in findings:
        for name, text in (finding.mend.files if finding.mend else {}).items():
            with write_whole(out / name, "w") as file:
                file.write(text)
    remaining = tuple(finding for finding in findings if finding.mend is None)
    return Copied(
        counts["untouched"], counts["mended"], counts["left out"], remaining, len(unpaired), len(others)
    )


def check_copy(survey: Survey, out: Path) -> None:
    """Raise `DataError` if `copy_mended` would refuse this survey or `out`."""
    root = survey.folder.root.resolve()
    if len(survey.exams) < survey.total:
        raise DataError(
            "--fix needs the whole dataset, and --limit looks at a part of it; leave one of them out"
        )
    if not survey.folder.mendable:
        raise DataError(
            f"--fix mends folders of images and masks, and {root} is read as {survey.folder.layout}; mend "
            "its files as the findings say"
        )
    if out.resolve() == root or root in out.resolve().parents or out.resolve() in root.parents:
        raise DataError(f"--fix: {out} and the dataset lie inside one another; name a folder beside it")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"--fix: {out} exists already; name a folder that is new or empty")


def _mends(findings: Sequence[Finding]) -> dict[Path, list[Mend]]:
    by_file: dict[Path, list[Mend]] = {}
    for finding in findings:
        for case in finding.cases if finding.mend else ():
            by_file.setdefault(case.file, []).append(finding.mend)
    return by_file


def _others(survey: Survey, unpaired: set[Path]) -> list[Path]:
    """Return the files that are no images or masks of the dataset, such as class_dict.csv and licences."""
    known = unpaired | {path for exam in survey.exams for path in (exam.entry.image, exam.entry.mask)}
    paths = []
    for folder, inside, files in os.walk(survey.folder.root):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        paths += [Path(folder, name) for name in sorted(files) if not name.startswith(".")]
    return [path for path in paths if path not in known]


def _copy_pair(exam: Exam, mends: dict[Path, list[Mend]], colored: bool, root: Path, out: Path) -> str:
    files = [path for path in (exam.entry.image, exam.entry.mask) if path is not None]
    file_mends = [mend for path in files for mend in mends.get(path, [])]
    if any(mend.leave_out for mend in file_mends):
        return "left out"
    changes = [mend for mend in file_mends if mend.mask is not None or mend.upright]
    if not changes:
        for path in files:
            _copy(path, root, out)
        return "untouched"
    upright = any(mend.upright for mend in changes)
    if upright:
        _save(read_image(exam.entry.image), exam.entry.image, root, out)
    else:
        _copy(exam.entry.image, root, out)
    if exam.entry.mask is not None:
        _copy_mask(exam, changes, colored, root, out)
    return "mended"


def _copy_mask(exam: Exam, changes: list[Mend], colored: bool, root: Path, out: Path) -> None:
    turn = _UPRIGHT[exam.image.orientation] if lies_as_stored(exam) else None
    if turn is None and all(mend.mask is None for mend in changes):
        return _copy(exam.entry.mask, root, out)
    mask = stored_mask(exam.entry.mask, colored).values
    if turn is not None:
        mask = turn(mask)
    for mend in changes:
        if mend.mask is not None:
            mask = mend.mask(mask, exam.image.size)
    _save(packed_to_rgb(mask) if colored and mask.ndim == 2 else mask, exam.entry.mask, root, out)


def _copy(path: Path, root: Path, out: Path) -> None:
    target = out / path.relative_to(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def _save(pixels: np.ndarray, path: Path, root: Path, out: Path) -> None:
    target = (out / path.relative_to(root)).with_suffix(".png")
    target.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(target) as file:
        Image.fromarray(pixels).save(file, "PNG")
