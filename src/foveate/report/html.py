"""Render a template of this package to one self-contained HTML file."""

from importlib.resources import files
from typing import Any


def render_template(template: str, **values: Any) -> str:
    """Return the page as a string of HTML; `template` is the name of a file of this package.

    Values are escaped, because names of files and classes come from the user. A missing value raises
    `jinja2.UndefinedError`.

    >>> "<title>What cbam@decoder does</title>" in render_template(
    ...     "inspection.html", subject="cbam@decoder", run="runs/a", images=[], available=0, left_out=[],
    ...     escaped=[],
    ... )
    True
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    from foveate import __version__

    def read(name: str) -> str:
        return (files("foveate.report") / name).read_text(encoding="utf-8")

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, loader=FunctionLoader(read)
    )
    page = environment.get_template(template)
    shared = {"style": Markup(read("style.css")), "script": Markup(read("sorting.js"))}
    return page.render(values, **shared, version=__version__)
