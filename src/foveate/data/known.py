"""The classes of a trained run, by which other data are read."""

from collections.abc import Collection, Sequence

from foveate.errors import DataError
from foveate.specs.bindings import is_binding


class KnownClasses(tuple[str, ...]):
    """What a run knows of its classes; given in place of the classes that a user names.

    As a tuple: its table, bindings of class names to stored values, by which masks without names are read;
    empty if the run has none. trained: the names of its classes in the order of their ids. kept: the names
    that were kept in training, of data that name their classes; None if all were. run: for messages.
    """

    trained: tuple[str, ...] = ()
    kept: tuple[str, ...] | None = None
    run: str = ""


def known_classes(
    run: str, trained: Sequence[str], table: Sequence[str] = (), kept: Sequence[str] | None = None
) -> KnownClasses:
    """Return the classes of a run.

    >>> known = known_classes("runs/a", ["cup", "disc"], ["cup=0", "disc=128", "ignore=255"])
    >>> known[1], known.trained
    ('disc=128', ('cup', 'disc'))
    """
    known = KnownClasses(table)
    known.run, known.trained = run, tuple(trained)
    known.kept = None if kept is None else tuple(kept)
    return known


def names_others(classes: Sequence[str] | None, own: Sequence[str]) -> bool:
    """Whether a user names other classes than those of data whose classes are fixed.

    >>> known = known_classes("run", ["a"])
    >>> [names_others(asked, ["a", "b"]) for asked in (["a"], None, known)]
    [True, False, False]
    """
    return not isinstance(classes, KnownClasses) and by_name(classes) not in (None, tuple(own))


def by_name(classes: Sequence[str] | None, names: Collection[str] | None = None) -> tuple[str, ...] | None:
    """Return the classes to keep of data that name their classes; None for all of them.

    names: the classes of the data. A class that a run knows and the data lack is left out. Raises `DataError`
    for names that are bound to values.

    >>> by_name(["cat"]), by_name(known_classes("run", ["cat", "dog"], kept=["cat", "dog"]), ["dog", "cow"])
    (('cat',), ('dog',))
    """
    if isinstance(classes, KnownClasses):
        kept = classes.kept
        return kept if kept is None or names is None else tuple(name for name in kept if name in names)
    if bound := next(filter(is_binding, classes or ()), None):
        raise DataError(
            f"--classes {bound}: these data name their classes, so that no value is bound; give the names "
            "alone of those to keep"
        )
    return tuple(classes) if classes else None
