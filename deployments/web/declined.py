"""A request that is answered with a status, one sentence and one log line."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

logger = logging.getLogger("deployments.web")


class Declined(Exception):
    """What is wrong with a request, for its sender and the log.

    Args:
        status: of the answer.
        sentence: ours, or checked: nothing of the sender's gets into the log unseen.
        headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})


def later(sentence: str, *, seconds: int = 5) -> Declined:
    """The service can't answer now: the sender is asked to come again."""
    return Declined(503, sentence, {"Retry-After": str(seconds)})


def answer_declined(request: Request, error: Exception) -> JSONResponse:
    """The answer to a declined request, and its one line in the log: neither body nor path nor header."""
    if not isinstance(error, Declined):
        raise error
    peer = request.client.host if request.client else "unknown"
    logger.warning("declined with %d, from %s: %s", error.status, peer, error.sentence)
    return JSONResponse({"error": error.sentence}, error.status, error.headers)
