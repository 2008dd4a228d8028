"""What stands behind the board's pages: logins and sessions of operators, and the board itself; read only."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hosting.inventory.board import Asked, read_board
from hosting.inventory.deeds import record
from hosting.inventory.forecasts import Forecasts
from hosting.inventory.operator_logins import end_sessions, login_of, subject_of
from hosting.inventory.session import in_transaction
from hosting.policy.board_sessions import (
    SEEN_AGAIN_AFTER,
    BoardSession,
    is_own_form,
    is_valid,
    read_session,
    seal_form,
    write_session,
)
from hosting.policy.operator_passwords import KEY_BYTES, SALT_BYTES, is_password, nobodys

if TYPE_CHECKING:
    from hosting.inventory.operator_logins import LoginFacts
    from hosting.inventory.session import Inventory
    from hosting.policy.board import Board
    from hosting.settings import Settings

NAME_MOST = 191
PASSWORD_MOST = 1024


class BoardDesk:
    """Lets operators in, and reads the board for them.

    Args:
        settings: the sealing key, by which sessions are signed; the holidays.
        inventory: the logins, and everything that the board shows.
    """

    def __init__(self, settings: Settings, inventory: Inventory) -> None:
        self._settings, self._inventory = settings, inventory
        self._key = settings.sealing_key.get_secret_value()
        self._forecasts = Forecasts()
        self._nobodys = nobodys(secrets.token_bytes(SALT_BYTES), secrets.token_bytes(KEY_BYTES))

    def log_in(self, name: str, password: str) -> str | None:
        """The cookie of a new session, None if name and password don't belong together.

        Whether there is such an operator can't be told from the time it takes.

        Raises:
            Unreachable: the inventory does not answer.
        """
        login = self._login(name) if name and len(name) <= NAME_MOST else None
        proven = is_password(password[:PASSWORD_MOST], login.password_hash if login else self._nobodys)
        if login is None or not proven or len(password) > PASSWORD_MOST:
            return None
        now = datetime.now(UTC)
        in_transaction(
            self._inventory, lambda session: record(session, name, "board opened", subject_of(name), now=now)
        )
        return write_session(self._key, BoardSession(name, now, now), login.password_hash)

    def session_of(self, cookie: str) -> BoardSession | None:
        """The session that a cookie proves, None if it proves none.

        Raises:
            Unreachable: the inventory does not answer.
        """
        told = read_session(cookie)
        login = self._login(told.operator) if told else None
        if told is None or login is None:
            return None
        now = datetime.now(UTC)
        return told if is_valid(self._key, told, login.password_hash, login.sessions_since, now) else None

    def stamped(self, session: BoardSession) -> str | None:
        """The cookie of a session that was looked at by a person's hand just now; None where the old one does."""
        now, login = datetime.now(UTC), self._login(session.operator)
        if login is None or now - session.seen_at < SEEN_AGAIN_AFTER:
            return None
        return write_session(self._key, session.seen(now), login.password_hash)

    def log_out(self, session: BoardSession) -> None:
        """End all sessions of the operator."""
        now = datetime.now(UTC)
        in_transaction(self._inventory, lambda transaction: end_sessions(transaction, session.operator, now))

    def board(self) -> Board:
        """The board at this moment."""
        asked = Asked(datetime.now(UTC), self._settings.holidays_state, self._settings.room_ahead_days, self._forecasts)
        return read_board(self._inventory, asked)

    def seal(self, visitor: str) -> str:
        """What a form for a visitor carries along."""
        return seal_form(self._key, visitor, datetime.now(UTC))

    def is_own(self, visitor: str, seal: str) -> bool:
        """Whether a form was shown to a visitor, not long ago."""
        return is_own_form(self._key, visitor, seal, datetime.now(UTC))

    def _login(self, name: str) -> LoginFacts | None:
        """An operator's login."""
        with self._inventory.reading() as session:
            return login_of(session, name)
