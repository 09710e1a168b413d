"""Write the page of one comparison, or the overview of several.

    python docs/results/table.py runs/NAME "Title" > docs/results/NAME.md
    python docs/results/table.py --overview runs/NAME ...

Reads the folders that `foveate compare` wrote; trains and scores nothing.
"""

import argparse
from collections import Counter
from pathlib import Path

from foveate.experiments.result import Comparison, Contender, load_comparison
from foveate.report import sentences, words
from foveate.report.tables import compared
from foveate.verdicts.statistics import IntervalEstimate

DECIDED = ("helps", "hurts", "no difference")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--overview", nargs="+", metavar="FOLDER")
    parser.add_argument("page", nargs="*", metavar="FOLDER TITLE")
    given = parser.parse_args()
    if given.overview:
        print("\n".join(overview({Path(name).name: load_comparison(name) for name in given.overview})))
    else:
        folder, title = given.page
        print("\n".join(page(load_comparison(folder), title)))


def overview(comparisons: dict[str, Comparison]) -> list[str]:
    """Return how many arms of each comparison are decided, and the verdict on each arm."""
    head = ["data", "host's score, %", "margin, points", "seeds", "training", "arms", *DECIDED, "open"]
    rows, total = [], Counter()
    for name, comparison in comparisons.items():
        host = comparison.result(comparison.baseline.arm).score
        verdicts = Counter(comparison.result(arm.arm).verdict for arm in comparison.arms)
        open_ = len(comparison.arms) - sum(verdicts[verdict] for verdict in DECIDED)
        total += verdicts + Counter(arms=len(comparison.arms), open=open_)
        seeds = {len(comparison.result(arm.arm).seeds) for arm in comparison.arms}
        rows.append(
            [
                f"[{name}]({name}.md)",
                f"{words.score_name(comparison.score)} {words.percent(host.mean)}",
                f"{100 * comparison.findings.margin:g}",
                " to ".join(map(str, sorted({min(seeds), max(seeds)}))),
                f"{comparison.seconds / 60:.0f} min",
                str(len(comparison.arms)),
                *(str(verdicts[verdict]) for verdict in DECIDED),
                str(open_),
            ]
        )
    decided = sum(total[verdict] for verdict in DECIDED)
    counts = [str(total[key]) for key in ("arms", *DECIDED, "open")]
    rows.append([f"all: {decided} of {total['arms']} decided", *[""] * 4, *counts])
    return [*table(head, rows), "", *verdicts_by_arm(comparisons)]


def verdicts_by_arm(comparisons: dict[str, Comparison]) -> list[str]:
    """Return a table of each arm's difference and verdict."""
    rows = []
    for name, comparison in comparisons.items():
        for arm in comparison.arms:
            result = comparison.result(arm.arm)
            change = result.paired
            interval = words.interval(change.low, change.high)
            rows.append([name, f"`{arm.arm}`", words.points(change.mean), interval, str(result.verdict)])
    return table(["data", "arm", "difference, points", "95% interval", "verdict"], rows)


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
