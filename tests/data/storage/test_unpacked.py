"""Opening packed datasets: progress, the cache, and when it is renewed."""

import json
import shutil
from pathlib import Path

import pytest

from foveate.data.open import open_dataset
from foveate.data.storage.unpacked import cache_folder, unpacked
from foveate.errors import DataError, UserError
from foveate.waiting import progress_listener


@pytest.fixture
def photos(make, tmp_path_factory, monkeypatch):
    """A folder with nothing but an archive of pairs."""
    root = tmp_path_factory.mktemp("photos")
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path_factory.mktemp("cache")))
    shutil.make_archive(str(root / "all"), "zip", make.pairs())
    return root


def opened(root) -> tuple[list, str]:
    """Open a dataset; return the progress calls of unpacking and the description."""
    calls = []
    with progress_listener(lambda *words: calls.append(words)):
        description = open_dataset(root).describe()
    return [words for words in calls if words[2].startswith("Unpacking")], description


def test_unpacking_reports_archive_size_and_folder_once(photos, monkeypatch):
    calls, description = opened(photos)
    folder = unpacked(photos).folder
    size = sum(path.stat().st_size for path in folder.rglob("*.png"))
    packed = (photos / "all.zip").stat().st_size
    assert calls[0] == (0, packed, f"Unpacking all.zip (0 MB, 0 MB unpacked) into {folder}, once")
    assert calls[-1] == (packed, packed, "Unpacking all.zip: 0 of 0 MB")
    assert [done for done, _, _ in calls] == sorted(done for done, _, _ in calls)
    assert "Read from all.zip, kept unpacked (0 MB)." in description
    assert json.loads(Path(f"{folder}.json").read_text()) == {"source": str(photos), "bytes": size}
    assert opened(photos) == ([], description)


def test_what_an_older_archive_left_is_named(photos):
    opened(photos)
    old = unpacked(photos).folder
    (photos / "notes.txt").write_text("new")
    calls, _ = opened(photos)
    assert calls[0][2].endswith(f", once; {old} holds an earlier state and may be deleted")
    shutil.rmtree(old)
    (photos / "notes.txt").unlink()
    calls, _ = opened(photos)
    assert unpacked(photos).folder == old


def test_a_folder_that_is_not_recorded_is_made_anew(photos):
    opened(photos)
    Path(f"{unpacked(photos).folder}.json").unlink()
    assert len(opened(photos)[0]) > 1
    assert opened(photos)[0] == []


def test_damage_leaves_nothing(photos):
    archive = photos / "all.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"all\.zip: the archive is damaged or truncated"):
        open_dataset(photos)
    assert list(cache_folder().rglob("*")) == [cache_folder() / "unpacked"]


def without_home(monkeypatch, home: str) -> None:
    for variable in ("FOVEATE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", home)


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"], ids=["read-only", "a file"])
def test_where_the_home_cannot_be_written_the_variable_is_named(home, photos, monkeypatch):
    without_home(monkeypatch, home)
    with pytest.raises(UserError, match=rf"{home}/\.cache/foveate.* cannot be written to .*FOVEATE_CACHE"):
        open_dataset(photos)


def test_a_user_without_a_home_is_told_the_variable(photos, monkeypatch):
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    without_home(monkeypatch, "")
    monkeypatch.setattr(Path, "expanduser", unknown)
    with pytest.raises(UserError, match=r"no home folder for the cache; name .*FOVEATE_CACHE"):
        unpacked(photos)


def test_an_archive_with_the_longest_name_is_unpacked(photos):
    (photos / "all.zip").rename(photos / f"{'图' * 83}.zip")
    assert len(open_dataset(photos)) == 8
    assert len(open_dataset(photos / f"{'图' * 83}.zip")) == 8
