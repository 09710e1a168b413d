import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from foveate.data import download as module
from foveate.data.catalogue import Download
from foveate.data.download import download
from foveate.data.errors import DataError
from foveate.errors import UserError

CONTENT = bytes(range(256)) * 8192  # 2 MB


class Server:
    """A real server on this machine whose faults can be chosen.

    ranges: whether it continues files. cuts: bytes after which it hangs up, by transfer. slow: seconds
    between pieces. version: its ETag. asked: the Range header of each transfer.
    """

    def __init__(self) -> None:
        self.content, self.ranges, self.cuts, self.slow = CONTENT, True, [], 0.0
        self.version, self.status, self.asked = '"1"', 200, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *words) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/images.tar"
        threading.Thread(target=self.http.serve_forever, args=[0.02], daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        span, start = request.headers.get("Range"), 0
        cut = len(self.content)
        if "urllib" not in request.headers["User-Agent"]:  # which only asks whether anybody is there
            self.asked.append(span)
            cut = self.cuts.pop(0) if self.cuts else cut
        if span and self.ranges and request.headers.get("If-Range") == self.version:
            start = int(span.removeprefix("bytes=").rstrip("-"))
        if self.status != 200:
            request.send_error(self.status)
            return
        if start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        request.send_header("ETag", self.version)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        end = min(len(self.content), start + cut)
        try:
            for at in range(start, end, 1 << 16):
                request.wfile.write(self.content[at : min(at + (1 << 16), end)])
                time.sleep(self.slow)
        except OSError:
            pass
        request.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "PAUSE", 0.0)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def published(server: Server, content: bytes = CONTENT) -> Download:
    return Download(server.url, f"sha256:{hashlib.sha256(content).hexdigest()}")


def test_a_file_arrives_whole_and_progress_is_told(server, tmp_path):
    told = []
    path = download(published(server), tmp_path, lambda done, total: told.append((done, total)))
    assert path == tmp_path / "images.tar"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(done for done, _ in told) == [done for done, _ in told]
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
        "import sys; from pathlib import Path; from foveate.data.catalogue import Download\n"
        "from foveate.data.download import download\n"
        "download(Download(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, server.url, str(tmp_path)])
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
    server.content, server.version = CONTENT[::-1], '"2"'
    assert download(Download(server.url), tmp_path).read_bytes() == CONTENT[::-1]


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


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(
        DataError, match=r"images\.tar: what came does not have the published checksum sha256:"
    ):
        download(published(server, b"other"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_content_is_replaced(server, tmp_path):
    (tmp_path / "images.tar").write_bytes(b"old")
    assert download(published(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "words"), [(404, "the server says 404 Not Found; look at"), (503, "cannot be reached .*503")]
)
def test_what_the_server_refuses_is_told(server, tmp_path, status, words):
    server.status = status
    with pytest.raises(UserError, match=words):
        download(published(server), tmp_path)


def test_without_a_network_it_is_told_within_seconds(tmp_path, monkeypatch):
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
