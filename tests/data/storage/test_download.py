import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from foveate.data.info import Download
from foveate.data.storage import download as module
from foveate.data.storage.download import download
from foveate.errors import DataError, UserError

CONTENT = bytes(range(256)) * 8192  # 2 MB


@pytest.fixture
def server(server):
    server.files["images.tar"] = CONTENT
    return server


def published(server, content: bytes = CONTENT) -> Download:
    return Download(server.url("images.tar"), f"sha256:{hashlib.sha256(content).hexdigest()}")


def test_a_file_arrives_whole_and_progress_is_reported(server, tmp_path):
    calls = []
    path = download(published(server), tmp_path, lambda done, total: calls.append((done, total)))
    assert path == tmp_path / "images.tar"
    assert path.read_bytes() == CONTENT
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(done for done, _ in calls) == [done for done, _ in calls]
    assert [file.name for file in tmp_path.iterdir()] == ["images.tar"]
    assert download(published(server), tmp_path) == path
    assert server.asked == [None], "a whole file is not asked for again"


def test_a_broken_transfer_goes_on_in_the_same_call(server, tmp_path):
    server.cuts = [700_000, 600_000]
    assert download(published(server), tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 3
    first, second, third = server.asked
    assert first is None
    assert 0 < start_of(second) <= 700_000 < start_of(third) <= 1_300_000


def test_a_transfer_that_was_given_up_is_continued_by_the_next_call(server, tmp_path):
    server.cuts = [700_000, 0, 0, 0]
    with pytest.raises(UserError, match=r"images\.tar: the transfer broke off after 0\.\d MB .*goes on from"):
        download(published(server), tmp_path)
    assert not (tmp_path / "images.tar").exists()
    server.asked.clear()
    assert download(published(server), tmp_path).read_bytes() == CONTENT
    assert start_of(server.asked[0]) > 0


def test_a_killed_download_is_continued(server, tmp_path):
    server.slow = 0.05
    script = (
        "import sys; from pathlib import Path; from foveate.data.info import Download\n"
        "from foveate.data.storage.download import download\n"
        "download(Download(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, server.url("images.tar"), str(tmp_path)])
    partial = tmp_path / "images.tar.partial"
    while not partial.exists() or partial.stat().st_size < 300_000:
        assert process.poll() is None, "it ended before it could be killed"
        threading.Event().wait(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    server.slow = 0
    assert download(published(server), tmp_path).read_bytes() == CONTENT
    assert start_of(server.asked[-1]) >= 300_000
    assert not partial.exists()


def test_a_file_that_changed_on_the_server_is_begun_anew(server, tmp_path):
    server.cuts = [700_000, 0, 0, 0]
    with pytest.raises(UserError):
        download(published(server), tmp_path)
    server.files["images.tar"], server.version = CONTENT[::-1], '"2"'
    assert download(Download(server.url("images.tar")), tmp_path).read_bytes() == CONTENT[::-1]


def test_a_server_that_cannot_continue_sends_everything(server, tmp_path):
    server.ranges, server.cuts = False, [700_000]
    assert download(published(server), tmp_path).read_bytes() == CONTENT


def test_what_lay_there_whole_is_not_fetched_again(server, tmp_path):
    (tmp_path / "images.tar.partial").write_bytes(CONTENT)
    (tmp_path / "images.tar.partial.version").write_text('"1"')
    assert download(published(server), tmp_path).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "images.tar.partial").write_bytes(CONTENT * 2)
    (tmp_path / "images.tar.partial.version").write_text('"1"')
    assert download(published(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("shift", [-300_000, 50_000])
def test_a_part_that_begins_elsewhere_is_not_joined_on(server, tmp_path, shift):
    server.cuts, server.shift = [700_000], shift
    assert download(Download(server.url("images.tar")), tmp_path).read_bytes() == CONTENT
    assert [span is None for span in server.asked] == [True, False, True], (
        "then everything is asked for again"
    )


def test_a_file_of_unknown_size_has_a_limit(server, tmp_path, monkeypatch):
    server.sized = False
    assert download(published(server), tmp_path / "a").read_bytes() == CONTENT
    monkeypatch.setattr(module, "LIMIT", len(CONTENT) - 1)
    with pytest.raises(
        UserError, match=r"images\.tar: the server sends more than 2\.1 MB, the limit, .* of unknown size;"
    ):
        download(published(server), tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


def test_more_than_the_published_size_is_given_up(server, tmp_path):
    server.sized = False
    file = Download(server.url("images.tar"), bytes=1_000_000)
    with pytest.raises(
        UserError, match=r"images\.tar: the server sends more than 1\.0 MB, its published size; the download"
    ):
        download(file, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_disk_has_no_room_for_is_not_begun(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(
        UserError, match=r"has 2\.1 MB, and .* has room for 1\.0 MB of it; make room, and the"
    ):
        download(published(server), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(
        DataError, match=r"images\.tar: the file does not have the published checksum sha256:"
    ):
        download(published(server, b"other"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_content_is_replaced(server, tmp_path):
    (tmp_path / "images.tar").write_bytes(b"old")
    assert download(published(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "words"), [(404, "the server says 404 Not Found; look at"), (503, "cannot be reached .*503")]
)
def test_what_the_server_refuses_is_reported(server, tmp_path, status, words):
    server.status = status
    with pytest.raises(UserError, match=words):
        download(published(server), tmp_path)


def test_without_a_network_the_download_fails_within_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    start = time.perf_counter()
    with pytest.raises(
        UserError, match=r"cannot download http://127\.0\.0\.1:9/a\.zip: .*; connect to a network"
    ):
        download(Download("http://127.0.0.1:9/a.zip"), tmp_path)
    assert time.perf_counter() - start < 5
    assert list(tmp_path.iterdir()) == []


def start_of(span: str) -> int:
    return int(span.removeprefix("bytes=").rstrip("-"))
