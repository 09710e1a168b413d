"""Open a dataset: a folder of any known layout, an address, or synthetic scenes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from foveate.data.bands import find_bands
from foveate.data.dataset import Dataset, check
from foveate.data.folders.accounting import account_for, missed_note
from foveate.data.folders.field_of_view import ignore_outside_view
from foveate.data.folders.foreign import foreign_files
from foveate.data.folders.listing import SEARCH_LIMIT, folders_in
from foveate.data.groups import describe_torn, settle_groups
from foveate.data.known import KnownClasses
from foveate.data.layout import Layout, layout_readers
from foveate.data.matching import match_classes
from foveate.data.named_masks import read_named_masks
from foveate.data.names import alike_note, one_form
from foveate.data.one_class import against_rest
from foveate.data.pixels.palette import palette
from foveate.data.readers.huggingface import PREFIX, read_huggingface
from foveate.data.readers.shards import read_shards
from foveate.data.readers.webdataset import is_pattern, read_webdataset
from foveate.data.recognise import recognise
from foveate.data.splits import Splits, arrange, grouped, held_out_part, keep_whole, restore
from foveate.data.storage.archives import is_archive
from foveate.data.suggestions import describe_suggestion
from foveate.data.synthetic import source as synthetic
from foveate.data.tiles import cut_tiles
from foveate.errors import DataError
from foveate.specs.bindings import is_binding, written_names
from foveate.specs.data import ANY_FOLDER, FolderChoice
from foveate.specs.shares import SHARES, keeps_own
from foveate.specs.tiles import Tiles

_LIKE = (
    "For segmentation, put images into images/ and masks of the same names into masks/ (or beside the "
    "images, as a_mask.png for a.jpg); for classification, put images into one folder per class. 'foveate "
    "list datasets' lists all layouts"
)


def open_dataset(
    source: str | Path,
    classes: Sequence[str] | Mapping[str, Any] | None = None,
    split_seed: int = 0,
    val_from_train: bool = True,
    splits: Mapping[str, Sequence[str]] | None = None,
    to_score: bool = False,
    shares: Sequence[float] = SHARES,
    group: str | None = None,
    fold: str | None = None,
    layout: str | None = None,
    masks: str | None = None,
    ignore_outside: str | None = None,
    bands: Sequence[int] | None = None,
    tiles: Tiles | None = None,
    own_splits: bool | None = None,
) -> Dataset:
    """Recognise a dataset and split it into train, val and test.

    Args:
        source: a folder or archive in one of the layouts of `dataset_names()`; an address of shards, such as
            s3://bucket/shards, or s3://bucket/train-{000..003}.tar for WebDataset tars; "hf:NAME" for a
            dataset of the Hugging Face hub; or drawn data, "synthetic[:NAME][:COUNT[:HxW]]" (COUNT training
            images of that size).
        classes: names in the order of the mask values, "ignore" for values to ignore; names bound to values,
            as ["cup=0", "disc=128"] or {"cup": 0, "disc": 128}, see `foveate.specs.bindings`; or, if the data
            names its classes, those to keep. A single name is a class against the rest, see
            `foveate.data.one_class`. The classes of a run, see `foveate.data.known`, read data as it did.
        split_seed: draws the split of a folder without splits.
        val_from_train: if the folder has train and val only, use val as test and cut a new val from train.
            False uses val for both.
        splits: a recorded `Dataset.split_table()` to reproduce.
        to_score: the data will not be trained on. Nothing is cut (each split of a folder without splits holds
            all images), and train may lack a class.
        shares: percent of the images in train, val and test. Of two shares, the second is both val and test.
        own_splits: whether splits that the data bring are kept; by default, unless other shares than 70/15/15
            are given.
        group: keeps images that belong together in one split: a column of the dataset's table, or a regular
            expression for the part of an image's name that its group shares, see
            `foveate.data.groups.assign_groups`; "none" takes each image by itself, even copies and patients.
        fold: K/N, the fold that is test, for data without a part to test on. The N folds hold each image
            once; val is cut from the others.
        layout: the name of the layout, one of `dataset_names()`; recognised if not given.
        masks: the name of the folder of masks, where several folders could hold them.
        ignore_outside: the name of a folder of masks that are 0 outside the field of view; the pixels there
            are ignored.
        bands: of images with several bands, the numbers of those to use, from 1; see
            `foveate.data.bands.find_bands`.
        tiles: into which images with masks are cut, see `foveate.data.tiles.cut_tiles`.

    Raises `DataError` for folders and masks that cannot be interpreted. The message names the file, the value
    and the remedy.

    >>> dataset = open_dataset("synthetic:8")
    >>> [len(dataset.index(split)) for split in ("train", "val", "test")]
    [8, 3, 3]
    """
    names = written_names(classes) if isinstance(classes, Mapping) else classes
    unsplit = open_unsplit(source, names, group, FolderChoice(layout, masks, ignore_outside), bands, tiles)
    if to_score and splits is None:
        return unsplit.whole()
    kept = keeps_own(own_splits, shares)
    dataset = unsplit.split(split_seed, val_from_train, splits, shares, fold, kept)
    return dataset if to_score else check(dataset)


@dataclass(frozen=True)
class Unsplit:
    """A dataset before it is split into train, val and test, with the groups of its images.

    name: of the layout. source: as the user gave it. root: the folder, None for other sources. known_groups:
    see `foveate.data.groups.Grouped`. counted: see `Dataset`; shared by all datasets that are split from this
    one.
    """

    name: str
    source: str
    root: Path | None
    layout: Layout
    known_groups: bool
    counted: dict[str, Int64[np.ndarray, " classes"]] = field(default_factory=dict, repr=False, compare=False)

    def split(
        self,
        split_seed: int = 0,
        val_from_train: bool = True,
        splits: Mapping[str, Sequence[str]] | None = None,
        shares: Sequence[float] = SHARES,
        fold: str | None = None,
        own_splits: bool = True,
    ) -> Dataset:
        """Return the dataset with splits; the arguments are those of `open_dataset`.

        own_splits: False sets aside the splits that the data bring.
        """
        if splits is not None:
            entries, note = restore(self.layout.parts, splits)
        else:
            entries, note = arrange(self.layout.parts, split_seed, val_from_train, shares, fold, own_splits)
            if fold is not None:
                self._check_folds()
        if self.name == "synthetic" and splits is None and own_splits:
            note = "drawn on demand, with different scenes in each split"
        return self._dataset(entries, note, self._cautions(entries))

    def _cautions(self, splits: Splits) -> Iterator[str]:
        if torn := describe_torn(splits):
            yield f"{torn}; their test images may score too high"
        if self.name == "synthetic" or self.known_groups:
            return
        if suggestion := describe_suggestion(splits, self.layout.parts):
            yield suggestion

    @property
    def held_out_part(self) -> str:
        """The part that the data themselves hold out for the scores; empty if there is none."""
        return held_out_part(self.layout.parts)

    @property
    def groups(self) -> int:
        """The number of groups; an image without one is a group."""
        return len(grouped([entry for entries in self.layout.parts.values() for entry in entries]))

    def _check_folds(self) -> None:
        """Raise `DataError` for a class of a single group: the fold that tests it leaves none to learn."""
        entries = [entry for held in self.layout.parts.values() for entry in held if entry.label is not None]
        for number, name in enumerate(self.layout.classes):
            groups = grouped([entry for entry in entries if entry.label == number])
            if len(groups) == 1:
                raise DataError(
                    f"{self.source}: the class '{name}' has one group or image only "
                    f"('{next(iter(groups))}'), so the fold that tests it leaves none to learn from; "
                    "add some, or leave folds out"
                )

    def whole(self) -> Dataset:
        """Return the dataset for scoring only, without cutting."""
        entries, note = keep_whole(self.layout.parts)
        return self._dataset(entries, note)

    def _dataset(self, splits: Splits, note: str, cautions: Iterable[str] = ()) -> Dataset:
        layout = self.layout
        return Dataset(
            name=self.name,
            source=self.source,
            task=layout.task,
            classes=layout.classes,
            colors=layout.colors or palette(len(layout.classes)),
            splits=splits,
            root=self.root,
            reader=layout.reader,
            counts=layout.counts,
            notes=(*layout.notes, note),
            cautions=(*layout.cautions, *cautions),
            counted=self.counted,
            bands=layout.bands,
            table=layout.table,
        )


def open_unsplit(
    source: str | Path,
    classes: Sequence[str] | None = None,
    group: str | None = None,
    folder: FolderChoice = ANY_FOLDER,
    bands: Sequence[int] | None = None,
    tiles: Tiles | None = None,
) -> Unsplit:
    """Read a source and put its images into groups. Raises `DataError` as `open_dataset` does."""
    name, root, layout = read_layout(source, classes, folder)
    notes = (*layout.notes, *alike_note(layout.classes))
    if banded := find_bands(layout.parts, bands):
        layout = replace(layout, parts=banded.parts, bands=banded.bands)
        notes = (*notes, banded.note)
    grouped = settle_groups(layout.parts, layout.columns, group)
    account = account_for(layout)
    notes = (*notes, *account.notes, *grouped.notes)
    layout = replace(layout, parts=grouped.parts, notes=notes, cautions=(*layout.cautions, *account.cautions))
    if tiles is not None:
        layout = cut_tiles(layout, tiles, str(source))
    return Unsplit(name, str(source), root, layout, grouped.known or tiles is not None)


def read_layout(
    source: str | Path, classes: Sequence[str] | None = None, folder: FolderChoice = ANY_FOLDER
) -> tuple[str, Path | None, Layout]:
    """Read a source without splitting it: the layout's name, its folder if it has one, and its contents.

    folder: what the user says about it.

    Raises `DataError` as `open_dataset` does.
    """
    folder = folder.settled
    if isinstance(classes, KnownClasses):
        name, root, layout = _read_source(source, classes, folder)
        try:
            return name, root, match_classes(layout, classes)
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
    classes = None if classes is None else [one_form(name) for name in classes]
    if classes is not None and len(classes) == 1 and not is_binding(classes[0]):
        name, root, layout = read_layout(source, folder=folder)
        return name, root, against_rest(layout, classes[0])
    return _read_source(source, classes, folder)


def _read_source(
    source: str | Path, classes: Sequence[str] | None, folder: FolderChoice
) -> tuple[str, Path | None, Layout]:
    if is_path(source):
        root = Path(source).expanduser()
        name, layout = _recognise(root, classes, folder)
        if folder.ignore_outside:
            layout = ignore_outside_view(layout, root, folder.ignore_outside)
        return name, root, layout
    if folder != ANY_FOLDER:
        raise DataError(f"{source}: {folder.flags.strip()} is for folders of files; leave it out")
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
    """Return a one-line description of the folders and files of each layout, public datasets last."""
    own, public = ([each for each in layout_readers() if bool(each.info) == known] for known in (False, True))
    return synthetic.summaries() | {layout.name: layout.summary for layout in [*own, *public]}


def public_names() -> frozenset[str]:
    """Return the names of the layouts of public datasets.

    >>> "voc" in public_names(), "paired" in public_names()
    (True, False)
    """
    return frozenset(layout.name for layout in layout_readers() if layout.info)


def require_source(source: str | Path) -> None:
    """Raise `DataError` if a local source is neither a folder nor an archive."""
    root = Path(source).expanduser()
    if not is_path(source) or root.is_dir() or (root.is_file() and is_archive(root)):
        return
    if root.is_file():
        raise DataError(f"{root}: is a file; give the folder of your images, such as the one it lies in")
    raise DataError(f"{root}: there is no such folder; give the folder of your images, or the word synthetic")


def _recognise(root: Path, classes: Sequence[str] | None, folder: FolderChoice) -> tuple[str, Layout]:
    require_source(root)
    if folder.masks:
        return read_named_masks(root, folder.masks, folder.layout, classes)
    if match := recognise(root, folder.layout):
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
    others = "".join(f" {sentence}." for sentence in foreign_files(root, *folders_in(root)[:SEARCH_LIMIT]))
    others = others or "".join(f" {note[:1].upper()}{note[1:]}." for note in missed_note(root))
    return DataError(f"{root}: no known layout (found {shown}).{others} {_LIKE}")
