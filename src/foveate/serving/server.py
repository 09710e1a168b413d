"""Run a server until it is told to stop; what was accepted is answered first."""

import math
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from foveate.errors import UserError
from foveate.prediction.predictor import Predictor
from foveate.serving.application import application
from foveate.serving.connection import Connection
from foveate.serving.logs import log, start_logging
from foveate.serving.service import Service
from foveate.specs.serving import ServingSpec
from foveate.watching.signs import Signs

_CONNECTIONS_BESIDE = 256
"""Connections that may be open beside those in the queue; beyond them, clients get 503."""


class Server(uvicorn.Server):
    """uvicorn's server; SIGTERM and SIGINT end it in order, and the process with exit code 0."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(
    predictor: Predictor,
    spec: ServingSpec,
    baseline: Sequence[Signs] = (),
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Answer requests until SIGTERM or SIGINT. A second signal ends the process at once.

    baseline: the signs of the run's validation images; empty: drift is not watched.
    started: called with the address once it is listened to. Raises `UserError` if the address is in use or
    cannot be listened to.
    """
    listener = listen(spec.host, spec.port)
    start_logging()
    server = build_server(predictor, spec, baseline)
    started(f"http://{_written(spec.host)}:{listener.getsockname()[1]}")
    log("started", port=listener.getsockname()[1])
    server.run([listener])
    log("stopped")


def build_server(predictor: Predictor, spec: ServingSpec, baseline: Sequence[Signs] = ()) -> Server:
    """Return the server of a network; `run([socket])` runs it. See `serve`."""
    config = uvicorn.Config(
        application(Service(predictor, spec, baseline)),
        http=type("TimedConnection", (Connection,), {"seconds": spec.timeout}),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_BESIDE + spec.queue,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=math.ceil(2 * spec.timeout),
    )
    return Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; raise `UserError` if that cannot be done."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(256)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"--host, --port: cannot listen on {host}:{port} ({reason}); choose another, such as --port "
            f"{port + 1 if 0 < port < 65535 else 8000}"
        ) from None
    return listener


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
