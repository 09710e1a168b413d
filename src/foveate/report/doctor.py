"""Report what a dataset is, its problems, and how to train on it, as text, HTML and JSON."""

import json
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.doctor.bands import BandFacts
from foveate.doctor.copying import Copied, copy_mended
from foveate.doctor.exam import Exam
from foveate.doctor.facts import Facts
from foveate.doctor.finding import SEVERITIES, Finding, counted
from foveate.doctor.survey import Survey
from foveate.errors import DataError, UserError
from foveate.files import write_whole
from foveate.report import outlines
from foveate.report.html import render_template
from foveate.specs.data import FolderChoice

if TYPE_CHECKING:
    from foveate.experiments.advice import Advice

FILES_IN_TEXT = 5
"""Number of files of a finding that the terminal names."""

FILES_ON_PAGE = 200
"""Number of files of a finding that the page names; the JSON names all."""

PICTURES_PER_FINDING = 4
"""Number of images of a finding that the page shows."""

SAMPLES = 8
"""Number of sample images of the dataset that the page shows."""

_MARKS = {"error": "✗", "warning": "!", "note": "·"}
_TONES = {"error": "hurts", "warning": "open", "note": "open"}
_PICTURED_CHECKS = frozenset(
    ["uniform", "shifted", "swapped", "sizes", "rotation", "smoothed", "stray", "jpeg"]
)
"""Checks whose findings the page illustrates with an image and its mask."""


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The doctor's report on a dataset. Its `repr` is the text for a terminal.

    source: the dataset as the user named it. findings: errors first. advice: how to train on it, None if
    there is too little data.
    """

    source: str
    survey: Survey
    facts: Facts
    findings: tuple[Finding, ...]
    advice: "Advice | None"

    @property
    def clean(self) -> bool:
        """Whether all findings are notes."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def advice_heading(self) -> str:
        """Heading of the advice. It says that errors come first, since training refuses them."""
        errors = any(finding.severity == "error" for finding in self.findings)
        return "Advice, once the errors are mended" if errors else "Advice"

    @property
    def headline(self) -> str:
        """The number of errors, warnings and notes, as a sentence."""
        if not self.findings:
            return "No problems found."
        numbers = [(severity, sum(f.severity == severity for f in self.findings)) for severity in SEVERITIES]
        return ", ".join(counted(number, severity) for severity, number in numbers if number) + "."

    def save(self, path: str | Path) -> Path:
        """Write the page with pictures to a .html file, or the report with all file names to a .json file.

        Returns the path. Raises `UserError` for another suffix.
        """
        path = Path(path)
        writers = {".html": write_page, ".json": write_json}
        if path.suffix not in writers:
            raise UserError(f"{path}: the doctor's page is HTML or JSON; name a file in .html or .json")
        writers[path.suffix](self, path)
        return path

    def fix(self, folder: str | Path, progress: Callable[[int, int], None] | None = None) -> Copied:
        """Copy the dataset to a new folder with the repairs that need no decision.

        progress: called with the files done and all files. Raises `DataError` if not all images were examined
        or the folder is not empty.
        """
        return copy_mended(self.survey, self.findings, Path(folder), progress)

    def __repr__(self) -> str:
        return as_text(self)


def as_text(diagnosis: Diagnosis) -> str:
    """Write the report for a terminal."""
    source, facts, name = diagnosis.source, diagnosis.facts, diagnosis.survey.folder.name
    width = max(len(heading) for heading, _ in facts.rows)
    lines = [source, *(f"  {heading:<{width}}  {text}" for heading, text in facts.rows)]
    if facts.classes:
        lines += ["", *_class_table(diagnosis)]
    if diagnosis.survey.bands:
        lines += ["", *_band_table(diagnosis.survey.bands)]
    lines += ["", diagnosis.headline]
    for finding in diagnosis.findings:
        lines += ["", f"{_MARKS[finding.severity]} {finding.severity}: {finding.title}"]
        for case in finding.cases[:FILES_IN_TEXT]:
            text = ": ".join(filter(None, [_file(diagnosis, case.file, name), case.detail]))
            lines.append(f"    {text}")
        if len(finding.cases) > FILES_IN_TEXT:
            lines.append(f"    and {len(finding.cases) - FILES_IN_TEXT:,} more")
        lines.append(f"  {finding.why}")
        lines.append(f"  {finding.remedy}")
        if finding.mend:
            lines.append(f"  With --fix: {finding.mend.words}.")
    if diagnosis.advice:
        command = _command(diagnosis.advice, source, diagnosis.survey.folder.choice)
        lines += ["", f"{diagnosis.advice_heading}: {command}"]
        lines += [f"  {_sentence(reason)}" for reason in diagnosis.advice.why]
        lines.append(f"  Judge by {diagnosis.advice.score}.")
    return "\n".join(lines)


