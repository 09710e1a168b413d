"""The findings that checks return, and the registry of checks: one file in `foveate.doctor.checks` each."""

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
    """One file that a finding is about, with a detail for the user."""

    file: Path
    detail: str = ""


@dataclass(frozen=True)
class Mend:
    """What `--fix` does, in its copy, to the files of a finding.

    words: description for the user. mask: function from the stored mask and the image's (height, width) to
    the mask that is written. upright: write the images upright and turn their masks where these lie as the
    image's file does. leave_out: do not copy these images and their masks. files: names and texts of files
    that are added.
    """

    words: str
    mask: Callable[[np.ndarray, tuple[int, int]], np.ndarray] | None = None
    upright: bool = False
    leave_out: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A problem of a dataset.

    severity: "error" if training would refuse the data or learn from wrong labels, "warning" if scores or
    training are likely to suffer, "note" if it may be intended. check: the name of the check. title: one line
    with the number of files. cases: all files concerned. why: why it matters. remedy: what to do. mend: what
    `--fix` does, None if only a person can mend it.
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
    """Return a decorator that registers a check, a function from a survey to findings.

    order: checks with lower numbers are reported first.
    """

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
    """Run all checks and return the findings, errors first; without mends if `--fix` cannot copy the data."""
    findings = [finding for function in checks().values() for finding in function(survey)]
    if not survey.folder.mendable:
        findings = [replace(finding, mend=None) for finding in findings]
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun.

    >>> counted(1, "mask"), counted(3, "mask"), counted(2, "copy", "copies")
    ('1 mask', '3 masks', '2 copies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
