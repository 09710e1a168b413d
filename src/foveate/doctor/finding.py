"""What a check hands over, and the registry of the checks: one file in `foveate.doctor.checks` each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from foveate.shelves import import_shelf

if TYPE_CHECKING:
    from foveate.doctor.survey import Survey

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Case:
    """One file that a finding is about, and what it has in it."""

    file: Path
    detail: str = ""


@dataclass(frozen=True)
class Mend:
    """What `--fix` does to the files of a finding in its copy, told in `words`.

    mask: from stored mask values and the image's height and width to those that are written. upright: images
    are written upright, and masks that lie as the image's file does are turned along. leave_out: their images
    and masks are not copied. files: text files by name that are added.
    """

    words: str
    mask: Callable[[np.ndarray, tuple[int, int]], np.ndarray] | None = None
    upright: bool = False
    leave_out: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something about a dataset that its owner should know.

    severity: "error" where training would refuse the data or learn from wrong labels, "warning" where scores
    or training are likely to suffer, "note" where it may be intended. check: the name of the check. title:
    one line with the number of files. cases: all files concerned. why: why it matters. remedy: what to do.
    mend: what `--fix` does, None where only a person can mend it.
    """

    severity: Severity
    check: str
    title: str
    cases: tuple[Case, ...]
    why: str
    remedy: str
    mend: Mend | None = None


Check = Callable[["Survey"], Iterable[Finding]]
_CHECKS: dict[str, tuple[int, Check]] = {}


def check(name: str, order: int) -> Callable[[Check], Check]:
    """Decorator: register a check, a function from a survey to findings; low orders are reported first."""

    def register(function: Check) -> Check:
        if name in _CHECKS:
            raise ValueError(f"the check '{name}' is registered twice")
        _CHECKS[name] = (order, function)
        return function

    return register


def checks() -> dict[str, Check]:
    """All checks by name, in the order in which they are reported."""
    import_shelf(f"{__package__}.checks")
    return {name: function for name, (_, function) in sorted(_CHECKS.items(), key=lambda item: item[1][0])}


def judge(survey: "Survey") -> tuple[Finding, ...]:
    """The findings of all checks, the severest first; none has a mend where `--fix` cannot copy the data."""
    found = [finding for function in checks().values() for finding in function(survey)]
    if not survey.folder.mendable:
        found = [replace(finding, mend=None) for finding in found]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "mask"), counted(3, "mask"), counted(2, "copy", "copies")
    ('1 mask', '3 masks', '2 copies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
