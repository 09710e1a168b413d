"""From a template to a page: one file of HTML that holds all it needs, style and pictures too."""

from importlib.resources import files
from typing import Any


def fill(template: str, **values: Any) -> str:
    """The page as one string of HTML, `template` a file of this package.

    Values are escaped, for names of files and classes are the user's. One that the template asks for and
    that is not given raises.

    >>> "<title>What cbam@decoder does</title>" in fill(
    ...     "inspection.html", subject="cbam@decoder", run="runs/a", images=[], available=0, left_out=[]
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
    own = {"style": Markup(read("style.css")), "script": Markup(read("sorting.js"))}
    return page.render(values, **own, version=__version__)
