"""Updates that customers are told of: planned, changed, called off, begun, ended; one turn an instance (P15, P16, P17).

Whoever plans an update calls, in a transaction of its own,

    announce(session, Update(key, kind, why), {instance: Times(window, stop_seconds)}, by=…, reason=…, now=…)

as soon as it is known, and again under the same key whenever times change or instances come to it: what was told and
still holds is not told again. The letters follow by themselves (`tasks.update_letters`, each minute by
`dispatch-due-work`). The run that does the update says `record_begun` and `record_ended` for each instance, or
`call_off`. The notice that was really given stands in `Announced.notice_given`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, instances
from hosting.inventory.announcement_rows import AnnouncedInstance, Announcement, facts_of, new_row, set_times, update_of
from hosting.inventory.levels import terms_of_instances
from hosting.inventory.models import Instance
from hosting.policy.announcements import UpdateLetter, are_other_times, check_notice, is_silent
from hosting.policy.maintenance import off_peak_windows
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.announcements import Announced, Times, Update
    from hosting.policy.terms import Terms


class AnotherUpdate(Refused):
    """An update of this key is announced already, with another content."""


def announce(
    session: Session, update: Update, times: Mapping[str, Times], *, by: str, reason: str, now: datetime,
    state: str | None = None, late: bool = False,
) -> list[Announced]:  # fmt: skip
    """Plan the turns of instances in an update; the same again changes nothing, other times are told anew.

    Args:
        session: of the transaction.
        update: which one.
        times: of the instances whose turns are planned now; turns of others, and those begun or ended, stay.
        by: an operator, or `deeds.SERVICE`.
        reason: the operator's, on record; customers are told `update.why`.
        now: this moment.
        state: whose public holidays are kept (`settings.holidays_state`).
        late: these came to it after the others were told in time: they are told as early as can be.

    Returns:
        All turns of the update, by instance.

    Raises:
        AnotherUpdate: the key belongs to an update of another kind, reason or version.
        NoticeTooShort: a turn that is told would be told too late, and neither it nor the update may be.
    """
    row = _announcement(session, update, by, reason, now)
    known = {one.instance_name: one for one in _rows(session, row)}
    levels = terms_of_instances(session, now)
    for name, wanted in sorted(times.items()):
        terms = levels[name]
        silent = is_silent(wanted, off_peak=_off_peak(wanted, terms, state), terms=terms)
        turn = known.get(name)
        if turn is None:
            check_notice(update, wanted, now, terms, silent=silent or late)
            session.add(new_row(row, name, wanted, silent=silent))
        elif turn.begun_at is None and turn.ended_at is None:
            _change(turn, row, wanted, terms, silent=silent)
    session.flush()
    return announced_of(session, update.key)


def announced_of(session: Session, key: str) -> list[Announced]:
    """All turns of an update, by instance; none where it was not announced."""
    row = session.scalars(select(Announcement).where(Announcement.update_key == key)).first()
    return [] if row is None else [facts_of(one, row) for one in _rows(session, row)]


def announced(session: Session, key: str, instance: str) -> Announced | None:
    """The turn of one instance in an update."""
    return next((one for one in announced_of(session, key) if one.instance_name == instance), None)


def left_begun(session: Session, prefix: str) -> list[Announced]:
    """The turns that have begun and not ended, of all updates whose keys begin so."""
    return [one for one in _not_ended(session, prefix) if one.begun_at is not None]


def still_planned(session: Session, prefix: str) -> list[Announced]:
    """The turns that have neither begun nor been called off, of all updates whose keys begin so."""
    return [one for one in _not_ended(session, prefix) if one.begun_at is None and one.called_off_at is None]


def turns_since(session: Session, since: datetime, instance: str = "") -> list[Announced]:
    """The turns whose windows close after a moment, of all instances or of one, the first to open first."""
    query = (
        select(AnnouncedInstance, Announcement)
        .join(Announcement, Announcement.id == AnnouncedInstance.announcement_id)
        .where(AnnouncedInstance.closes > since)
        .order_by(AnnouncedInstance.opens, AnnouncedInstance.id)
    )
    if instance:
        query = query.where(AnnouncedInstance.instance_name == instance)
    return [facts_of(row, announcement) for row, announcement in session.execute(query)]


def waiting_words(session: Session, since: datetime) -> list[Announced]:
    """The turns of open instances about which a letter may still be due, since a moment, the first to open first."""
    query = (
        select(AnnouncedInstance, Announcement)
        .join(Announcement, Announcement.id == AnnouncedInstance.announcement_id)
        .join(Instance, Instance.name == AnnouncedInstance.instance_name)
        .where(
            Instance.state == InstanceState.ACTIVE, AnnouncedInstance.last_word == "", AnnouncedInstance.closes > since
        )
        .order_by(AnnouncedInstance.opens, AnnouncedInstance.id)
    )
    return [facts_of(row, announcement) for row, announcement in session.execute(query)]


def call_off(
    session: Session, key: str, *, by: str, why: str, now: datetime, names: Collection[str] | None = None
) -> list[Announced]:
    """Turns that have not begun don't come about, all or those of some instances; whoever was told is told so."""
    for row in _turns(session, key, names):
        if row.begun_at is None and row.called_off_at is None:
            row.called_off_at = now
            evidence = {"update": key}
            subject = instances.subject_of(row.instance_name)
            deeds.record(session, by, "update called off", subject, why=why, evidence=evidence, now=now)
    session.flush()
    return announced_of(session, key)


