"""Class folders in folders of folds, parts, patients or sites, which are joined: `fold_0/cat fold_1/cat`."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.class_tree import are_levels, check_classes, class_folders_below, levels_note
from foveate.data.layout import Layout, reader
from foveate.data.readers.class_folders import labelled_folders


@reader(
    "classes_in_folders",
    38,
    "class folders in folders of folds, patients or sites, which are joined: fold_0/cat fold_0/dog ...",
)
class ClassesInFolders:
    @staticmethod
    def recognise(root: Path) -> bool:
        return are_levels(root)

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        found = class_folders_below(root)
        layout = labelled_folders(root, found, classes, levels_note(root, found))
        check_classes(root, found)
        return layout
