"""The data of a run, and how it is augmented and shown to the network."""

from dataclasses import dataclass, fields, replace
from shlex import quote

from foveate.errors import DataError
from foveate.specs.augmentation import CHANGES, POLICIES, USUAL, Policy, check_policy
from foveate.specs.bindings import class_names, is_binding
from foveate.specs.shares import SHARES, Shares, keeps_own
from foveate.specs.tiles import Tiles


@dataclass(frozen=True)
class DataSpec:
    """The data of a run, and how it is augmented and shown to the network.

    Args:
        source: a folder, an archive, an address, hf:NAME or synthetic[:NAME][:COUNT[:HxW]].
        size: height and width in pixels to which all images are resized; chosen from the data if not
            given.
        classes: class names in the order of their ids; taken from the data if not given. The word ignore in
            place of a name ignores the pixels of that value. A single name is a class against the rest. To
            say which values of the masks stand for a class, bind them: background=255 cup=0 disc=128,
            car=13,14 for several, lesion=1-5 for a range, road=#804080 for a colour, ignore=254 to ignore.
        layout: the layout of the folder, by a name of `foveate list datasets`; recognised if not given.
        masks: the name of the folder of masks, where several folders could hold them, such as 1st_manual.
        ignore_outside: the name of a folder of masks that are 0 outside the field of view; the pixels there
            are ignored.
        split: percents of train, val and test, such as 80/10/10; 70/15/15 if not given. Of two, such as
            80/20, the second validates and is scored. Splits that the data bring are kept if it is not given,
            and set aside if it is.
        split_seed: draws that split.
        own_splits: keeps the splits that the data bring though split is given, which then says what share of
            train is cut off as a missing val. False sets them aside for 70/15/15.
        group: keeps images that belong together (a patient, a video) in one part of the split. A column of
            the data's table, or a regular expression for what the names of a group share, such as '^[^_]+'
            for all before the first underscore. The first capture group counts, or else the whole match.
            "none" takes every image by itself, even copies and the images of a patient.
        fold: where the data have no part to test on, K/N tests on the K-th of N folds, such as 1/5 on the
            first of five. The folds hold each image once. Validation is cut from the others.
        val_from_train: where the data have two parts, score on the second and cut validation from the first.
            False validates and scores on the second.
        tiles: height and width in pixels of the tiles that images with masks are cut into, such as 224x224,
            each an image of its own for training and for the scores. They are read from the images, without a
            copy. The tiles of an image stay together in one part of the split.
        tile_overlap: pixels that neighbouring tiles share.
        crop: height and width in pixels of the random crops in training; the whole image if not given.
        crop_schedule: crops that change during training, as (share of the epochs in [0, 1), (height, width))
            in rising order, each in force from that share on. On the command line: 0:96x128 0.5:192x256.
        augment: the random changes of training images, by a name of `foveate list augmentations`: none,
            flips, light, strong, tutorial, randaugment or trivialaugment. light if not given. Each of the
            following replaces one of its values.
        scale: limits of the random rescaling in training, above 0. At 1 the image just covers the crop.
        rotation: largest random rotation in training, to either side, in degrees from 0 to 180.
        shear: largest random shear in training, to either side, in degrees from 0 to below 90.
        shift: largest random shift in training, as a share of the crop from 0 to below 1.
        zoom: largest random zoom in training of height and of width, each by itself, from 0 to below 1.
        flip: probability of a left-right flip in training, from 0 to 1.
        flip_vertical: probability of an up-down flip in training, from 0 to 1.
        color: strength of the random colour changes in training, from 0 to 1; of RGB images alone.
        brightness: strength of random changes of brightness alone, where it is more than color, from 0 to 1;
            with color 0, nothing but the brightness changes.
        fill: what training shows outside the image: mean (the mean colour, ignored in masks) or nearest (the
            nearest pixel, also of masks).
        automatic: further random operations in training: none, randaugment or trivialaugment, of RGB images
            alone. Those that move pixels move those of the mask.
        magnitude: the strength of the operations of randaugment, from 0 to 30.
        test_scales: image sizes, relative to `size`, at which the trained network sees an image, above 0 and
            at most 4. Its probabilities are averaged. 0.75 1 1.25 costs three times the time and often pays
            for thin objects.
        test_flip: also show each of these mirrored left to right.
        batch: images a step, 1 or more; chosen from the task and the number of images if not given.
        workers: processes that read images which do not fit in memory; chosen if not given.
        bands: of TIFF or .npy images with several bands, the numbers of those to use, from 1, such as
            4 3 2; all if not given. Reports show the first three. Each band is scaled by its values in the
            training images.
        memory_gb: gigabytes (10^9 bytes) that the decoded images may take, all splits together.
    """

    source: str
    size: tuple[int, int] | None = None
    classes: tuple[str, ...] | None = None
    layout: str | None = None
    masks: str | None = None
    ignore_outside: str | None = None
    split: Shares = SHARES
    split_seed: int = 0
    own_splits: bool | None = None
    group: str | None = None
    fold: str | None = None
    val_from_train: bool = True
    tiles: tuple[int, int] | None = None
    tile_overlap: int = 0
    crop: tuple[int, int] | None = None
    crop_schedule: tuple[tuple[float, tuple[int, int]], ...] = ()
    augment: str | None = None
    scale: tuple[float, float] | None = None
    rotation: float | None = None
    shear: float | None = None
    shift: float | None = None
    zoom: float | None = None
    flip: float | None = None
    flip_vertical: float | None = None
    color: float | None = None
    brightness: float | None = None
    fill: str | None = None
    automatic: str | None = None
    magnitude: int | None = None
    test_scales: tuple[float, ...] = (1.0,)
    test_flip: bool = False
    batch: int | None = None
    workers: int | None = None
    bands: tuple[int, ...] | None = None
    memory_gb: float = 4.0

    def __post_init__(self) -> None:
        if self.augment is not None:
            check_policy(self.augment)

    @property
    def policy(self) -> Policy:
        """The random changes of training images: those of `augment`, with what is given beside it.

        >>> DataSpec("photos", augment="tutorial", rotation=10.0).policy.rotation
        10.0
        """
        given = {name: value for name in CHANGES if (value := getattr(self, name)) is not None}
        return replace(POLICIES[self.augment or USUAL], **given)

    @property
    def settled(self) -> "DataSpec":
        """The spec with every random change as a number; it names no policy.

        >>> DataSpec("photos").settled.scale, DataSpec("photos", augment="none").settled.flip
        ((0.75, 1.5), 0.0)
        """
        return replace(self, augment=None, **vars(self.policy))

    @property
    def keeps_own_splits(self) -> bool:
        """Whether the splits that the data bring are kept.

        >>> DataSpec("photos").keeps_own_splits, DataSpec("photos", split=(80, 20)).keeps_own_splits
        (True, False)
        """
        return keeps_own(self.own_splits, self.split)

    @property
    def tiling(self) -> Tiles | None:
        """The tiles that images are cut into, None for none. Raises `DataError` for a wrong overlap."""
        if self.tiles is None and self.tile_overlap:
            raise DataError("tile_overlap is for tiles; give tiles, too, such as 224x224")
        return Tiles(self.tiles, self.tile_overlap) if self.tiles else None

    @property
    def folder(self) -> "FolderChoice":
        """What the user says about the folder."""
        return FolderChoice(self.layout, self.masks, self.ignore_outside)


