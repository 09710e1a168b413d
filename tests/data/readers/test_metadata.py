"""Hugging Face's image folders on disk: metadata.csv and metadata.jsonl, flat or in folders of splits."""

import json
import unicodedata

import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.doctor.visit import visit
from foveate.errors import DataError


def photos(make, folder=".", count=8, first=0):
    for number in range(first, first + count):
        make.save(f"{folder}/{number}.jpg", make.photo(number, (8, 8)))


def write(make, rows, folder=".", as_lines=False):
    """Write rows (with the same keys) as metadata.csv or metadata.jsonl."""
    if as_lines:
        text = "\n".join(map(json.dumps, rows))
    else:
        text = "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)])
    (make.root / folder / f"metadata.{'jsonl' if as_lines else 'csv'}").write_text(text + "\n")


def labelled(count=8, first=0, prefix=""):
    return [{"file_name": f"{prefix}{n}.jpg", "label": "ab"[n % 2]} for n in range(first, first + count)]


def labels(dataset):
    return {entry.stem: entry.label for split in SPLITS for entry in dataset.index(split)}


@pytest.mark.parametrize("as_lines", [False, True])
def test_a_table_beside_the_images(make, as_lines):
    photos(make)
    write(make, labelled(), as_lines=as_lines)
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("csv", ("a", "b"))
    assert labels(dataset) == {str(number): number % 2 for number in range(8)}
    assert "columns file_name and label" in dataset.describe()
    assert visit(make.root).folder.layout == "csv"


@pytest.mark.parametrize("as_lines", [False, True])
def test_a_table_in_each_folder_of_a_split(make, as_lines):
    for part, count in (("train", 8), ("validation", 4), ("test", 4)):
        photos(make, part, count)
        write(make, labelled(count), part, as_lines)
    dataset = open_dataset(make.root)
    assert [len(dataset.index(split)) for split in SPLITS] == [8, 4, 4]
    entry = dataset.index("test")[1]
    assert (entry.stem, entry.label) == ("test/1", 1)
    assert np.array_equal(dataset.read(entry)[0], dataset.read(dataset.index("train")[1])[0])
    assert [len(visit(make.root).folder.parts[split]) for split in SPLITS] == [8, 4, 4]


def test_one_table_whose_names_tell_the_splits(make):
    photos(make, "train"), photos(make, "test", 4)
    write(make, [*labelled(8, prefix="train/"), *labelled(4, prefix="test/")])
    dataset = open_dataset(make.root)
    assert {entry.stem for entry in dataset.index("test")} == {f"test/{number}" for number in range(4)}


def test_a_column_of_masks(make):
    photos(make)
    for number in range(8):
        make.save(f"drawn/m{number}.png", make.mask(number, [0, 1, 2], (8, 8)))
    write(make, [{"file_name": f"{n}.jpg", "mask_file_name": f"drawn/m{n}.png"} for n in range(8)])
    dataset = open_dataset(make.root)
    entry = dataset.index("test")[0]
    assert np.array_equal(dataset.read(entry)[1], make.mask(int(entry.stem), [0, 1, 2], (8, 8)))


@pytest.mark.parametrize("as_lines", [False, True])
@pytest.mark.parametrize("folder", [".", "train"])
def test_a_table_without_labels_is_named_with_its_columns(make, as_lines, folder):
    photos(make, folder)
    rows = [{"file_name": f"{number}.jpg", "text": "a picture"} for number in range(8)]
    write(make, rows, folder, as_lines)
    words = (
        r"metadata\.\w+: names images in the column file_name, but has no column of masks \(.*\) or labels"
    )
    with pytest.raises(DataError, match=words + r" \(label, .*\); its columns are file_name, text; rename"):
        open_dataset(make.root)


def test_values_of_other_kinds(make):
    photos(make)
    rows = [{"file_name": f"{n}.jpg", "label": n % 3, "objects": {"bbox": [1]}} for n in range(8)]
    write(make, rows, as_lines=True)
    assert open_dataset(make.root).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"file_name": "0.jpg", ', r"metadata\.jsonl:2: is not JSON \(.*\); write one object a line"),
        ('["0.jpg", "a"]', r"metadata\.jsonl:2: is not an object"),
        ('{"file_name": "0.jpg", "label": null}', r"metadata\.jsonl:2: the column label is empty; fill it"),
        (
            '{"file_name": "../0.jpg", "label": "a"}',
            r"metadata\.jsonl:2: the image '\.\./0\.jpg' leads out of",
        ),
        ('{"file_name": "9.jpg", "label": "a"}', r"metadata\.jsonl:2: the image '9\.jpg' does not exist"),
    ],
)
def test_lines_that_are_wrong(make, line, words):
    photos(make)
    write(make, labelled(), as_lines=True)
    path = make.root / "metadata.jsonl"
    first, _, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first, line, *rest]))
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)


def test_names_of_files_and_labels_in_either_form_of_unicode(make):
    words = ["caf\u00e9", "na\u00efve"]
    for number, form in enumerate(("NFC", "NFD") * 4):
        name = unicodedata.normalize(form, f"{words[0]} {number}.jpg")
        make.save(f"images/{name}", make.photo(number, (8, 8)))
    rows = ["image,label"]
    for number, form in enumerate(("NFD", "NFC") * 4):
        rows.append(unicodedata.normalize(form, f"{words[0]} {number}.jpg,{words[number // 2 % 2]}"))
    (make.root / "labels.csv").write_text("\n".join(rows))
    dataset = open_dataset(make.root)
    assert dataset.classes == tuple(words)
    assert labels(dataset) == {f"{words[0]} {number}": number // 2 % 2 for number in range(8)}
    assert "are one class" in dataset.describe()
