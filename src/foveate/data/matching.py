"""Match the classes of data with those that a run was trained on, by name."""

from dataclasses import replace

from foveate.data.dataset import KnowsClasses
from foveate.data.known import KnownClasses
from foveate.data.layout import Layout
from foveate.data.one_class import REST, against_rest, is_against_rest
from foveate.data.pixels.masks import IGNORE
from foveate.data.renumber import renumber
from foveate.errors import DataError


def match_classes(layout: Layout, known: KnownClasses) -> Layout:
    """Return a layout with the classes of a run in the run's order; some may be absent.

    Classes that the run left out are left out here, too. Raises `DataError` if another class occurs that the
    run was not trained on. Nothing is matched with a run whose classes are not known.
    """
    if known.trained in ((), layout.classes):
        return layout
    if is_against_rest(known.trained) and REST not in layout.classes:
        return _against_rest(layout, known)
    unknown = [name for name in layout.classes if name not in known.trained]
    occurring = [name for name in unknown if known.kept is None and _occurs(layout, name)]
    if occurring:
        names = ", ".join(map(repr, occurring[:6])) + ", ..." * (len(occurring) > 6)
        raise DataError(
            f"the data hold {names}, and {known.run} was trained on {', '.join(known.trained[:20])}; rename "
            "what means the same, leave the others out of the data, or train on them, too"
        )
    numbers = [known.trained.index(name) if name in known.trained else IGNORE for name in layout.classes]
    matched = renumber(layout, known.trained, numbers)
    notes = [f"{', '.join(unknown)} left out, as in training"] if known.kept is not None and unknown else []
    return replace(matched, notes=(*layout.notes, *notes))


def _against_rest(layout: Layout, known: KnownClasses) -> Layout:
    name = known.trained[1]
    if name in layout.classes or len(layout.classes) == 2:
        return against_rest(layout, name)
    return renumber(layout, known.trained, [0] * len(layout.classes))


def _occurs(layout: Layout, name: str) -> bool:
    """Whether a class occurs, as far as that is known without reading masks."""
    number = layout.classes.index(name)
    entries = [entry for part in layout.parts.values() for entry in part]
    if layout.task == "classification":
        return any(entry.label == number for entry in entries)
    if isinstance(layout.reader, KnowsClasses):
        return any(number in layout.reader.classes_of(entry) for entry in entries)
    return not layout.counts or any(counts[number] for counts in layout.counts.values())