def as_plain(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return the whole report, with all files, in JSON types."""
    name, survey = diagnosis.survey.folder.name, diagnosis.survey
    return {
        "folder": str(survey.folder.root),
        "layout": survey.folder.layout,
        "task": survey.folder.task,
        "images": survey.total,
        "looked_at": len(survey.exams),
        "facts": dict(diagnosis.facts.rows),
        "classes": [asdict(row) for row in diagnosis.facts.classes],
        "bands": [_band_plain(band) for band in survey.bands],
        "findings": [
            {
                "severity": finding.severity,
                "check": finding.check,
                "title": finding.title,
                "files": [{"file": name(case.file), "said": case.detail} for case in finding.cases],
                "why": finding.why,
                "remedy": finding.remedy,
                "fix": finding.mend.words if finding.mend else None,
            }
            for finding in diagnosis.findings
        ],
        "advice": asdict(diagnosis.advice) if diagnosis.advice else None,
    }


def write_page(diagnosis: Diagnosis, path: Path) -> None:
    """Write the report as one HTML file with pictures that needs no network."""
    with write_whole(path, "w") as file:
        file.write(as_html(diagnosis))


def write_json(diagnosis: Diagnosis, path: Path) -> None:
    """Write `as_plain` as JSON."""
    with write_whole(path, "w") as file:
        file.write(json.dumps(as_plain(diagnosis), indent=2, ensure_ascii=False) + "\n")


def as_html(diagnosis: Diagnosis) -> str:
    """Return the HTML report as a string. Names of files and classes are escaped."""
    source = diagnosis.source
    return render_template(
        "doctor.html",
        source=source,
        headline=diagnosis.headline,
        rows=diagnosis.facts.rows,
        classes=diagnosis.facts.classes,
        bands=[_band_cells(band) for band in diagnosis.survey.bands],
        band_heads=_BAND_HEADS,
        masks=bool(diagnosis.survey.masked),
        findings=[_finding_view(diagnosis, finding) for finding in diagnosis.findings],
        samples=_draw(diagnosis.survey, _sample(diagnosis.survey)),
        advice=diagnosis.advice,
        advice_heading=diagnosis.advice_heading,
        command=_command(diagnosis.advice, source, diagnosis.survey.folder.choice)
        if diagnosis.advice
        else "",
        reasons=[_sentence(reason) for reason in diagnosis.advice.why] if diagnosis.advice else [],
    )


def _command(advice: "Advice", source: str, folder: FolderChoice) -> str:
    return f"foveate compare {shlex.quote(source)} {folder.flags}{advice.flags}"


def _finding_view(diagnosis: Diagnosis, finding: Finding) -> dict[str, Any]:
    return {
        "finding": finding,
        "mark": _MARKS[finding.severity],
        "tone": _TONES[finding.severity],
        "cases": [
            (_file(diagnosis, case.file, diagnosis.survey.folder.name), case.detail)
            for case in finding.cases[:FILES_ON_PAGE]
        ],
        "more": max(0, len(finding.cases) - FILES_ON_PAGE),
        "pictures": _pictures(diagnosis.survey, finding) if finding.check in _PICTURED_CHECKS else [],
    }


def _pictures(survey: Survey, finding: Finding) -> list[dict[str, str]]:
    """Draw the first pairs of a finding."""
    owners: dict[Path, Exam] = {}
    for exam in survey.exams:
        owners |= dict.fromkeys((survey.folder.image(exam.entry), survey.folder.mask(exam.entry)), exam)
    return _draw(
        survey, [owners[case.file] for case in finding.cases if case.file in owners][:PICTURES_PER_FINDING]
    )


def _sample(survey: Survey) -> list[Exam]:
    """Return up to `SAMPLES` exams without errors, evenly spaced."""
    whole = [exam for exam in survey.exams if not exam.image_error and not exam.mask_error]
    count = min(len(whole), SAMPLES)
    return [whole[number * len(whole) // count] for number in range(count)]


def _draw(survey: Survey, exams: Sequence[Exam]) -> list[dict[str, str]]:
    """Draw each image with the outlines of its mask; skip those that cannot be read."""
    drawn = []
    for exam in exams:
        try:
            source = outlines.draw(exam.entry, bool(survey.folder.colors), survey.folder.read)
        except DataError:
            continue
        drawn.append({"source": source, "stem": exam.entry.stem})
    return drawn


def _file(diagnosis: Diagnosis, path: Path, name: Any) -> str:
    return "" if path == diagnosis.survey.folder.root else name(path)


def _class_table(diagnosis: Diagnosis) -> list[str]:
    classes, masked = diagnosis.facts.classes, bool(diagnosis.survey.masked)
    width = max(len("class"), *(len(row.name) for row in classes))
    head = f"  {'class':<{width}}  {'share':>7}  {'images':>7}"
    lines = [head + (f"  {'objects':>8}  {'median area':>11}" if masked else "")]
    for row in classes:
        line = f"  {row.name:<{width}}  {100 * row.share:>6.2f}%  {row.images:>7,}"
        area = f"~{row.area:,} px" if row.objects else "-"
        lines.append(line + (f"  {row.objects:>8,}  {area:>11}" if masked else ""))
    return lines


_BAND_HEADS = ("band", "lowest", "1%", "mean", "99%", "highest", "missing")


def _band_cells(band: BandFacts) -> tuple[str, ...]:
    numbers = (band.low, band.percent_1, band.mean, band.percent_99, band.high)
    shown = ("-" if math.isnan(number) else f"{number:.6g}" for number in numbers)
    return band.name, *shown, f"{band.missing:.1%}"


def _band_table(bands: Sequence[BandFacts]) -> list[str]:
    rows = [_BAND_HEADS, *map(_band_cells, bands)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(_aligned, row, widths, range(len(widths)))) for row in rows]


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)


def _band_plain(band: BandFacts) -> dict[str, Any]:
    """Return the statistics of a band in JSON types, None for what a band without values does not have."""
    return {name: None if value != value else value for name, value in asdict(band).items()}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
