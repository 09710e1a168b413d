"""What every request passes: token, number, log, counts."""

import hmac
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from foveate.serving.logs import log
from foveate.serving.metrics import Metrics
from foveate.serving.refusal import Refusal, answer_of

App = Callable[[dict, Callable, Callable], Awaitable[None]]

OPEN = ("/health", "/ready")
"""Routes that need no token: those that watch over a process ask them."""

REQUEST = "foveate.request"
"""The entry of an ASGI scope with the number of the request."""


class Gate:
    """ASGI middleware: checks the token, numbers and logs each request, and counts it.

    routes: the paths that are named in logs and metrics; any other is "other".
    """

    def __init__(self, app: App, token: str | None, metrics: Metrics, routes: tuple[str, ...]):
        self.app, self.metrics, self.routes = app, metrics, routes
        self.expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in self.routes else "other"
        request = {"id": f"{random.getrandbits(48):012x}", "method": scope["method"], "route": route}
        status, start = 0, time.perf_counter()

        async def note(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request["id"].encode())]
            await send(message)

        scope[REQUEST] = request["id"]
        try:
            self._check_token(scope)
            await self.app(scope, receive, note)
        except Refusal as refusal:
            await answer_of(refusal)(scope, receive, note)
        except Exception as error:  # which the application has answered
            log("failed", logging.ERROR, error, **request)
        finally:
            seconds = time.perf_counter() - start
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            log("answered", **request, status=status, ms=round(1e3 * seconds, 1))

    def _check_token(self, scope: dict[str, Any]) -> None:
        if self.expected is None or scope["path"] in OPEN:
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(given, self.expected):
            raise Refusal(401, "the token is missing or wrong; send the header 'Authorization: Bearer TOKEN'")
