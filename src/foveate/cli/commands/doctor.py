"""`foveate doctor`: find problems in a dataset, and say how to fix them."""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.cli.flags import FolderFlags, parse_names
from foveate.errors import UserError
from foveate.specs.data import FolderChoice

if TYPE_CHECKING:
    from foveate.doctor.survey import Survey
    from foveate.report.doctor import Diagnosis


def doctor(
    data: str,
    *,
    folder: FolderFlags,
    out: str | None = None,
    json: str | None = None,
    fix: str | None = None,
    limit: int | None = None,
    group: str | None = None,
    classes: list[str] | None = None,
) -> int:
    """Check every image and mask of a dataset; report problems, and advise how to train on it.

    Also works on folders that training refuses, and never changes them. The exit code is 0 without problems
    (notes may remain), 1 with problems, and 2 if there are no images.

    Args:
        data: a folder of images with masks or of class folders, an address of shards, or hf:NAME.
        out: also write the page with pictures to this file, as HTML.
        json: also write everything with the names of all files to this file, as JSON.
        fix: a new folder for a repaired copy of the data; problems that need a decision stay.
        limit: check at most this many images, evenly spread.
        group: images that belong together, as in compare: a regular expression for what their names share, or
            a column of the data's table.
        classes: of the masks, as in fit: names in the order of the values, or bound to them, such as cup=0
            disc=128.

    Example:
      foveate doctor photos/ --out photos.html --fix photos-mended
    """
    for flag, path in (("--out", out), ("--json", json)):
        _check_target(flag, path)
    survey = _visit(data, limit, group, folder.choice, parse_names(classes))
    from foveate.api.doctor import diagnose
    from foveate.cli.progress import progress
    from foveate.report.doctor import write_json, write_page

    if fix:
        from foveate.doctor.copying import check_copy

        check_copy(survey, Path(fix))
    with progress("Checking, and choosing settings"):
        diagnosis = diagnose(survey, data)
    print(diagnosis)
    if out:
        write_page(diagnosis, Path(out))
        print(f"\n{out}")
    if json:
        write_json(diagnosis, Path(json))
        print(f"\n{json}")
    if fix:
        _fix(diagnosis, Path(fix))
    return 0 if diagnosis.clean else 1


def _check_target(flag: str, path: str | None) -> None:
    if path is not None and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise UserError(f"{flag}: {path} cannot be written; name a file in a folder that exists")


def _visit(
    data: str,
    limit: int | None,
    group: str | None,
    folder: FolderChoice,
    classes: tuple[str, ...] | None,
) -> "Survey":
    from foveate.cli.progress import progress
    from foveate.doctor.visit import visit

    with progress("Reading images") as advance:
        return visit(data, limit, advance, group=group, folder=folder, classes=classes)


def _fix(diagnosis: "Diagnosis", folder: Path) -> None:
    from foveate.cli.progress import progress

    with progress("Copying") as advance:
        done = diagnosis.fix(folder, advance)
    print(
        f"\n{folder}: {done.untouched:,} images copied as they are, {done.mended:,} mended,"
        f" {done.left_out:,} left out; images or masks without a partner left out: {done.unpaired:,};"
        f" other files copied: {done.others:,}"
    )
    if done.remaining:
        print("Left for you: " + "; ".join(finding.title for finding in done.remaining))
