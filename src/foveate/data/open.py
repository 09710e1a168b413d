"""Open a dataset: a folder of any known layout, an address, or synthetic scenes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from foveate.data.dataset import Dataset, check
from foveate.data.layout import Layout, layout_readers
from foveate.data.one_class import against_rest
from foveate.data.pixels.palette import palette
from foveate.data.readers.huggingface import PREFIX, read_huggingface
from foveate.data.readers.shards import read_shards
from foveate.data.readers.webdataset import is_pattern, read_webdataset
from foveate.data.recognise import recognise
from foveate.data.splits import arrange, keep_whole, restore
from foveate.data.storage.archives import is_archive
from foveate.data.synthetic import source as synthetic
from foveate.errors import DataError
from foveate.specs.shares import SHARES

_LIKE = (
    "For segmentation, put images into images/ and masks of the same names into masks/ (or beside the "
    "images, as a_mask.png for a.jpg); for classification, put images into one folder per class. 'foveate "
    "list datasets' lists all layouts"
)


def open_dataset(
    source: str | Path,
    classes: Sequence[str] | None = None,
    split_seed: int = 0,
    val_from_train: bool = True,
    splits: Mapping[str, Sequence[str]] | None = None,
    to_score: bool = False,
    shares: Sequence[float] = SHARES,
) -> Dataset:
    """Recognise a dataset and split it into train, val and test.

        Args:
        source: a folder or archive in one of the layouts of `dataset_names()`; an address of shards, such as
            s3://bucket/shards, or s3://bucket/train-{000..003}.tar for WebDataset tars; "hf:NAME" for a
            dataset of the Hugging Face hub; or drawn data, "synthetic[:NAME][:COUNT[:HxW]]" (COUNT training
            images of that size).
        classes: names in the order of the mask values, "ignore" for values to ignore; or, if the data names
            its classes, those to keep. A single name is a class against the rest, see
            `foveate.data.one_class`.
        split_seed: draws the split of a folder without splits.
        val_from_train: if the folder has train and val only, use val as test and cut a new val from train.
            False uses val for both.
        splits: a recorded `Dataset.split_table()` to reproduce.
        to_score: the data will not be trained on. Nothing is cut (each split of a folder without splits holds
            all images), and train may lack a class.
        shares: percent of the images in train, val and test, for a folder without splits. Of two shares, the
            second is both val and test.

    Raises `DataError` for folders and masks that cannot be interpreted. The message names the file, the value
    and the remedy.

    >>> dataset = open_dataset("synthetic:8")
    >>> [len(dataset.index(split)) for split in ("train", "val", "test")]
    [8, 3, 3]
    """
    name, root, layout = read_layout(source, classes)
    if splits is not None:
        entries, note = restore(layout.parts, splits)
    elif to_score:
        entries, note = keep_whole(layout.parts)
    else:
        entries, note = arrange(layout.parts, split_seed, val_from_train, shares)
    if name == "synthetic" and splits is None:
        note = "drawn on demand, with different scenes in each split"
    dataset = Dataset(
        name=name,
        source=str(source),
        task=layout.task,
        classes=layout.classes,
        colors=layout.colors or palette(len(layout.classes)),
        splits=entries,
        root=root,
        reader=layout.reader,
        counts=layout.counts,
        notes=(*layout.notes, note),
    )
    return dataset if to_score else check(dataset)


def read_layout(source: str | Path, classes: Sequence[str] | None = None) -> tuple[str, Path | None, Layout]:
    """Read a source without splitting it: the layout's name, its folder if it has one, and its contents.

    Raises `DataError` as `open_dataset` does.
    """
    if classes is not None and len(classes) == 1:
        name, root, layout = read_layout(source)
        return name, root, against_rest(layout, classes[0])
    if is_path(source):
        root = Path(source).expanduser()
        name, layout = _recognise(root, classes)
        return name, root, layout
    if synthetic.is_synthetic(source):
        return "synthetic", None, synthetic.read(str(source), classes)
    if str(source).startswith(PREFIX):
        return "huggingface", None, read_huggingface(str(source), classes)
    if is_pattern(source):
        return "webdataset", None, read_webdataset(str(source), classes)
    return "shards", None, read_shards(str(source), classes)


def is_path(source: str | Path) -> bool:
    """Whether a source is a local path, not an address, a name on the hub or synthetic.

    >>> is_path("photos"), is_path("synthetic:8"), is_path("s3://bucket/shards")
    (True, False, False)
    """
    text = str(source)
    drawn = synthetic.is_synthetic(source)
    return not (drawn or text.startswith(PREFIX) or "://" in text or is_pattern(text))


def dataset_names() -> tuple[str, ...]:
    """Return the names of all layouts.

    >>> {"synthetic", "paired", "class_folders"} <= set(dataset_names())
    True
    """
    return tuple(dataset_summaries())


def dataset_summaries() -> dict[str, str]:
    """Return a one-line description of the folders and files of each layout."""
    return synthetic.summaries() | {layout.name: layout.summary for layout in layout_readers()}


def require_source(source: str | Path) -> None:
    """Raise `DataError` if a local source is neither a folder nor an archive."""
    root = Path(source).expanduser()
    if not is_path(source) or root.is_dir() or (root.is_file() and is_archive(root)):
        return
    if root.is_file():
        raise DataError(f"{root}: is a file; give the folder of your images, such as the one it lies in")
    raise DataError(f"{root}: there is no such folder; give the folder of your images, or the word synthetic")


def _recognise(root: Path, classes: Sequence[str] | None) -> tuple[str, Layout]:
    require_source(root)
    if match := recognise(root):
        return match.layout.name, match.read(classes)
    raise unknown(root)


def unknown(root: Path) -> DataError:
    """Return the error for a folder or an archive whose layout is not recognised."""
    if root.is_file():
        return DataError(f"{root}: the archive's contents are in no known layout. {_LIKE}")
    names = sorted(path.name + "/" * path.is_dir() for path in root.iterdir())
    if not names:
        return DataError(
            f"{root}: the folder is empty; put images/ and masks/ there, or one folder of images per class"
        )
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return DataError(f"{root}: no known layout (found {shown}). {_LIKE}")
