"""Choose the column of a table that says which images belong together: PatientID, case_id, Lesion ID."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping

from foveate.data.grouping import are_classes

_GROUPS = (
    *("group", "patient", "subject", "participant", "person", "individual", "donor", "animal", "case"),
    *("video", "movie", "clip", "sequence", "scene", "drive", "study", "series", "volume", "scan", "stack"),
    *("specimen", "slide", "wsi", "lesion"),
)
"""What images belong to, the widest first."""

_NUMBERED = ("mouse", "rat", "eye", "plant", "tree", "flight", "session", "acquisition", "source", "parent")
"""Words that name a group only together with a word for a name, as in plant_id."""

_NAME = "(?:instance)?(?:id|uid|uuid|ids|no|nr|num|number|name|key|code|index|idx|hash)"
_GROUP = re.compile(f"(?:dicom|anon|anonymized|pseudo)?({'|'.join(_GROUPS)})s?{_NAME}?")
_PART = re.compile(f"({'|'.join(_NUMBERED)}){_NAME}")
_OTHER = re.compile(
    "image|img|file|path|mask|segment|split|fold|subset|partition|set$|label|class|target|categor|diagnos"
)
"""Headings of columns that name the images, their labels or their splits."""


def plain(heading: str) -> str:
    """Return a column's name without upper case and separators.

    >>> plain("Patient-ID"), plain("patient_id")
    ('patientid', 'patientid')
    """
    return re.sub(r"[\W_]+", "", heading).lower()


def group_column(
    columns: Mapping[str, Mapping[str, str]], labels: Mapping[str, Hashable] | None = None
) -> str | None:
    """Return the column whose name says that it holds groups, and in which values repeat; None if none does.

    columns: the cells of each column by image. labels: the class of each image; a column that says the same
    is none of groups. Of several columns, the widest group counts: a patient before a lesion.

    >>> cells = {"a": "P1", "b": "P1", "c": "P2"}
    >>> group_column({"Patient ID": cells, "lesion_id": cells, "age": cells})
    'Patient ID'
    >>> group_column({"patient_age": cells}) is None
    True
    """
    ranked = sorted((rank, name) for name in columns if (rank := _rank(name)) is not None)
    return next((name for _, name in ranked if _repeats(columns[name], labels)), None)


def repeating_columns(
    columns: Mapping[str, Mapping[str, str]], labels: Mapping[str, Hashable] | None = None
) -> tuple[str, ...]:
    """Return the columns whose names or values look like names of something that several images share.

    >>> cells = {"a": "K01", "b": "K01", "c": "K02", "d": "K02"}
    >>> ages = {"a": "51", "b": "51", "c": "60", "d": "60"}
    >>> repeating_columns({"hospital": cells, "age": ages, "label": cells})
    ('hospital',)
    """
    return tuple(
        name
        for name, cells in columns.items()
        if not _OTHER.search(plain(name)) and _are_names(name, cells) and _repeats(cells, labels)
    )


def _rank(heading: str) -> int | None:
    text = plain(heading)
    if match := _GROUP.fullmatch(text):
        return _GROUPS.index(match[1])
    return len(_GROUPS) if _PART.fullmatch(text) else None


def _repeats(cells: Mapping[str, str], labels: Mapping[str, Hashable] | None) -> bool:
    filled = {image: cell for image, cell in cells.items() if cell}
    sizes = Counter(filled.values())
    if len(sizes) < 2 or len(sizes) == len(filled):
        return False
    return labels is None or not are_classes(list(filled.values()), [labels.get(image) for image in filled])


def _are_names(heading: str, cells: Mapping[str, str]) -> bool:
    """Whether values are names such as P012, half as many as images or fewer, or a heading says so."""
    values = {cell for cell in cells.values() if cell}
    if 2 * len(values) > len(cells):
        return False
    if re.search(rf"[\W_]{_NAME}$", heading.lower()) or _rank(heading) is not None:
        return True
    return all(re.search(r"\d", value) and re.search(r"[^\W\d_]", value) for value in values)
