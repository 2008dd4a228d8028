"""Reading a request's body: of one media type, of bounded size, in bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import fail_after
from starlette.requests import ClientDisconnect

from deployments.web.declined import Declined

if TYPE_CHECKING:
    from starlette.requests import Request

READ_SECONDS = 10.0
"""How long a sender may take for its body."""

CLOSE = {"Connection": "close"}
"""What is still on its way is not read."""


async def read_body(request: Request, media_type: str, most_bytes: int) -> bytes:
    """The body, refused by its announced size before and by its real size while it is read.

    Raises:
        Declined: 413 too large, 415 another media type or coded, 400 no length or broken off, 408 too slow.
    """
    _check_size(_announced(request), most_bytes)
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Declined(415, f"The body must be {media_type}, not compressed.", CLOSE)
    body = bytearray()
    try:
        with fail_after(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                _check_size(len(body), most_bytes)
    except TimeoutError as error:
        raise Declined(408, f"The body did not arrive within {READ_SECONDS:.0f} seconds.", CLOSE) from error
    except ClientDisconnect as error:
        raise Declined(400, "The sender broke off.", CLOSE) from error
    return bytes(body)


def _announced(request: Request) -> int:
    """The size that the sender tells, 0 if it tells none (chunked)."""
    told = request.headers.get("content-length", "0")
    if not (told.isascii() and told.isdigit() and len(told) <= len(str(2**63))):
        raise Declined(400, "Content-Length is not a length.", CLOSE)
    return int(told)


def _check_size(size: int, most_bytes: int) -> None:
    """Refuse what is too large."""
    if size > most_bytes:
        raise Declined(413, f"The body is larger than {most_bytes // 1024} KiB.", CLOSE)
