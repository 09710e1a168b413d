"""Connections over HTTP that give a client limited time for the head of a request.

uvicorn closes a connection that is silent between requests, but waits for ever for one that sends its head
byte by byte.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """uvicorn's protocol with a limit for the head of a request; `seconds` is set on a subclass."""

    seconds = 30.0
    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        """Measure the time while a head is incomplete; between requests, uvicorn's own timer runs."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self.head_timer is None and self.conn.trailing_data[0]:
            self._await_head()

    def _await_head(self) -> None:
        self.head_timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
                b'{"error": "the head of the request took too long to arrive; send it again"}'
            )
            self.transport.close()
