"""A request that is refused: the status, and the sentence that the client is told."""

from starlette.responses import JSONResponse

_CLOSING = (401, 408, 413, 415)
"""Statuses after which a part of the request may be unread, so that the connection ends."""


class Refusal(Exception):
    """Ends a request with an HTTP status from 400 to 599 and one sentence; retry_after: in seconds.

    >>> str(Refusal(413, "the body is larger than 32 MB; send a smaller image"))
    'the body is larger than 32 MB; send a smaller image'
    """

    def __init__(self, status: int, sentence: str, retry_after: int | None = None):
        super().__init__(sentence)
        self.status, self.retry_after = status, retry_after


def answer_of(refusal: Refusal) -> JSONResponse:
    """Return the answer to a refused request.

    >>> answer_of(Refusal(429, "the server is busy", retry_after=2)).headers["retry-after"]
    '2'
    """
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.status in _CLOSING:
        headers["Connection"] = "close"
    return JSONResponse({"error": str(refusal)}, refusal.status, headers)
