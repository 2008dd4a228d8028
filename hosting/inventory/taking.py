"""One notice of the shop being taken: its transaction, its moment, and how it leaves a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hosting.inventory import cases, deeds
from hosting.inventory.orders import subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.notices import Notice


@dataclass(frozen=True)
class Taking:
    """A notice with the transaction in which it is taken, in its order's turn."""

    session: Session
    notice: Notice
    now: datetime
    holidays_state: str | None

    @property
    def subject(self) -> str:
        """The order that the notice is about."""
        return subject_of(self.notice.data.order)

    def record(self, what: str, why: str, evidence: Mapping[str, Any]) -> None:
        """Record a deed of the shop, with the event as evidence."""
        told = {"event": self.notice.id, **evidence}
        deeds.record(self.session, deeds.SHOP, what, self.subject, why=why, evidence=told, now=self.now)

    def put_before_a_person(self, kind: str, matter: str, summary: str, facts: Mapping[str, Any]) -> None:
        """Raise a case, once for a matter of its kind."""
        told = {"event": self.notice.id, **facts}
        cases.raise_case(self.session, f"{kind}:{matter}", kind, self.subject, summary, facts=told, now=self.now)
