"""Find a Ray cluster and see that it answers, before Ray itself waits for it for minutes."""

import os
import socket
from pathlib import Path

from foveate.errors import UserError

SECONDS = 5.0
"""Time in which a cluster must answer."""

CURRENT = Path("ray", "ray_current_cluster")
"""Where `ray start` notes its address, in the folder for temporary files."""

CLIENT = "ray://"

# Both the cluster and its client server speak gRPC, which is HTTP/2: it begins with this text and a frame of
# settings, which the server answers by a frame of type 4.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = 4


def answering_address(address: str | None, seconds: float = SECONDS) -> str:
    """Return the address of a Ray cluster that answers.

    address: HOST:PORT, ray://HOST:PORT, or None (also "auto") for RAY_ADDRESS or the cluster that was started
    on this machine.

    Raises `UserError` if there is none, and for one that does not answer in time.

    >>> answering_address("127.0.0.1:1")
    Traceback (most recent call last):
    foveate.errors.UserError: --address: 127.0.0.1:1 does not answer (Connection refused); is the cluster
    up ('ray status' on its head)?
    """
    found = address if address not in (None, "auto") else _current()
    host, _, port = found.removeprefix(CLIENT).rstrip("/").rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UserError(
            f"--address: '{found}' is not the address of a Ray cluster; write HOST:PORT or ray://HOST:PORT"
        )
    if problem := _problem(host.strip("[]"), int(port), seconds):
        raise UserError(f"--address: {found} {problem}; is the cluster up ('ray status' on its head)?")
    return found


def _current() -> str:
    """Return the address in RAY_ADDRESS, or the one that `ray start` has noted on this machine."""
    if given := os.environ.get("RAY_ADDRESS"):
        return given
    try:
        return (Path(os.environ.get("RAY_TMPDIR", "/tmp")) / CURRENT).read_text().strip()
    except OSError:
        raise UserError(
            "there is no Ray cluster on this machine; start one (ray start --head), or name one by --address"
        ) from None


def _problem(host: str, port: int, seconds: float) -> str:
    """Return what is wrong with an address, in words; empty if a server of Ray's kind answers there."""
    try:
        with socket.create_connection((host, port), timeout=seconds) as line:
            if os.environ.get("RAY_USE_TLS") == "1":
                return ""
            line.settimeout(seconds)
            line.sendall(GREETING)
            head = line.recv(9)
    except TimeoutError:
        return f"does not answer within {seconds:g} s"
    except OSError as error:
        return f"does not answer ({error.strerror or error})"
    return "" if len(head) > 3 and head[3] == SETTINGS else "answers, but is no Ray cluster"
