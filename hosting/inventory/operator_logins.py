"""Operators' logins to the board: who has one, by which password, and since when their sessions count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.login_rows import OperatorLogin
from hosting.inventory.models import Operator
from hosting.inventory.operators import ensure_operator

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


class NoLogin(Refused):
    """An operator has no login to the board."""


@dataclass(frozen=True)
class LoginFacts:
    """An operator's login.

    Args:
        operator: whose.
        password_hash: what is kept of the password.
        set_at: when it was set.
        sessions_since: sessions that were begun before have ended.
    """

    operator: str
    password_hash: str = field(repr=False)
    set_at: datetime
    sessions_since: datetime


@dataclass(frozen=True)
class OperatorFacts:
    """An operator, and since when he has his password; None without a login."""

    name: str
    full_name: str
    email: str
    added_at: datetime
    password_set_at: datetime | None


def set_password(session: Session, operator: str, password_hash: str, *, by: str, now: datetime) -> None:
    """Give an operator a password, entered with it if he is new; all of his sessions end."""
    ensure_operator(session, operator, now)
    row = session.get(OperatorLogin, operator, with_for_update=True)
    if row is None:
        row = OperatorLogin(operator_name=operator)
        session.add(row)
    row.password_hash, row.set_at, row.sessions_since = password_hash, now, now
    session.flush()
    record(session, by, "operator's password set", subject_of(operator), now=now)


def remove_password(session: Session, operator: str, *, by: str, why: str, now: datetime) -> None:
    """Take an operator's login away; all of his sessions end.

    Raises:
        NoLogin: he has none.
    """
    row = session.get(OperatorLogin, operator, with_for_update=True)
    if row is None:
        raise NoLogin(f"{operator} has no login to the board.", "List who has: phm operator list.")
    session.delete(row)
    session.flush()
    record(session, by, "operator's password removed", subject_of(operator), why=why, now=now)


def end_sessions(session: Session, operator: str, now: datetime) -> None:
    """End all sessions of an operator, on all devices."""
    row = session.get(OperatorLogin, operator, with_for_update=True)
    if row is not None:
        row.sessions_since = max(now, row.sessions_since)
        session.flush()


def login_of(session: Session, operator: str) -> LoginFacts | None:
    """An operator's login, None if he has none."""
    row = session.get(OperatorLogin, operator)
    return None if row is None else LoginFacts(row.operator_name, row.password_hash, row.set_at, row.sessions_since)


def all_operators(session: Session) -> list[OperatorFacts]:
    """All operators, by name."""
    query = select(Operator, OperatorLogin.set_at).outerjoin(OperatorLogin).order_by(Operator.name)
    return [
        OperatorFacts(row.name, row.full_name, row.email, row.added_at, set_at)
        for row, set_at in session.execute(query)
    ]


def subject_of(operator: str) -> str:
    """How deeds name an operator."""
    return f"operator:{operator}"
