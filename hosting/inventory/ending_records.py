"""What deletions found and left in each place: by contract, without a name, for good (P41)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import DriftFound
from hosting.inventory import cases
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.ending_rows import EndingRecord
from hosting.inventory.endings import DELETED, case_key, facts_of, locked
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Instance
from hosting.policy.leaving import NOTHING, Listing
from hosting.policy.states import EndState, InstanceState, step

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.leaving import EndFacts


KEYS = "keys"
"""What the place of an instance's secrets and its backups' passwords is called in the record."""


@dataclass(frozen=True)
class PlaceRecord:
    """One place: what was there before, and what after.

    Args:
        after: None until it was cleared.
        finding: why it is not, or what is to be known of it.
    """

    place: str
    before: Listing
    listed_at: datetime
    after: Listing | None = None
    cleared_at: datetime | None = None
    finding: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether nothing is left there."""
        return self.after == NOTHING


def record_listing(session: Session, number: int, place: str, listing: Listing, now: datetime) -> None:
    """What was in a place before anything went: the first look counts, and what a later one finds beside it is added.

    A run that was killed may have cleared a part of the place; what came back meanwhile is more than was there.
    """
    row = _row(session, number, place)
    if row is None:
        end = locked(session, number)
        row = EndingRecord(
            ending_id=number, contract_id=end.contract_id, place=place, listed_at=now, before_count=listing.count,
            before_bytes=listing.bytes, before_sha256=listing.sha256, after_sha256="", finding="",
        )  # fmt: skip
        session.add(row)
    elif listing.count > row.before_count:
        row.before_count, row.before_bytes, row.before_sha256 = listing.count, listing.bytes, listing.sha256
        row.listed_at = now
    session.flush()


def record_cleared(session: Session, number: int, place: str, listing: Listing, now: datetime) -> None:
    """What is left in a place, looked at after it was cleared."""
    row = _row(session, number, place)
    if row is None:
        raise DriftFound(f"{place} was never looked at before it was cleared.", "Look at the run.")
    row.after_count, row.after_bytes, row.after_sha256 = listing.count, listing.bytes, listing.sha256
    row.cleared_at, row.finding = (now, "") if listing == NOTHING else (None, row.finding)
    session.flush()


def record_not_cleared(session: Session, number: int, place: str, finding: str, now: datetime) -> None:
    """Why a place is not cleared yet; one that was never looked at is kept with nothing, until it is."""
    record_listing(session, number, place, NOTHING, now)
    row = _row(session, number, place)
    if row is not None:
        row.finding = finding
    session.flush()


def record_gone_with(session: Session, number: int, places: Collection[str], finding: str, now: datetime) -> None:
    """Places that are not clear and nobody can look at any more: the machine itself is gone, and that is on record."""
    query = select(EndingRecord).where(EndingRecord.ending_id == number, EndingRecord.place.in_(places))
    for row in session.scalars(query.with_for_update().execution_options(populate_existing=True)):
        if not _facts(row).is_clear:
            row.after_count, row.after_bytes, row.after_sha256 = NOTHING.count, NOTHING.bytes, NOTHING.sha256
            row.cleared_at, row.finding = now, finding
    session.flush()


def check_all_clear(session: Session, number: int) -> None:
    """See that every place that was looked at is clear.

    Raises:
        DriftFound: one is not.
    """
    if left := [one.place for one in records_of(session, number) if not one.is_clear]:
        raise DriftFound(f"Not everything is deleted: {', '.join(left)}.", "Run again.")


def records_of(session: Session, number: int) -> list[PlaceRecord]:
    """The places of a deletion, the first looked at first."""
    rows = session.scalars(select(EndingRecord).where(EndingRecord.ending_id == number).order_by(EndingRecord.id))
    return [_facts(row) for row in rows]


def record_deleted(session: Session, number: int, now: datetime) -> EndFacts:
    """Nothing is left anywhere: what remains of the instance is its row and this record; once.

    Raises:
        DriftFound: a place is not clear.
    """
    row = locked(session, number)
    if row.state == EndState.DELETED:
        return facts_of(row)
    check_all_clear(session, number)
    places = records_of(session, number)
    instance = session.get_one(Instance, row.instance_name, with_for_update=True, populate_existing=True)
    instance.state = step(InstanceState(instance.state), InstanceState.ENDED)
    row.state, row.deleted_at, row.finding, row.owed_since = step(EndState(row.state), EndState.DELETED), now, "", None
    told = {
        "contract": row.contract_id,
        "places": len(places),
        "things": sum(one.before.count for one in places),
        "bytes": sum(one.before.bytes for one in places),
    }
    record(session, SERVICE, DELETED, subject_of(row.instance_name), evidence=told, now=now)
    cases.settle_by_key(session, case_key(number), SERVICE, "It is deleted.", now)
    return facts_of(row)


def _row(session: Session, number: int, place: str) -> EndingRecord | None:
    """The row of a place, locked."""
    query = select(EndingRecord).where(EndingRecord.ending_id == number, EndingRecord.place == place)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def _facts(row: EndingRecord) -> PlaceRecord:
    """The row, frozen."""
    after = None
    if row.after_count is not None:
        after = Listing(row.after_count, row.after_bytes or 0, row.after_sha256)
    before = Listing(row.before_count, row.before_bytes, row.before_sha256)
    return PlaceRecord(row.place, before, row.listed_at, after, row.cleared_at, row.finding)
