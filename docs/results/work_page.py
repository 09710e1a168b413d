"""Write the page of a work that was reproduced.

    python docs/results/work_page.py runs/reproduce/WORK-small > docs/results/works/WORK.md

Reads the folder that `foveate reproduce` wrote; trains and scores nothing.
"""

import csv
import json
import sys
from itertools import groupby
from pathlib import Path

from table import table

from foveate.durations import duration
from foveate.experiments.works.find import find_work
from foveate.experiments.works.shown import shown_words
from foveate.report.works.cells import number
from foveate.specs.work import WorkSpec, load_work


def page(folder: Path) -> list[str]:
    """Return the lines of the page."""
    asked = json.loads((folder / "work.json").read_text())
    work = load_work(find_work(asked["work"]))
    with (folder / "tables.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    lines = [f"# {work.title}, reduced", "", work.about, "", f"{work.paper}.", ""]
    command = f"foveate reproduce {asked['work']} --data-root data --scale {asked['scale']}"
    lines += [
        "```bash",
        command,
        "```",
        "",
        f"{work.scale(asked['scale']).note} {work.unpublished}".strip(),
        "",
    ]
    lines += [effort(folder), ""]
    for (title, shows), group in groupby(cells, lambda cell: (cell["table"], cell["shows"])):
        found = [cell for cell in group if cell["ours"]]
        if found:
            lines += [f"## {title}: {shown_words(shows)}", "", *rows(found, digits(work, title)), ""]
    lines += ["## What was chosen", "", *(f"- {choice}" for choice in work.choices)]
    return lines


def effort(folder: Path) -> str:
    """Return how many runs were trained, for how long, and on what."""
    marks = [json.loads(path.read_text()) for path in folder.rglob("runs/*/done.json")]
    machine = json.loads(next(folder.rglob("runs/*/environment.json")).read_text())
    time = duration(sum(mark["seconds"] for mark in marks))
    return (
        f"{len(marks)} runs, {time} of training in all; {machine['cpu']}, {machine['threads']} of "
        f"{machine['cores']} cores for each run, {machine['precision']}, foveate {machine['foveate']}."
    )


def digits(work: WorkSpec, title: str) -> int:
    """Return the decimals that a table is shown with."""
    return next(each.digits for each in work.tables if each.title == title)


def rows(cells: list[dict[str, str]], decimals: int) -> list[str]:
    """Return a table with a row for each cell that was run: ours, theirs as printed, and the difference."""
    shown = []
    for cell in cells:
        ends = [number(float(cell[end]), decimals) for end in ("low", "high") if cell[end]]
        ours = number(float(cell["ours"]), decimals)
        difference = number(float(cell["difference"]), decimals, signed=True) if cell["difference"] else ""
        remark = cell["chosen"] or cell["measured_on"]
        column = cell["column"] or "–"
        shown.append(
            [cell["row"], column, ours, " to ".join(ends), cell["theirs"] or "–", difference, remark]
        )
    return table(["row", "column", "ours", "interval", "theirs", "difference", "remark"], shown)


if __name__ == "__main__":
    print("\n".join(page(Path(sys.argv[1]))))
