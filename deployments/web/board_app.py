"""The board as an ASGI application of its own, and how one process serves it at a door of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from deployments.web.accidents import Accidents
from deployments.web.board import BoardDesk
from deployments.web.board_pages import BoardPages, refuse
from deployments.web.declined import Declined, answer_declined
from deployments.web.headers import SecureHeaders
from deployments.web.login_attempts import LoginAttempts
from deployments.web.threads import Threads

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hosting.inventory.session import Inventory
    from hosting.settings import Settings

OTHERS = ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_board_app(settings: Settings, inventory: Inventory, attempts: LoginAttempts | None = None) -> Starlette:
    """The application.

    Args:
        settings: the sealing key, the holidays, where Prefect's pages are.
        inventory: the logins, and everything that the board shows.
        attempts: how often passwords were guessed wrongly.
    """
    board = settings.board
    pages = BoardPages(
        BoardDesk(settings, inventory), attempts or LoginAttempts(), Threads(working=2, waiting=16),
        Threads(working=2, waiting=8), board.prefect_url or settings.prefect_api_url.removesuffix("/api"),
        board.refresh_seconds,
    )  # fmt: skip
    return Starlette(
        routes=[
            _only("/", pages.show, "GET"),
            Route("/", refuse, methods=OTHERS),
            _only("/login", pages.ask, "GET"),
            Route("/login", pages.log_in, methods=["POST"]),
            Route("/login", refuse, methods=OTHERS),
            Route("/logout", pages.log_out, methods=["POST"]),
            Route("/logout", refuse, methods=["GET", *OTHERS]),
        ],
        middleware=[Middleware(SecureHeaders, https=board.public_url.startswith("https://")), Middleware(Accidents)],
        exception_handlers={Declined: answer_declined},
    )


class Doors:
    """Two applications behind one server: whoever came in by the board's port gets the board, and nobody else does.

    Args:
        public: what everybody gets.
        board: what comes at the board's own port.
        port: that port; none: there is no board.
    """

    def __init__(self, public: ASGIApp, board: ASGIApp, port: int) -> None:
        self._public, self._board, self._port = public, board, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on by the address at which the connection was taken; no header can change that."""
        server = scope.get("server")
        here = scope["type"] == "http" and server is not None and server[1] == self._port
        await (self._board if here else self._public)(scope, receive, send)


def _only(path: str, endpoint: object, method: str) -> Route:
    """A route for one method alone; Starlette would add HEAD to GET."""
    route = Route(path, endpoint, methods=[method])  # type: ignore[arg-type]  # as Starlette takes it
    route.methods = {method}
    return route
