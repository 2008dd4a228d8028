"""When each instance of a roll-out has its turn, as its customer is told where he has to be (P15, P16, P17).

An update off-peak that closes an instance for a moment is told nobody; one by day, or a longer one, is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.inventory import announcements
from hosting.inventory.deeds import SERVICE
from hosting.inventory.levels import terms_of_instances
from hosting.policy.announcements import Times, Update, UpdateKind, UpdateReason, earliest_planned
from hosting.policy.maintenance import Window, next_window
from hosting.policy.roll_outs import ENDS, UpdateState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import RollOutFacts, UpdateFacts

UNKNOWN_LASTS = timedelta(minutes=10)
"""What an instance takes, with its backup and its trial, where none of the roll-out has been through."""

URGENT_LASTS = timedelta(hours=2)
"""Within which an instance has its turn in an urgent roll-out, as its customer is told."""


def update_of(facts: RollOutFacts) -> Update:
    """The roll-out as customers are told of it."""
    why = UpdateReason.BUG if facts.urgent else UpdateReason.CURRENT
    key = f"product:{facts.release.build}:{facts.id}"
    return Update(key, UpdateKind.PRODUCT, why, facts.release.version, facts.urgent)


def plan_turns(
    session: Session, facts: RollOutFacts, names: Iterable[str], now: datetime, holidays: str | None
) -> None:
    """Plan the turns of instances, and tell whom it has to be told; those that are planned and to come stay."""
    levels, times = terms_of_instances(session, now), dict[str, Times]()
    for name in names:
        if facts.urgent:
            window = Window(now, now + URGENT_LASTS)
        else:
            terms = levels[name]
            earliest = earliest_planned(now, facts.stop_most_seconds, terms)
            window = next_window(earliest, UNKNOWN_LASTS, (terms,), holidays)
        times[name] = Times(window, facts.stop_most_seconds)
    if times:
        update = update_of(facts)
        announcements.announce(session, update, times, by=facts.by, reason=facts.why, now=now, state=holidays)


def has_its_turn(session: Session, facts: RollOutFacts, instance: str, now: datetime) -> bool:
    """Whether an instance may be updated now as far as its customer was told; who is told nothing, any time."""
    turn = announcements.announced(session, update_of(facts).key, instance)
    return facts.urgent or turn is None or turn.silent or turn.times.window.holds(now)


def has_missed_it(session: Session, facts: RollOutFacts, instance: str, now: datetime) -> bool:
    """Whether an instance's turn, of which its customer was told, is over without its update."""
    turn = announcements.announced(session, update_of(facts).key, instance)
    return not facts.urgent and turn is not None and not turn.silent and turn.times.window.closes <= now


def missed_while_halted(session: Session, facts: RollOutFacts, names: Iterable[str], now: datetime) -> list[str]:
    """Of these, the instances whose turns, told and not called off, went by while their roll-out stood."""
    key = update_of(facts).key
    standing = {one.instance_name for one in announcements.still_planned(session, key) if one.update.key == key}
    return [one for one in names if one in standing and has_missed_it(session, facts, one, now)]


def call_off_missed(session: Session, facts: RollOutFacts, names: Iterable[str], now: datetime) -> None:
    """Turns that went by while their roll-out stood are off: who was told is told so, and anew once it goes on."""
    for name in missed_while_halted(session, facts, names, now):
        why = f"The roll-out stands: {facts.finding}"
        announcements.call_off(session, update_of(facts).key, by=SERVICE, why=why, now=now, names={name})


def follow(session: Session, facts: RollOutFacts, update: UpdateFacts, now: datetime) -> None:
    """What an instance's update came to is told of its turn: begun, to come again, open after so long, or not done."""
    key = update_of(facts).key
    if update.state is UpdateState.STOPPED:
        announcements.record_begun(session, key, update.instance, now)
    elif update.state is UpdateState.WAITING:
        announcements.record_gone_back(session, key, update.instance)
    elif update.state is UpdateState.DONE or (update.state in ENDS and update.outage_seconds is not None):
        announcements.record_ended(session, key, update.instance, update.outage_seconds or 0.0, now)
    elif update.state in ENDS:
        why = update.finding or "It is left out."
        announcements.call_off(session, key, by=SERVICE, why=why, now=now, names={update.instance})
