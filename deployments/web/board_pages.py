"""The board's pages: `/` shows it, `/login` lets an operator in, `/logout` out; nothing else can be done here."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, RedirectResponse, Response

from deployments.web.customer_pages import form_fields
from hosting.errors import ServiceError
from hosting.policy.board import clock
from hosting.policy.board_sessions import SESSION_MOST
from hosting.templates import render

if TYPE_CHECKING:
    from starlette.requests import Request

    from deployments.web.board import BoardDesk
    from deployments.web.login_attempts import LoginAttempts
    from deployments.web.threads import Threads
    from hosting.policy.board import Board
    from hosting.policy.board_sessions import BoardSession

logger = logging.getLogger("deployments.web")

SESSION_COOKIE, FORM_COOKIE = "__Host-phm-board", "__Host-phm-form"
"""Browsers take such names from this host alone, over an encrypted way or from this machine itself."""

STYLE = render("pages/page.css") + render("pages/board/board.css")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
WRONG = "Name and password don't belong together."
STALE = "The form stood open for too long, or cookies are refused. Try again."
OFF = "off"


class BoardPages:
    """Shows the board to operators who have logged in.

    Args:
        desk: what stands behind the pages.
        attempts: how often passwords were guessed wrongly.
        threads: in which the database is asked.
        guessing: in which passwords are tried; few, since each takes memory.
        prefect_url: where a run's page lies; empty: runs are not linked.
        refresh_seconds: after which the page is fetched anew by itself.
    """

    def __init__(  # noqa: PLR0917  # what the page is made of, once
        self,
        desk: BoardDesk,
        attempts: LoginAttempts,
        threads: Threads,
        guessing: Threads,
        prefect_url: str,
        refresh_seconds: int,
    ) -> None:
        self._desk, self._attempts, self._threads, self._guessing = desk, attempts, threads, guessing
        self._prefect_url, self._refresh_seconds = prefect_url, refresh_seconds

    async def show(self, request: Request) -> Response:
        """The board; who has not logged in is led to where he can."""
        try:
            session = await self._session(request)
            if session is None:
                return _forgetting(_to("/login"))
            by_itself = request.query_params.get("by") == "itself"
            cookie = None if by_itself else await self._threads.run(self._desk.stamped, session)
            board = await self._threads.run(self._desk.board)
        except ServiceError as error:
            return _later(error)
        refresh = request.query_params.get("refresh") != OFF
        response = self._board(board, session, request.cookies[SESSION_COOKIE], refresh=refresh)
        return _with_session(response, cookie) if cookie else response

    async def ask(self, request: Request) -> Response:
        """The form of the login."""
        try:
            if await self._session(request) is not None:
                return _to("/")
        except ServiceError as error:
            return _later(error)
        return self._form(200)

    async def log_in(self, request: Request) -> Response:
        """Begin a session, or show the form again.

        Raises:
            Declined: the body is no form, or too large; too many wait already.
        """
        fields = await form_fields(request)
        name, address = fields.get("name", "").strip(), request.client.host if request.client else ""
        if not self._desk.is_own(request.cookies.get(FORM_COOKIE, ""), fields.get("form", "")):
            return self._form(403, name, STALE)
        if seconds := self._attempts.begin(name, address):
            logger.warning("a login to the board was not tried, from %s: too many failed", address)
            minutes = -(-seconds // 60)
            response = self._form(
                429, name, f"Too many logins failed. Wait {minutes} min, or use the console: phm status."
            )
            response.headers["Retry-After"] = str(seconds)
            return response
        try:
            cookie = await self._guessing.run(self._desk.log_in, name, fields.get("password", ""))
        except ServiceError as error:
            self._attempts.give_back(name, address)
            return _later(error)
        if cookie is None:
            logger.warning("a login to the board failed, from %s", address)
            return self._form(401, name, WRONG)
        self._attempts.succeeded(name, address)
        return _with_session(_to("/" if "refresh" in fields else f"/?refresh={OFF}"), cookie)

    async def log_out(self, request: Request) -> Response:
        """End all sessions of the operator.

        Raises:
            Declined: the body is no form, or too large.
        """
        fields = await form_fields(request)
        try:
            session = await self._session(request)
            if session is not None and self._desk.is_own(request.cookies[SESSION_COOKIE], fields.get("form", "")):
                await self._threads.run(self._desk.log_out, session)
        except ServiceError as error:
            return _later(error)
        return _forgetting(_to("/login"))

    async def _session(self, request: Request) -> BoardSession | None:
        """Who has logged in, None if nobody has."""
        cookie = request.cookies.get(SESSION_COOKIE, "")
        return await self._threads.run(self._desk.session_of, cookie) if cookie else None

    def _board(self, board: Board, session: BoardSession, cookie: str, *, refresh: bool) -> HTMLResponse:
        """The page of the board."""
        every = self._refresh_seconds
        return _page(
            200, "board", board=board, at=clock(board.at), operator=session.operator, prefect_url=self._prefect_url,
            refresh_seconds=every if refresh else 0, every=every, seal=self._desk.seal(cookie),
        )  # fmt: skip

    def _form(self, status: int, name: str = "", wrong: str = "") -> HTMLResponse:
        """The page of the login; the password that was typed isn't sent back."""
        visitor = secrets.token_urlsafe()
        seconds = self._refresh_seconds
        response = _page(status, "login", seal=self._desk.seal(visitor), name=name, wrong=wrong, seconds=seconds)
        response.set_cookie(FORM_COOKIE, visitor, secure=True, httponly=True, samesite="strict", path="/")
        return response


async def refuse(request: Request) -> Response:
    """What is not asked for in this way here."""
    allow = {"/": "GET", "/login": "GET, POST", "/logout": "POST"}.get(request.url.path, "GET")
    return Response(status_code=405, headers={"Allow": allow})


def _page(status: int, template: str, /, **values: object) -> HTMLResponse:
    """A page; only its own style sheet is taken."""
    html = render(f"pages/board/{template}.html.j2", **values)
    return HTMLResponse(html, status, {"Content-Security-Policy": POLICY, "Content-Language": "en"})


def _later(error: ServiceError) -> HTMLResponse:
    """The page where the inventory does not answer."""
    logger.error("the board could not be served: %s", " ".join(str(error).split()))
    response = _page(503, "later", sentence=str(error))
    response.headers["Retry-After"] = "30"
    return response


def _to(path: str) -> RedirectResponse:
    """Another page of this one's."""
    return RedirectResponse(path, 303)


def _with_session(response: Response, cookie: str) -> Response:
    """A response that begins or stamps a session, and ends the form that led to it."""
    seconds = int(SESSION_MOST.total_seconds())
    response.set_cookie(
        SESSION_COOKIE, cookie, max_age=seconds, secure=True, httponly=True, samesite="strict", path="/"
    )
    response.delete_cookie(FORM_COOKIE, secure=True, httponly=True, samesite="strict", path="/")
    return response


def _forgetting(response: Response) -> Response:
    """A response that takes the session from the browser."""
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="strict", path="/")
    return response
