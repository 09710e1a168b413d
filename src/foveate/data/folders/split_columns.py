"""Find the columns of a table that say in which split an image is: by a word, or by yes and no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foveate.data.dataset import SPLITS
from foveate.data.words import split_of_flag, split_said

_YES = ("true", "1", "yes", "y", "t", "1.0")
_NO = ("false", "0", "no", "n", "f", "0.0")
_YES_AND_NO = [{yes, no} for yes, no in zip(_YES, _NO, strict=True)]


@dataclass(frozen=True)
class SplitColumns:
    """The columns of splits: one that names them, or one or more that say them by yes and no.

    names: of the columns. flags: of each, the split of which it says which images are in it; empty for a
    column that names the splits.
    """

    names: tuple[str, ...]
    flags: tuple[str, ...] = ()

    def of(self, cells: Mapping[str, str]) -> str | None:
        """Return the split of a row; None for cells that name none, or two.

        Images of which all columns say no are in train; in test, if that is told by a column itself.

        >>> named = SplitColumns(("subset",))
        >>> named.of({"subset": "Training"}), named.of({"subset": "x"})
        ('train', None)
        >>> flags = SplitColumns(("is_valid", "is_test"), ("val", "test"))
        >>> [flags.of({"is_valid": valid, "is_test": test}) for valid, test in ("10", "01", "00", "11")]
        ['val', 'test', 'train', None]
        """
        if not self.flags:
            return split_said(cells[self.names[0]])
        pairs = zip(self.names, self.flags, strict=True)
        said = {flag for name, flag in pairs if cells[name].lower() in _YES}
        others = [split for split in ("train", "test", "val") if split not in self.flags]
        return next(iter(said or others), None) if len(said) < 2 else None

    def fault(self, cells: Mapping[str, str]) -> str:
        """What is wrong with a row that is in no split."""
        if not self.flags:
            return f"the split '{cells[self.names[0]]}' is none of {', '.join(SPLITS)}"
        said = ", ".join(f"{name} {cells[name]}" for name in self.names)
        return f"the columns of splits say {said}, which is no single split; mend them"

    @property
    def note(self) -> str:
        """What columns of yes and no were taken to say; empty for one of words."""
        pairs = zip(self.names, self.flags, strict=False)
        return "; ".join(f"{name} says which images are in {flag}" for name, flag in pairs)


def find_split_columns(
    columns: Sequence[str], lines: Sequence[tuple[int, Mapping[str, str]]]
) -> SplitColumns | None:
    """Return the columns of splits among those that say nothing else about an image.

    That is one called split; one whose cells are several words for splits and nothing else, such as subset;
    or all that are called as a split and whose cells are yes and no, such as is_valid and is_test.
    """
    if "split" in columns:
        return SplitColumns(("split",))
    for name in columns:
        words = {cells[name] for _, cells in lines}
        if len(words) > 1 and all(map(split_said, words)):
            return SplitColumns((name,))
    flags = {name: flag for name in columns if (flag := split_of_flag(name))}
    found = [name for name in flags if {cells[name].lower() for _, cells in lines} in _YES_AND_NO]
    return SplitColumns(tuple(found), tuple(flags[name] for name in found)) if found else None
