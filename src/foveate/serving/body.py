"""From a request to the bytes of its image, within limits of size and time."""

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from foveate.serving.refusal import Refusal

PLAIN = ("", "application/octet-stream", "application/x-www-form-urlencoded")
"""Media types of a body that says nothing about itself; the last is what curl sends if not told otherwise."""

_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 * 10**6


async def image_bytes(request: Request, limit: int, seconds: float) -> bytes:
    """Return the image in a request: its raw body, or the one file of a multipart form.

    limit: in bytes. seconds: in which the body must arrive. Raises `Refusal` with 400 (no image, or a broken
    form), 408 (too slow), 413 (too large) or 415 (another media type).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = kind == "multipart/form-data"
    if not (form or kind in PLAIN or kind.startswith("image/")):
        raise Refusal(415, f"{kind[:60]} is not taken; send the image as multipart/form-data or as image/*")
    content = await _within(request, limit, seconds)
    if form:
        content = await _file_of(request.headers, content)
    if not content:
        raise Refusal(400, "the request holds no image (0 bytes); send the file's bytes as the body")
    return content


async def _within(request: Request, limit: int, seconds: float) -> bytes:
    stream = request.stream()
    try:
        async with asyncio.timeout(seconds):
            content = await _collect(stream, limit, request.headers.get("content-length", ""))
    except TimeoutError:
        raise Refusal(
            408, f"the request took longer than {seconds:g} seconds to arrive; send it again"
        ) from None
    except ClientDisconnect:
        raise Refusal(400, "the connection was closed before the request was whole; send it again") from None
    if content is not None:
        return content
    if request.headers.get("expect", "").lower() != "100-continue":
        await _linger(stream)
    raise Refusal(413, f"the body is larger than {limit / 1e6:g} MB; send a smaller image")


async def _collect(stream: AsyncIterator[bytes], limit: int, announced: str) -> bytes | None:
    if announced.isdecimal() and int(announced[:20]) > limit:
        return None
    content = bytearray()
    async for part in stream:
        if len(content) + len(part) > limit:
            return None
        content += part
    return bytes(content)


async def _linger(stream: AsyncIterator[bytes]) -> None:
    """Read on for a short time: a connection closed with unread bytes would lose the answer on its way."""
    dropped = 0
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            async for part in stream:
                dropped += len(part)
                if dropped > _LINGER_BYTES:
                    return
    except (TimeoutError, ClientDisconnect):
        return


async def _file_of(headers: Headers, content: bytes) -> bytes:
    async def parts() -> AsyncIterator[bytes]:
        yield content

    parser = MultiPartParser(headers, parts(), max_files=1, max_fields=8)
    parser.spool_max_size = len(content) + 1  # nothing is written to disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError):
        raise Refusal(400, "the form cannot be read; send multipart/form-data with one file") from None
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise Refusal(400, "the form holds no file; send the image as a file, such as -F image=@a.png")
        return await files[0].read()
    finally:
        await form.close()
