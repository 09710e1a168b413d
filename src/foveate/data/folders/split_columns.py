"""Find the column of a table that says in which split an image is: by a word, or by yes and no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foveate.data.words import split_of_flag, split_said

_YES = ("true", "1", "yes", "y", "t", "1.0")
_NO = ("false", "0", "no", "n", "f", "0.0")
_YES_AND_NO = [{yes, no} for yes, no in zip(_YES, _NO, strict=True)]


@dataclass(frozen=True)
class SplitColumn:
    """A column of splits. flag: the split of which it says by yes and no which images are in it, or None."""

    name: str
    flag: str | None = None

    def of(self, cells: Mapping[str, str]) -> str | None:
        """Return the split of a row; None for a cell that names none.

        What a column of yes and no says is not in train is in test; what is not in another split, in train.

        >>> SplitColumn("subset").of({"subset": "Training"}), SplitColumn("subset").of({"subset": "x"})
        ('train', None)
        >>> [SplitColumn("is_valid", "val").of({"is_valid": cell}) for cell in ("True", "False")]
        ['val', 'train']
        """
        if self.flag is None:
            return split_said(cells[self.name])
        if cells[self.name].lower() in _YES:
            return self.flag
        return "test" if self.flag == "train" else "train"

    @property
    def note(self) -> str:
        """What a column of yes and no was taken to say; empty for one of words."""
        return f"{self.name} says which images are in {self.flag}" if self.flag else ""


def find_split_column(
    columns: Sequence[str], lines: Sequence[tuple[int, Mapping[str, str]]]
) -> SplitColumn | None:
    """Return the column of splits among those that say nothing else about an image.

    That is one called split; one whose cells are several words for splits and nothing else, such as subset;
    or one that is called as a split and whose cells are yes and no, such as is_valid.
    """
    if "split" in columns:
        return SplitColumn("split")
    for name in columns:
        words = {cells[name] for _, cells in lines}
        if len(words) > 1 and all(map(split_said, words)):
            return SplitColumn(name)
    for name in columns:
        flag = split_of_flag(name)
        if flag and {cells[name].lower() for _, cells in lines} in _YES_AND_NO:
            return SplitColumn(name, flag)
    return None
