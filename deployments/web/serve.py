"""`python -m deployments.web.serve`: the receiver as a process of its own."""

from __future__ import annotations

import functools
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from deployments.dispatching import dispatcher
from deployments.web.app import create_app
from deployments.web.board_app import Doors, create_board_app
from deployments.web.customer_passwords import password_setter
from deployments.web.login_attempts import FILE, LoginAttempts
from hosting.errors import ServiceError
from hosting.inventory.session import Inventory
from hosting.settings import home, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from hosting.settings import BoardSettings, Settings, WebSettings

logger = logging.getLogger("deployments.web")

CONNECTIONS_MOST = 256
IDLE_SECONDS = 15
END_SECONDS = 20
"""How long requests under way may take to end when the process is asked to."""


BACKLOG = 2048
"""As many as uvicorn lets wait."""


class PortTaken(ServiceError):
    """The receiver can't listen where it should."""


def server_for(app: ASGIApp, web: WebSettings | BoardSettings) -> uvicorn.Server:
    """The server of an application: without access log, since paths hold tokens, and without telling what it is."""
    config = uvicorn.Config(
        app,
        host=web.bind_host,
        port=web.bind_port,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MOST,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
        log_config=None,
        ws="none",
    )
    return uvicorn.Server(config)


def listening(settings: Settings) -> list[socket.socket]:
    """The sockets of receiver and board; where another program has the board's port, a line in the log tells so.

    Raises:
        PortTaken: another program has the receiver's.
    """
    web, board = settings.web, settings.board
    try:
        sockets = [_socket(web.bind_host, web.bind_port)]
    except OSError as error:
        message = f"The receiver can't listen on {web.bind_host}:{web.bind_port}: {os.strerror(error.errno or 0)}."
        raise PortTaken(message, "End the program that does, or set another web.bind_port.") from error
    if board.bind_port:
        try:
            sockets.append(_socket(board.bind_host, board.bind_port))
        except OSError as error:
            logger.error(  # noqa: TRY400  # customers' pages don't wait for it
                "the board is not served: %s:%d: %s; end the program that listens there, or set another "
                "board.bind_port",
                board.bind_host, board.bind_port, os.strerror(error.errno or 0),
            )  # fmt: skip
    return sockets


def _socket(host: str, port: int) -> socket.socket:
    """A socket that listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def log_plainly() -> None:
    """One line an event, on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for name in ("httpx", "paramiko"):
        logging.getLogger(name).setLevel(logging.WARNING)


def late_dispatcher(settings: Settings) -> Callable[[], None]:
    """The dispatcher, made when it is first needed: a receiver that starts again takes notices two seconds earlier."""
    made = functools.cache(functools.partial(dispatcher, settings))

    def dispatch() -> None:
        made()()

    return dispatch


def main() -> int:
    """Serve until the process is asked to end; 0 then, 1 if it can't begin."""
    log_plainly()
    try:
        settings = load_settings()
        inventory = Inventory(settings.inventory_url.get_secret_value())
        inventory.upgrade()
        public = create_app(settings, inventory, late_dispatcher(settings), password_setter(settings, inventory))
        key = settings.sealing_key.get_secret_value()
        attempts = LoginAttempts(file=home() / FILE, key=key)
        app = Doors(public, create_board_app(settings, inventory, attempts), settings.board.bind_port)
        sockets = listening(settings)
    except ServiceError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the one sentence that the operator reads
        return 1
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _end)
    try:
        server_for(app, settings.web).run(sockets)
    finally:
        inventory.close()
    return 0


def _end(_signal: int, _frame: object) -> NoReturn:
    """End in peace; the server ends its requests first and then hands the signal on to here."""
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
