"""What nobody foresaw: one line in the log that tells where and not what, and an answer that asks to try again."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("deployments.web")

FRAMES = 3
SENTENCE = (
    "Something went wrong here. Please try again later. / Hier ist etwas schiefgegangen. Bitte später noch einmal."
)


class Accidents:
    """Answers with 500 where the application raises; the log gets none of its words, which may hold secrets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and catch what comes back."""
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:  # noqa: BLE001  # the last place where one can be told
            logger.error("accident: %s at %s", type(error).__name__, _place(error))  # noqa: TRY400  # see the class
            if scope["type"] == "http" and not begun:
                await PlainTextResponse(SENTENCE, 500)(scope, receive, send)


def _place(error: Exception) -> str:
    """The innermost calls, as file, line and function."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
