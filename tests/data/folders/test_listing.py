"""Folders are listed once, however many layouts look into them."""

import os

from foveate.data.folders import listing
from foveate.data.folders.listing import files_with_suffix, folders_in, remembering_folders
from foveate.data.recognise import recognise


def test_a_flat_folder_is_listed_whole_once(make, monkeypatch):
    for number in range(6):
        make.save(f"{number}.jpg", make.photo(number))
    (make.root / "labels.csv").write_text("image,label\n" + "".join(f"{n}.jpg,{n % 2}\n" for n in range(6)))
    listed = []
    whole = listing._listed
    monkeypatch.setattr(listing, "_listed", lambda folder: listed.append(folder) or whole(folder))
    with remembering_folders():
        for _ in range(3):
            assert folders_in(make.root) == []
            assert [path.name for path in files_with_suffix(make.root, ".csv")] == ["labels.csv"]
    assert listed == [make.root]
    assert recognise(make.root).layout.name == "csv"


def test_nothing_is_remembered_outside(make):
    assert recognise(make.class_folders(a=2, b=2)).layout.name == "class_folders"
    assert [path.name for path in folders_in(make.root)] == ["a", "b"]
    os.mkdir(make.root / "c")
    assert [path.name for path in folders_in(make.root)] == ["a", "b", "c"]
