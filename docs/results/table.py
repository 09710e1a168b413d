"""Write the page of one comparison: python docs/results/table.py runs/NAME "Title" > docs/results/NAME.md

Reads the folder that `foveate compare` wrote; trains and scores nothing.
"""

import sys

from foveate.experiments.result import Comparison, Contender, load_comparison
from foveate.report import sentences, words
from foveate.report.tables import compared
from foveate.verdicts.statistics import IntervalEstimate


def main() -> None:
    folder, title = sys.argv[1:3]
    print("\n".join(page(load_comparison(folder), title)))


def page(comparison: Comparison, title: str) -> list[str]:
    environment = comparison.environment
    return [
        f"# {title}",
        "",
        f"{sentences.headline(comparison)}",
        "",
        "```bash",
        comparison.command,
        "```",
        "",
        f"{comparison.description}",
        "",
        f"{comparison.host}, {comparison.epochs} epochs at {comparison.size[0]}x{comparison.size[1]}, seeds "
        f"{', '.join(map(str, comparison.seeds))}. {environment['Processor']}, {environment['Precision']}, "
        f"foveate {environment['foveate']}; training took {comparison.seconds / 60:.0f} minutes in all.",
        "",
        *scores(comparison),
        "",
        *changes(comparison),
        "",
        *errors(comparison),
        *(
            f"- **{arm.arm}**: {' '.join(sentences.verdict_sentences(comparison, arm))}"
            for arm in comparison.arms
        ),
    ]


def scores(comparison: Comparison) -> list[str]:
    """Return a table of scores and costs, one arm a row."""
    head = [
        "arm",
        f"{words.score_name(comparison.score)}, %",
        "95% interval",
        "difference, points",
        "95% interval",
    ]
    head += ["p (Holm)", "verdict", "parameters", "FLOPs", "latency, ms", "peak memory, MiB"]
    return table(head, [score_row(comparison, arm) for arm in comparison.contenders])


def score_row(comparison: Comparison, arm: Contender) -> list[str]:
    result = comparison.result(arm.arm)
    own, change, cost = result.score, result.difference, result.cost
    row = [f"`{arm.arm}`", words.percent(own.mean), words.percent_interval(own.low, own.high)]
    if change is None:
        row += ["", "", "", ""]
    else:
        row += [words.points(change.mean), words.interval(change.low, change.high)]
        row += [f"{result.p_holm:.3f}", result.verdict]
    row += [words.quantity(cost.parameters), words.quantity(cost.flops), f"{cost.latency_ms:.1f}"]
    return [*row, f"{cost.memory_bytes / 2**20:.1f}"]


def changes(comparison: Comparison) -> list[str]:
    """Return a table of the reference's class scores and each arm's differences.

    The intervals are not adjusted for the number of classes.
    """
    bases = comparison.result(comparison.baseline.arm).measures[comparison.class_score]
    changed = [comparison.result(arm.arm).measures[comparison.class_score] for arm in compared(comparison)]
    rows = [
        [base.name, words.percent(base.score), *(cell(details[number].difference) for details in changed)]
        for number, base in enumerate(bases)
    ]
    return table(change_head(comparison, f"class, {words.score_name(comparison.class_score)}"), rows)


def errors(comparison: Comparison) -> list[str]:
    """Return a table of the reference's error rates and each arm's differences; empty for classification."""
    changed = [comparison.result(arm.arm).errors for arm in compared(comparison)]
    rows = [
        [rate.name, words.percent(rate.score), *(cell(rates[number].difference) for rates in changed)]
        for number, rate in enumerate(comparison.result(comparison.baseline.arm).errors)
    ]
    return [*table(change_head(comparison, "rate"), rows), ""] if rows else []


def change_head(comparison: Comparison, what: str) -> list[str]:
    base = words.reference(comparison).removeprefix("the ")
    return [what, f"{base}, %", *(f"`{arm.arm}`, points" for arm in compared(comparison))]


def cell(change: IntervalEstimate | None) -> str:
    if change is None:
        return "–"
    return f"{words.points(change.mean)} ({words.interval(change.low, change.high)})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    main()
