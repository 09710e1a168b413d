"""The page of one comparison: python docs/results/table.py runs/NAME "Title" > docs/results/NAME.md

Everything comes from what `foveate compare` left in the folder; nothing is trained or scored again.
"""

import sys

from foveate.experiments.result import Comparison, Contender, load_comparison
from foveate.report import words
from foveate.verdicts.statistics import Estimate


def main() -> None:
    folder, title = sys.argv[1:3]
    print("\n".join(page(load_comparison(folder), title)))


def page(found: Comparison, title: str) -> list[str]:
    machine = found.environment
    return [
        f"# {title}",
        "",
        f"{words.headline(found)}",
        "",
        "```bash",
        found.command,
        "```",
        "",
        f"{found.description}",
        "",
        f"{found.host}, {found.epochs} epochs at {found.size[0]}x{found.size[1]}, seeds "
        f"{', '.join(map(str, found.seeds))}. {machine['Processor']}, {machine['Precision']}, foveate "
        f"{machine['foveate']}; training took {found.seconds / 60:.0f} minutes in all.",
        "",
        *scores(found),
        "",
        *changes(found),
        "",
        *errors(found),
        *(f"- **{arm.arm}**: {' '.join(words.verdict(found, arm))}" for arm in found.arms),
    ]


def scores(found: Comparison) -> list[str]:
    """Scores beside costs, an arm a row."""
    head = [
        "arm",
        f"{words.score_name(found.score)}, %",
        "95% interval",
        "difference, points",
        "95% interval",
    ]
    head += ["p (Holm)", "verdict", "parameters", "FLOPs", "latency, ms", "peak memory, MiB"]
    return table(head, [score_row(found, arm) for arm in found.contenders])


def score_row(found: Comparison, arm: Contender) -> list[str]:
    result = found.result(arm.arm)
    own, change, cost = result.score, result.difference, result.cost
    row = [f"`{arm.arm}`", words.percent(own.mean), words.percent_interval(own.low, own.high)]
    if change is None:
        row += ["", "", "", ""]
    else:
        row += [words.points(change.mean), words.interval(change.low, change.high)]
        row += [f"{result.p_holm:.3f}", result.verdict]
    row += [words.quantity(cost.parameters), words.quantity(cost.flops), f"{cost.latency_ms:.1f}"]
    return [*row, f"{cost.memory_bytes / 2**20:.1f}"]


def changes(found: Comparison) -> list[str]:
    """The host's score of each class, and what each arm changes, with intervals that are not adjusted."""
    host = found.baseline.class_scores
    changed = {
        arm.arm: {detail.name: detail.difference for detail in found.result(arm.arm).classes}
        for arm in others(found)
    }
    rows = []
    for name in found.classes:
        values = host[name]
        cells = [cell(of.get(name)) for of in changed.values()]
        rows.append([name, words.percent(sum(values) / len(values)), *cells])
    return table(change_head(found, f"class, {words.score_name(found.class_score)}"), rows)


def errors(found: Comparison) -> list[str]:
    """The host's rate of each kind of error, and what each arm adds to it; none for classification."""
    changed = [found.result(arm.arm).errors for arm in others(found)]
    rows = [
        [rate.name, words.percent(rate.score), *(cell(of[number].difference) for of in changed)]
        for number, rate in enumerate(found.result(found.baseline.arm).errors)
    ]
    return [*table(change_head(found, "rate"), rows), ""] if rows else []


def others(found: Comparison) -> list[Contender]:
    return [arm for arm in found.contenders if arm.role != "host"]


def change_head(found: Comparison, what: str) -> list[str]:
    return [what, "host, %", *(f"`{arm.arm}`, points" for arm in others(found))]


def cell(change: Estimate | None) -> str:
    if change is None:
        return "–"
    return f"{words.points(change.mean)} ({words.interval(change.low, change.high)})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    main()
