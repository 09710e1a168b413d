"""The page of an inspection: all its figures in one HTML file that needs no other."""

import base64
from pathlib import Path
from typing import Any

from foveate.files import write_whole
from foveate.inspection.inspect import Drawing, Inspection
from foveate.report.html import fill


def write_page(found: Inspection) -> Path:
    """Write `index.html` beside the figures and return its path."""
    path = found.out / "index.html"
    with write_whole(path, "w") as file:
        file.write(render(found))
    return path


def render(found: Inspection) -> str:
    """The page as one string of HTML. Names of images, which come from files, are escaped."""
    images = [_image(name, drawings) for name, drawings in found.drawings.items()]
    return fill(
        "inspection.html",
        run=found.run,
        subject=_subject(found),
        images=images,
        available=found.available,
        left_out=[str(error) for error in found.left_out],
    )


def _subject(found: Inspection) -> str:
    """What was looked at: the arm, or the attention that the host itself is built of."""
    if found.arm != "none":
        return found.arm
    labels = {drawing.attention for drawings in found.drawings.values() for drawing in drawings}
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
    of = f" by {drawing.attention}" if drawing.attention else ""
    return {
        "source": f"data:image/png;base64,{data}",
        "caption": drawing.summary,
        "said": f"{name}: {drawing.summary}{of}",
        "file": drawing.path.relative_to(drawing.path.parents[1 if not drawing.attention else 2]).as_posix(),
        "wide": drawing.figure in ("panels", "channels", "spatial", "mask", "pixels", "grid"),
    }
