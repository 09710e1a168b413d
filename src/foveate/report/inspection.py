"""The page of an inspection: all its figures in one self-contained HTML file."""

import base64
from pathlib import Path
from typing import Any

from foveate.files import write_whole
from foveate.inspection.figures.fonts import readable
from foveate.inspection.inspect import Drawing, Inspection
from foveate.report.html import render_template


def write_page(inspection: Inspection) -> Path:
    """Write `index.html` beside the figures and return its path."""
    path = inspection.out / "index.html"
    with write_whole(path, "w") as file:
        file.write(render(inspection))
    return path


def render(inspection: Inspection) -> str:
    """Return the page as a string of HTML. Names of images, which come from files, are escaped."""
    images = [_image(name, drawings) for name, drawings in inspection.drawings.items()]
    return render_template(
        "inspection.html",
        run=inspection.run,
        subject=_subject(inspection),
        images=images,
        available=inspection.available,
        escaped=[(readable(name), name) for name in inspection.classes if readable(name) != name],
        left_out=[str(error) for error in inspection.left_out],
    )


def _subject(inspection: Inspection) -> str:
    """Return what the page is about: the arm, or the host's own attention."""
    if inspection.arm != "none":
        return inspection.arm
    labels = {drawing.attention for drawings in inspection.drawings.values() for drawing in drawings}
    return "the host's own attention" if any(labels) else "the bare host"


def _image(name: str, drawings: list[Drawing]) -> dict[str, Any]:
    labels = dict.fromkeys(drawing.attention for drawing in drawings)
    groups = [
        {"label": label, "figures": [_figure(name, d) for d in drawings if d.attention == label]}
        for label in labels
    ]
    return {"name": name, "groups": groups}


def _figure(name: str, drawing: Drawing) -> dict[str, str]:
    data = base64.b64encode(drawing.path.read_bytes()).decode("ascii")
    attention = f" by {drawing.attention}" if drawing.attention else ""
    return {
        "source": f"data:image/png;base64,{data}",
        "caption": drawing.summary,
        "alt": f"{name}: {drawing.summary}{attention}",
        "file": drawing.path.relative_to(drawing.path.parents[1 if not drawing.attention else 2]).as_posix(),
        "wide": drawing.figure in ("panels", "channels", "spatial", "mask", "pixels", "grid"),
    }
