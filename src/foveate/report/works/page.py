"""The page of a work: its tables beside the published ones, what was chosen and is missing, and figures."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foveate.experiments.works.plan import WorkPlan
from foveate.experiments.works.tables import Cell, Filled
from foveate.files import write_whole
from foveate.report.html import render_template
from foveate.report.words import counted
from foveate.report.works.cells import as_words, title
from foveate.report.works.pictures import Picture

PAGE = "index.html"


def write_page(plan: WorkPlan, tables: Sequence[Filled], pictures: Sequence[Picture], command: str) -> Path:
    """Write the page into the folder of the results, and return its path."""
    path = plan.out / PAGE
    with write_whole(path, "w") as file:
        file.write(render(plan, tables, pictures, command))
    return path


def render(plan: WorkPlan, tables: Sequence[Filled], pictures: Sequence[Picture], command: str) -> str:
    """Return the page as a string of HTML."""
    work = plan.work
    return render_template(
        "work.html",
        title=work.title,
        paper=work.paper,
        about=work.about,
        scale=plan.scale_name,
        scale_note=plan.scale.note,
        command=command,
        answer=answer(plan, tables),
        unpublished=work.unpublished,
        missing=[str(each) for each in plan.missing],
        data=_data(plan),
        choices=work.choices,
        tables=[_table(table) for table in tables],
        pictures=[_picture(plan, picture) for picture in pictures],
    )


def answer(plan: WorkPlan, tables: Sequence[Filled]) -> str:
    """Return how many cells are filled, and on what data, in words."""
    cells = [cell for table in tables for cell in table.cells]
    filled = [cell for cell in cells if cell.ours is not None]
    stand_ins = sum(cell.stand_in for cell in filled)
    beside = sum(cell.difference == cell.difference for cell in filled)
    words = (
        f"Scale {plan.scale_name}: {len(filled)} of {len(cells)} cells are ours, {beside} of them beside a "
        "published number"
    )
    told = f"; {stand_ins} come from stand-in data, so they are no repetition of it." if stand_ins else "."
    return words + told


def _data(plan: WorkPlan) -> list[dict[str, str]]:
    rows = []
    for key, published in plan.work.data.items():
        used = plan.data.get(key, ())
        rows += [{"published": published.title, "used": each.heading, "note": each.note} for each in used]
        if not used:
            rows.append({"published": published.title, "used": "–", "note": plan.without(key)})
    return rows


def _table(table: Filled) -> dict[str, Any]:
    rows = [{"name": name, "cells": [_cell(cell) for cell in cells]} for name, cells in table.rows]
    published = any(cell.theirs for cell in table.cells)
    about = {"title": title(table), "columns": table.columns, "note": table.note}
    return about | {"rows": rows, "published": published}


def _cell(cell: Cell) -> dict[str, Any]:
    words = as_words(cell)
    seeds = counted(cell.ours.seeds, "run") if cell.ours and cell.ours.seeds else ""
    about = ", ".join(part for part in (words["interval"], seeds) if part)
    own = words["remark"] if cell.ours else cell.reason
    return words | {"is_empty": cell.ours is None, "about": about, "remark": own}


def _picture(plan: WorkPlan, picture: Picture) -> dict[str, str]:
    kind = {".svg": "svg+xml", ".png": "png"}[picture.path.suffix]
    data = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    return {
        "source": f"data:image/{kind};base64,{data}",
        "caption": picture.caption,
        "file": picture.path.relative_to(plan.out).as_posix(),
    }