def record_begun(session: Session, key: str, instance: str, now: datetime) -> None:
    """An instance's turn has begun; the first record stays, and nothing happens where no turn was planned."""
    for row in _turns(session, key, {instance}):
        row.begun_at = row.begun_at or now
    session.flush()


def record_gone_back(session: Session, key: str, instance: str) -> None:
    """What had begun in an instance's turn is undone: the turn is to come once more, and can be planned anew."""
    for row in _turns(session, key, {instance}):
        if row.ended_at is None:
            row.begun_at = None
    session.flush()


def record_ended(session: Session, key: str, instance: str, stopped_seconds: float, now: datetime) -> None:
    """An instance is proven open again, after so long; the first record stays, as with `record_begun`."""
    for row in _turns(session, key, {instance}):
        if row.ended_at is None:
            row.begun_at, row.ended_at, row.stopped_seconds = row.begun_at or now, now, stopped_seconds
    session.flush()


def record_told(session: Session, told: Announced, letter: UpdateLetter, now: datetime) -> None:
    """A letter was sent, as the turn stood when it was written."""
    row = session.get(AnnouncedInstance, told.id, with_for_update=True, populate_existing=True)
    if row is None or row.told_version > told.version:
        return
    if letter is UpdateLetter.CALLED_OFF and row.called_off_at is None:  # it comes about after all: that is told now
        row.told_version = 0
    elif letter in {UpdateLetter.PLANNED, UpdateLetter.CHANGED}:
        window = told.times.window
        row.told_opens, row.told_closes, row.told_stop_seconds = window.opens, window.closes, told.times.stop_seconds
        row.told_version, row.told_at = told.version, now
    else:
        row.last_word = letter
    session.flush()


def _not_ended(session: Session, prefix: str) -> list[Announced]:
    """The turns that have not ended, of all updates whose keys begin so."""
    query = (
        select(AnnouncedInstance, Announcement)
        .join(Announcement, Announcement.id == AnnouncedInstance.announcement_id)
        .where(Announcement.update_key.startswith(prefix, autoescape=True))
        .where(AnnouncedInstance.ended_at.is_(None))
        .order_by(AnnouncedInstance.id)
    )
    return [facts_of(row, announcement) for row, announcement in session.execute(query)]


def _announcement(session: Session, update: Update, by: str, reason: str, now: datetime) -> Announcement:
    """The update's row, made if there is none; locked."""
    query = select(Announcement).where(Announcement.update_key == update.key).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).first()
    if row is None:
        row = Announcement(
            update_key=update.key, kind=update.kind, why=update.why, detail=update.detail, urgent=update.urgent,
            made_at=now, made_by=by, reason=reason,
        )  # fmt: skip
        session.add(row)
        session.flush()
        evidence = {"kind": update.kind, "why": update.why, "detail": update.detail, "urgent": update.urgent}
        deeds.record(session, by, "update announced", f"update:{update.key}", why=reason, evidence=evidence, now=now)
    if update_of(row) != update:
        message = f"An update {update.key} is announced already, of the {row.kind} for {row.why}, {row.detail or '-'}."
        raise AnotherUpdate(message, "Give this one a key of its own.")
    return row


def _change(turn: AnnouncedInstance, row: Announcement, wanted: Times, terms: Terms, *, silent: bool) -> None:
    """Other times for a turn, or the same again after it was called off; a turn that was told is never silent."""
    facts = facts_of(turn, row)
    if turn.called_off_at is not None:
        if turn.last_word:  # he knows that it is off
            turn.told_version = 0
        turn.called_off_at, turn.last_word = None, ""
        set_times(turn, wanted)
    elif any(are_other_times(said, wanted, terms) for said in (facts.times, facts.told) if said):
        if wanted != facts.times:
            set_times(turn, wanted)
    else:  # within what is planned, which the letter on its way says
        turn.opens, turn.closes, turn.stop_seconds = wanted.window.opens, wanted.window.closes, wanted.stop_seconds
    turn.silent = silent and facts.told is None


def _rows(session: Session, row: Announcement) -> list[AnnouncedInstance]:
    """The turns of an update, by instance."""
    query = select(AnnouncedInstance).where(AnnouncedInstance.announcement_id == row.id)
    return list(session.scalars(query.order_by(AnnouncedInstance.instance_name)))


def _turns(session: Session, key: str, names: Collection[str] | None) -> Iterable[AnnouncedInstance]:
    """The turns of an update, or of some instances in it, locked."""
    announcement = select(Announcement.id).where(Announcement.update_key == key).scalar_subquery()
    query = select(AnnouncedInstance).where(AnnouncedInstance.announcement_id == announcement)
    if names is not None:
        query = query.where(AnnouncedInstance.instance_name.in_(names))
    query = query.order_by(AnnouncedInstance.id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _off_peak(times: Times, terms: Terms, state: str | None) -> bool:
    """Whether a turn lies off-peak to its end."""
    found = next(off_peak_windows(times.window.opens, terms, state), None)
    return found is not None and found.holds(times.window.opens) and times.window.closes <= found.closes
