import zipfile

from foveate.cli import waiting as module
from foveate.cli.main import main
from foveate.cli.waiting import print_data_progress
from foveate.waiting import report_progress, with_progress


def test_a_line_is_printed_at_the_beginning_and_every_20_seconds(capsys, monkeypatch):
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with print_data_progress():
        report_progress(0, 40_000_000, "Unpacking a.zip into b")
        for done in range(10, 50, 10):
            report_progress(done * 10**6, 40_000_000, f"Unpacking a.zip: {done} of 40 MB")
        assert list(with_progress(range(4), 4, "Reading masks")) == [0, 1, 2, 3]
        assert list(with_progress(range(2), 2, "Reading every image once")) == [0, 1]
    report_progress(0, None, "nobody listens")
    assert capsys.readouterr().err.splitlines() == [
        "Unpacking a.zip into b",
        "Unpacking a.zip: 20 of 40 MB, 30 s left",
        "Unpacking a.zip: 40 of 40 MB, 0 s left",
        "Reading masks: 3 of 4, 15 s left",
    ]


def test_the_clock_starts_with_the_first_file_and_not_with_the_imports(capsys, monkeypatch):
    clock = iter([420.0, 420.01, 420.02, 420.03])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with print_data_progress():
        assert list(with_progress(range(4), 4, "Reading masks")) == [0, 1, 2, 3]
    assert capsys.readouterr().err == ""


def test_packed_data_says_once_where_it_is_unpacked(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    assert main(["data", "pack", "synthetic:4:16x24", "--out", str(tmp_path / "shards")]) == 0
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for path in (tmp_path / "shards").iterdir():
            file.write(path, f"photos/{path.name}")
    capsys.readouterr()
    for out, times in (("a", 1), ("b", 0)):
        assert main(["data", "pack", str(tmp_path / "photos.zip"), "--out", str(tmp_path / out)]) == 0
        output = capsys.readouterr().err
        assert output.count("Unpacking photos.zip (") == times
        assert output.count(f" unpacked) into {tmp_path}/cache/unpacked/photos-") == times
