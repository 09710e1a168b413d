"""Find the tables of a folder that name its images with their masks or labels."""

from pathlib import Path

from foveate.data.folders.json_lines import first_keys
from foveate.data.folders.listing import files_with_suffix, folders_in, holds_images
from foveate.data.folders.table import column, first_line
from foveate.data.words import split_of

IMAGE = (
    "image",
    "image_path",
    "image_id",
    "file_name",
    "filename",
    "image_name",
    "image_index",
    "file",
    "path",
)
MASK = ("mask", "mask_path", "mask_file_name", "mask_name", "segmentation", "segmentation_mask")
_SUFFIXES = (".csv", ".tsv", ".jsonl")
LABEL = ("label", "class", "target", "category", "dx", "diagnosis", "labels", "finding_labels")


def tables_in(root: Path, masked: bool = False) -> list[Path]:
    """Return the tables whose header has a column of images, for any separator, without hidden files.

    If the folder itself has none, those in its folders of splits. masked: only those that also have a column
    of masks; otherwise a column of masks or of labels.
    """
    wanted = MASK if masked else MASK + LABEL
    found = ([path for path in _tables(folder) if column(_header(path), wanted)] for folder in _folders(root))
    own = next(found)
    return own or [path for tables in found for path in tables]


def _folders(root: Path) -> list[Path]:
    return [root, *(folder for folder in folders_in(root) if split_of(folder.name))]


def _tables(folder: Path) -> list[Path]:
    """Return the tables of a folder that have a column of images."""
    paths = [path for suffix in _SUFFIXES for path in files_with_suffix(folder, suffix)]
    return [path for path in paths if path.is_file() and column(_header(path), IMAGE)]


def _header(path: Path) -> tuple[str, ...]:
    return first_keys(path) if path.suffix.lower() == ".jsonl" else first_line(path)


def untold_tables(root: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """Return Hugging Face's tables beside images that name neither masks nor labels, with their columns."""
    folders = [folder for folder in _folders(root) if holds_images(folder)]
    return [
        (path, _header(path))
        for folder in folders
        for path in _tables(folder)
        if path.stem.lower() == "metadata"
    ]


def unread_tables(root: Path) -> str:
    """Say what to do about the tables of a folder that do not name images; empty if there are none."""
    paths = [*files_with_suffix(root, ".csv"), *files_with_suffix(root, ".tsv")]
    names = [path.name for path in paths if path.name != "class_dict.csv"]
    if not names:
        return ""
    return (
        f"if {' or '.join(names[:3])} lists the masks or labels of the images, name its columns, in the "
        "first line, image and mask, or image and label"
    )
