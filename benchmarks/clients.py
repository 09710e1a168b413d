"""Clients of a server, as light as they can be: one thread of a process of its own holds all connections.

Clients and server share the machine in benchmarks. What the clients compute is taken from the server, and
hides the differences between servers. So requests are prepared before, and of an answer only the status and
the length are read. The process imports nothing of the package.
"""

import pickle
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Load:
    """What clients saw: the seconds of each request, and of all together."""

    latencies: list[float]
    wall: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.wall

    def percentile(self, percent: int) -> float:
        """Return the latency in seconds that so many percent of the requests do not exceed."""
        return sorted(self.latencies)[max(0, -(-percent * len(self.latencies) // 100) - 1)]


def form_request(image: bytes, accept: str = "image/png") -> bytes:
    """Return a whole request that posts an image to /predict as the file of a form."""
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
    body = head + image + b"\r\n--b--\r\n"
    lines = (
        "POST /predict HTTP/1.1",
        "Host: localhost",
        f"Accept: {accept}",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def ask_at_once(port: int, requests: Sequence[bytes], count: int, clients: int) -> Load:
    """Send `count` requests, in turn from `requests`, from so many clients of a new process.

    Every client sends its next request once it has its answer. Raises `SystemExit` for any answer but 200.
    """
    task = pickle.dumps((port, list(requests), count, clients))
    done = subprocess.run([sys.executable, "-I", __file__], input=task, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return Load(*pickle.loads(done.stdout))


@dataclass
class _Client:
    connection: socket.socket
    start: float = 0.0
    answer: bytearray = field(default_factory=bytearray)

    def ask(self, request: bytes) -> None:
        self.answer.clear()
        self.start = time.perf_counter()
        self.connection.sendall(request)

    def answered(self) -> bool:
        """Read what has arrived, and return whether the answer is whole."""
        part = self.connection.recv(1 << 18)
        self.answer += part
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if not part or (end and not head.startswith(b"HTTP/1.1 200 ")):
            raise SystemExit(f"expected an answer with status 200, got {bytes(self.answer[:500])!r}")
        if not end:
            return False
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        return len(body) == int(length)


def _drive(port: int, requests: Sequence[bytes], count: int, clients: int) -> tuple[list[float], float]:
    latencies: list[float] = []
    sent, start = 0, time.perf_counter()
    with selectors.DefaultSelector() as answers:
        for _ in range(min(clients, count)):
            client = _Client(socket.create_connection(("127.0.0.1", port)))
            answers.register(client.connection, selectors.EVENT_READ, client)
            client.ask(requests[sent % len(requests)])
            sent += 1
        while len(latencies) < count:
            for key, _ in answers.select():
                if not key.data.answered():
                    continue
                latencies.append(time.perf_counter() - key.data.start)
                if sent < count:
                    key.data.ask(requests[sent % len(requests)])
                    sent += 1
                else:
                    answers.unregister(key.data.connection)
                    key.data.connection.close()
    return latencies, time.perf_counter() - start


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_drive(*pickle.loads(sys.stdin.buffer.read()))))
