import socket
import threading
import time

import pytest

from foveate.errors import UserError
from foveate.experiments.engines.ray_address import answering_address


@pytest.fixture
def listening():
    """A server that accepts connections and answers what it is given, or nothing."""
    answers = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                if answers:
                    line.recv(100)
                    line.sendall(answers[0])
                kept.append(line)

        kept = []
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", answers
        for line in kept:
            line.close()


def test_a_server_that_accepts_and_says_nothing_is_told_in_time(listening):
    start = time.monotonic()
    with pytest.raises(
        UserError, match=r"--address: 127.0.0.1:\d+ does not answer within 0.2 s; is the cluster up"
    ):
        answering_address(listening[0], seconds=0.2)
    assert time.monotonic() - start < 3


def test_a_server_of_another_kind_is_told(listening):
    address, answers = listening
    answers.append(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(UserError, match="answers, but is no Ray cluster"):
        answering_address(address)


def test_a_server_that_speaks_as_ray_does_is_one(listening):
    address, answers = listening
    answers.append(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    assert answering_address(address) == address
    assert answering_address(f"ray://{address}") == f"ray://{address}"


@pytest.mark.parametrize("address", ["head", "head:port", "head:99999", ":6379", "ray://", "http://head"])
def test_what_is_no_address_is_told(address):
    with pytest.raises(UserError, match="is not the address of a Ray cluster; write HOST:PORT"):
        answering_address(address)


def test_a_name_that_is_not_known(monkeypatch):
    with pytest.raises(UserError, match=r"nowhere\.invalid:6379 does not answer"):
        answering_address("nowhere.invalid:6379")


def test_without_an_address_the_cluster_of_this_machine_is_meant(listening, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match="there is no Ray cluster on this machine; start one"):
        answering_address(None)
    address, answers = listening
    answers.append(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/ray_current_cluster").write_text(address)
    assert answering_address(None) == answering_address("auto") == address
