"""What the names of folders say: a split, a fold or part, a patient or site, images, masks."""

import re
from collections.abc import Collection

from foveate.data.dataset import SPLIT_NAMES

_SET = "|".join(sorted(SPLIT_NAMES, key=len, reverse=True))
_SPLIT_WORD = re.compile(rf"({_SET})(?:set|data|dataset|split)?")
_FILLER = frozenset({"set", "data", "dataset", "split", "folder", "dir", "the", "seg"})
_YEAR = re.compile(r"(19|20)\d\d")
_DATE = re.compile(rf"{_YEAR.pattern}([-_. ]?(0[1-9]|1[0-2])([-_. ]?[0-3]\d)?)?")

_IMAGE_WORDS = frozenset(
    ("image", "images", "img", "imgs", "jpegimages", "photo", "photos", "picture", "pictures")
)
_MASK_WORDS = frozenset(
    (
        *("mask", "masks", "label", "labels", "annotation", "annotations", "annot", "annots", "ann", "anns"),
        *("gt", "groundtruth", "ground", "truth", "segmentation", "segmentations", "seg", "segs"),
        *("target", "targets"),
    )
)
_FOLD_WORDS = frozenset(("fold", "folds", "kfold", "cv"))
_PART_WORDS = _FOLD_WORDS | {
    "part",
    "parts",
    "subset",
    "chunk",
    "batch",
    "shard",
    "split",
    "section",
    "folder",
}
_SURE_GROUPS = frozenset(
    ("patient", "subject", "site", "hospital", "center", "centre", "clinic", "region", "area")
)
_GROUP_WORDS = _SURE_GROUPS | {
    *("patients", "pat", "case", "subj", "city", "scene", "video", "vid", "seq", "sequence", "session"),
    *("series", "study", "scan", "donor", "participant", "volunteer", "location", "loc", "camera", "cam"),
    "flight",
}
_DERIVED = frozenset(
    (
        *(
            "prediction",
            "predictions",
            "pred",
            "preds",
            "predicted",
            "output",
            "outputs",
            "result",
            "results",
        ),
        *("overlay", "overlays", "vis", "viz", "visualization", "visualizations", "visualisation"),
        *("color", "colors", "colour", "colours", "object", "objects", "instance", "instances"),
        *("preview", "previews", "thumbnail", "thumbnails", "heatmap", "heatmaps"),
    )
)
"""Pictures that are made from images or masks, or masks of single objects."""

_LEFT_BEHIND = re.compile(
    r"(outputs?|results?|predictions?|preds?|checkpoints?|logs?|runs?|weights|thumbnails?|previews?|overlays?|heatmaps?|cache)",
    re.IGNORECASE,
)

_MANY = 8
"""So many folders of pairs are no datasets that lie in one place by chance."""


