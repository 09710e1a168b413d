"""Turn any layout into one class against the rest, for a user who names a single class.

Class 0 is the rest and class 1 the named class. Ignored pixels stay ignored.
"""

from collections.abc import Sequence
from dataclasses import replace

from foveate.data.layout import Layout
from foveate.data.pixels.masks import LEFT_OUT
from foveate.data.renumber import renumber
from foveate.errors import DataError, choose
from foveate.specs.bindings import bind, parse_bindings

REST = "rest"
"""Name of the class that joins all others."""

_UNNAMED = (("background", "foreground"), ("0", "1"))
"""Names of two classes if the data gives none. The user's name then replaces the second."""


def is_against_rest(classes: Sequence[str]) -> bool:
    """Whether `classes` are those of one class against the rest.

    >>> is_against_rest(("rest", "fire")), is_against_rest(("background", "fire"))
    (True, False)
    """
    return len(classes) == 2 and classes[0] == REST


def against_rest(layout: Layout, name: str) -> Layout:
    """Return the layout with the classes rest and `name`.

    Raises `UserError` if `name` is not a class of the layout, unless it has two classes without names.
    """
    if name == REST:
        raise DataError(
            f"--classes {REST}: this is the name of all other classes together; name another class"
        )
    unnamed = layout.classes in _UNNAMED and name not in layout.classes
    number = 1 if unnamed else layout.classes.index(choose(name, layout.classes, "class of this dataset"))
    others = [other for i, other in enumerate(layout.classes) if i != number]
    shown = ", ".join(others[:6]) + ", ..." * (len(others) > 6)
    notes = (*layout.notes, f"the rest is {shown}")
    numbers = [int(each == number) for each in range(len(layout.classes))]
    return replace(
        renumber(layout, (REST, name), numbers),
        notes=notes,
        table=_table(layout, layout.classes[number], name),
    )


def _table(layout: Layout, original: str, name: str) -> tuple[str, ...]:
    """Return the layout's table with all classes but `original` joined."""
    values: dict[str, list] = {REST: [], name: []}
    for binding in parse_bindings(layout.table):
        known = LEFT_OUT if binding.name == LEFT_OUT else name if binding.name == original else REST
        values.setdefault(known, []).extend(binding.values)
    return tuple(str(bind(key, held)) for key, held in values.items() if held)