@dataclass(frozen=True)
class FolderChoice:
    """What the user says about a folder, as in `DataSpec`; None is left to foveate.

    The word "none" takes back what was said of the data of a run, where other data are read.

    >>> DataSpec("photos", masks="1st_manual").folder.masks
    '1st_manual'
    """

    layout: str | None = None
    masks: str | None = None
    ignore_outside: str | None = None

    @property
    def flags(self) -> str:
        """The words of the command line, with a blank behind each.

        >>> FolderChoice(masks="lung masks", ignore_outside="view").flags
        "--masks 'lung masks' --ignore-outside view "
        """
        said = {field.name.replace("_", "-"): getattr(self, field.name) for field in fields(self)}
        return "".join(f"--{flag} {quote(word)} " for flag, word in said.items() if word)

    def over(self, other: "FolderChoice") -> "FolderChoice":
        """Return this choice with what `other` says where this one says nothing.

        >>> FolderChoice(ignore_outside="none").over(FolderChoice(masks="manual", ignore_outside="view"))
        FolderChoice(layout=None, masks='manual', ignore_outside='none')
        """
        said = {field.name: getattr(self, field.name) or getattr(other, field.name) for field in fields(self)}
        return FolderChoice(**said)

    @property
    def settled(self) -> "FolderChoice":
        """This choice with None in place of "none".

        >>> FolderChoice(masks="none").settled == ANY_FOLDER
        True
        """
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return FolderChoice(**{name: None if word == NOTHING_SAID else word for name, word in said.items()})


NOTHING_SAID = "none"

ANY_FOLDER = FolderChoice()
"""Nothing is said about a folder; all is recognised."""


def resumed_classes(recorded: DataSpec, given: DataSpec) -> tuple[str, ...] | None:
    """Return the classes of `given` as a recorded run has them, if both mean the same.

    Runs record what the values of their masks stand for; those of older versions did not. Classes that are
    not given are the recorded ones.

    >>> recorded = DataSpec("photos", classes=("cup=0", "disc=128", "ignore=255"))
    >>> resumed_classes(recorded, DataSpec("photos", classes=("cup", "disc"))) == recorded.classes
    True
    >>> resumed_classes(recorded, DataSpec("photos", classes=("disc", "sky")))
    ('disc', 'sky')
    """
    before, now = recorded.classes, given.classes
    if now is None or (before is None and any(map(is_binding, now))):
        return before
    alike = any(map(is_binding, before or ())) == any(map(is_binding, now))
    one, other = sorted((class_names(before or ()), class_names(now)), key=len)
    return before if not alike and set(one) <= set(other) else now