def words_of(name: str) -> list[str]:
    """Return the words and numbers of a folder's name, in lower case.

    >>> words_of("imagesTr"), words_of("HAM10000_part_1"), words_of("TrainSet")
    (['images', 'tr'], ['ham', '10000', 'part', '1'], ['train', 'set'])
    """
    return [word.lower() for word in re.findall(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|\d+", name)]


def split_of(name: str) -> str | None:
    """Return the split that a folder is named after, or None.

    >>> [split_of(name) for name in ("TRAIN", "training_set", "valid_data", "test2017", "Trainset")]
    ['train', 'train', 'val', 'test', 'train']
    >>> split_of("trains"), split_of("train_1"), split_of("test_masks")
    (None, None, None)
    """
    words = words_of(name)
    named = [match[1] for word in words if (match := _SPLIT_WORD.fullmatch(word))]
    rest = [word for word in words if not _SPLIT_WORD.fullmatch(word)]
    if len(named) != 1 or not all(word in _FILLER or _YEAR.fullmatch(word) for word in rest):
        return None
    return SPLIT_NAMES[named[0]]


def names_images(name: str) -> bool:
    """Whether a name says images and nothing else but a split, such as imagesTr, img_dir or test_images."""
    return _says(name, _IMAGE_WORDS)


def names_masks(name: str) -> bool:
    """Whether a name says masks and nothing else but a split, such as labelsTr, ann_dir or train_GT.

    >>> names_masks("labelsTr"), names_masks("1st_manual"), names_masks("with_mask")
    (True, False, False)
    """
    return _says(name, _MASK_WORDS)


def mentions_masks(name: str) -> bool:
    """Whether one of a name's words says masks, as in 'lung masks' (and in the class 'with_mask')."""
    return any(word in _MASK_WORDS for word in words_of(name))


def names_derived(name: str) -> bool:
    """Whether a name says that its pictures were made from images or masks, such as predictions/."""
    return any(word in _DERIVED for word in words_of(name))


def names_results(name: str) -> bool:
    """Whether a folder is called as programs call what they write, such as output/.

    >>> names_results("Predictions"), names_results("output_shaft")
    (True, False)
    """
    return _LEFT_BEHIND.fullmatch(name.strip()) is not None


def split_said(word: str) -> str | None:
    """Return the split that a cell of a table names, or None.

    >>> [split_said(word) for word in ("Training", "PrivateTest", "test set", "train_2", "testable")]
    ['train', 'test', 'test', None, None]
    """
    words = [each for each in words_of(word) if each not in _FILLER | {"public", "private", "only"}]
    return SPLIT_NAMES.get(words[0]) if len(words) == 1 else None


def split_of_flag(name: str) -> str | None:
    """Return the split of which a column says by yes or no whether an image is in it, or None.

    A lone word, such as test, may say something else, and names none.

    >>> [split_of_flag(name) for name in ("is_valid", "istest", "in_training_set", "test", "is_cat")]
    ['val', 'test', 'train', None, None]
    """
    own = words_of(name)
    words = [word for word in own if word not in _FILLER | {"is", "in", "image", "img", "for", "use"}]
    if len(words) != 1 or (len(own) == 1 and not words[0].startswith("is")):
        return None
    return SPLIT_NAMES.get(words[0].removeprefix("is"))


def level_of(names: Collection[str]) -> str | None:
    """Return what a level of folders divides the data into, or None if its names do not say.

    "folds", "parts", "groups" (patients, sites), "dates", "splits", "images and masks".

    >>> level_of(["fold_0", "fold_1"]), level_of(["HAM_images_part_1", "HAM_images_part_2"])
    ('folds', 'parts')
    >>> level_of(["patient01", "patient02"]), level_of(["siteA", "siteB"]), level_of(["cat", "dog"])
    ('groups', 'groups', None)
    >>> level_of(["images_001", "images_002"]), level_of(["photo", "sketch"])
    ('parts', None)
    >>> level_of(["mask", "no_mask"]), level_of(["img_dir", "ann_dir"]), level_of(["2019", "2020-05"])
    (None, 'images and masks', 'dates')
    """
    if not names:
        return None
    if any(names_images(name) and any(map(mentions_masks, {*names} - {name})) for name in names):
        return "images and masks"
    if all(map(_mentions_split, names)):
        return "splits"
    if all(map(_DATE.fullmatch, names)):
        return "dates"
    if len(names) > 1 and all(map(names_images, names)):
        return "parts"
    words = [words_of(name) for name in names]
    if all(_PART_WORDS & {*own} and _counts(own) for own in words):
        return "folds" if all(_FOLD_WORDS & {*own} for own in words) else "parts"
    if all(_SURE_GROUPS & {*own} or (_GROUP_WORDS & {*own} and _counts(own)) for own in words):
        return "groups"
    return None


def look_like_groups(names: Collection[str]) -> bool:
    """Whether folders look like patients, sites or sequences: by their words, numbers or how many they are.

    >>> look_like_groups(["TCGA_CS_4941", "TCGA_DU_5849"]), look_like_groups(["benign", "malignant"])
    (True, False)
    """
    numbered = sum(any(sign.isdigit() for sign in name) for name in names)
    return (
        level_of(names) in ("groups", "folds", "parts")
        or 5 * numbered >= 4 * len(names)
        or len(names) >= _MANY
    )


def _says(name: str, wanted: Collection[str]) -> bool:
    words = words_of(name)
    other = {"tr", "ts", "dir", "folder", "all", "png", "jpg", "the"} | _FILLER
    rest = [word for word in words if word not in wanted]
    known = all(word in other or word in SPLIT_NAMES or word.isdigit() for word in rest)
    return len(rest) < len(words) and known


def _mentions_split(name: str) -> bool:
    return any(map(_SPLIT_WORD.fullmatch, words_of(name)))


def _counts(words: Collection[str]) -> bool:
    """Whether a name holds a number or a letter that counts, as in fold_0 and siteA."""
    return any(word.isdigit() or len(word) == 1 for word in words)
