"""The family of all questions that sweeps and comparisons ask together, with verdicts that know its size.

A combination of a sweep is set against the one that differs in the reference only (`SweepSpec.versus`), seed
by seed and fold by fold, as the arms of a comparison are. Combinations that are not complete get no verdict:
a sweep is looked at when it is done, not while it looks good.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.evaluation.evaluate import read_per_image, read_scores
from foveate.experiments.result import load_comparison
from foveate.experiments.sweeps.marker import Mark, read_mark
from foveate.experiments.sweeps.plan import load_cells, load_sweep, read_looks
from foveate.specs.arm import parse_named_arm
from foveate.specs.sweep import Cell, SweepSpec
from foveate.verdicts.comparison import CountedRuns, Question, compare_arms
from foveate.verdicts.looks import Looks
from foveate.verdicts.samples import TestImages
from foveate.verdicts.statistics import IntervalEstimate, holm
from foveate.verdicts.verdict import decide


@dataclass(frozen=True)
class Entry:
    """A trained combination: its score, and its paired difference from the reference.

    source: the folder of the sweep or comparison. arm: with its name, if it has one. values: of the swept
    fields. score_name: what verdicts are about. score: over seeds and folds. trainings: their number.
    reference: what the difference is taken from, "" for the reference itself and where there is none. p and
    verdict: adjusted for all questions of the family. asks: whether the difference is a question of the
    family, as those of placebos are not. tested: whether the attention could open.
    """

    source: str
    data: str
    arm: str
    values: dict[str, Any]
    score_name: str
    score: IntervalEstimate
    trainings: int
    parameters: int
    margin: float
    reference: str = ""
    difference: IntervalEstimate | None = None
    p: float = float("nan")
    verdict: str = ""
    asks: bool = True
    tested: bool = True


def family_of(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with p-values by Holm over all questions, and the verdicts that follow from them.

    >>> gain = IntervalEstimate(0.02, 0.01, 0.03, 0.03, 0.0, 2.0, 0.0, 59.0, seeds=3, images=60)
    >>> entry = Entry("runs/a", "photos", "se@decoder", {}, "miou", gain, 3, 9, 0.005, "none", gain)
    >>> [each.verdict for each in family_of([entry])], [each.verdict for each in family_of([entry, entry])]
    (['helps'], ['not shown', 'not shown'])
    """
    asked = [number for number, entry in enumerate(entries) if entry.difference is not None and entry.asks]
    adjusted = dict(zip(asked, holm([entries[number].difference.p for number in asked]), strict=True))
    found = []
    for number, entry in enumerate(entries):
        if entry.difference is not None:
            p = adjusted.get(number, entry.difference.p)
            verdict = decide(entry.difference, p, entry.margin, entry.tested)
            entry = replace(entry, p=p, verdict=verdict)
        found.append(entry)
    return found


def entries_of_sweep(out: Path) -> Iterator[Entry]:
    """Yield the complete combinations of the sweep in a folder, with unadjusted differences."""
    spec, groups = load_sweep(out), {}
    for digest, cell in load_cells(out):
        own = dict(cell.values) | {"arm": cell.arm}
        subject = own.pop(spec.versus)
        by_subject = groups.setdefault((cell.source, repr(own)), {})
        by_subject.setdefault(repr(subject), []).append((digest, cell))
    for by_subject in groups.values():
        yield from _entries_of_group(out, spec, by_subject)


def _entries_of_group(
    out: Path, spec: SweepSpec, by_subject: Mapping[str, Sequence[tuple[str, Cell]]]
) -> Iterator[Entry]:
    """Yield the entries of combinations that differ in what is set against each other."""
    runs: dict[str, dict[int, Any]] = {}
    errors: dict[str, dict[int, Any]] = {}
    marks: dict[str, list[Mark]] = {}
    stems: dict[int, tuple[str, ...]] = {}
    for subject, cells in by_subject.items():
        found = [_mark(out / "runs" / digest) for digest, _ in cells]
        if None in found:
            continue
        marks[subject] = found
        for unit, (digest, _) in enumerate(cells):
            stems[unit], confusions, unit_errors = read_per_image(out / "runs" / digest)
            runs.setdefault(subject, {})[unit] = confusions
            if unit_errors is not None:
                errors.setdefault(subject, {})[unit] = unit_errors
    if not runs:
        return
    reference = _reference(spec)
    all_marks = [mark for found in marks.values() for mark in found]
    groups = {name: group for mark in all_marks for name, group in mark.groups.items()}
    looks = read_looks(out, spec.units) if spec.units > 1 else Looks.once(2).take(2)
    classes = [scored.name for scored in read_scores(out / "runs" / _digest_of(by_subject, runs)).classes]
    baseline = reference if reference in runs else next(iter(runs))
    findings = compare_arms(
        CountedRuns(runs, classes, all_marks[0].task, errors or None, TestImages(stems, groups)),
        Question(baseline, judge=spec.judge, margin=spec.margin / 100, looks=looks),
    )
    for result in findings.arms:
        _, cell = by_subject[result.arm][0]
        names = {str(arm): name for name, arm in map(parse_named_arm, spec.arms) if name}
        is_question = reference in runs and result.difference is not None
        yield Entry(
            source=str(out),
            data=cell.source,
            arm=names.get(cell.arm, cell.arm),
            values=dict(cell.values),
            score_name=findings.judge,
            score=result.score,
            trainings=len(result.seeds),
            parameters=marks[result.arm][0].parameters,
            margin=findings.margin,
            reference=reference.strip("'") if is_question else "",
            difference=result.difference if is_question else None,
            tested=all(mark.tested for mark in marks[result.arm]),
        )


def entries_of_comparison(out: Path) -> Iterator[Entry]:
    """Yield the arms of the finished comparison in a folder, with unadjusted differences."""
    comparison = load_comparison(out)
    for item in comparison.contenders:
        result = comparison.result(item.arm)
        yield Entry(
            source=str(out),
            data=comparison.dataset,
            arm=item.label,
            values={"host": comparison.host},
            score_name=comparison.score,
            score=result.score,
            trainings=len(item.seeds),
            parameters=result.cost.parameters if result.cost else 0,
            margin=comparison.findings.margin,
            reference=comparison.baseline.label if result.difference is not None else "",
            difference=result.difference,
            asks=item.role != "placebo",
            tested=result.verdict != "not tested",
        )


def _reference(spec: SweepSpec) -> str:
    """Return the reference as it is written among the subjects of a group."""
    if spec.versus != "arm":
        return repr(spec.reference)
    names = {name: str(arm) for name, arm in map(parse_named_arm, spec.arms) if name}
    return repr(names.get(spec.reference) or str(parse_named_arm(str(spec.reference))[1]))


def _digest_of(by_subject: Mapping[str, Sequence[tuple[str, Cell]]], runs: Mapping[str, Any]) -> str:
    """Return the digest of a run of the first combination that is complete."""
    return by_subject[next(iter(runs))][0][0]


def _mark(folder: Path) -> Mark | None:
    """Return the mark of a run; None if it is not done, or not as it was left."""
    try:
        return read_mark(folder)
    except UserError:
        return None
