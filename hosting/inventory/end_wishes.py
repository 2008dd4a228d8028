"""The shop's word that a customer gives notice of his contract, or takes it back (P05, P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.inventory import called_off_ends, cases, endings
from hosting.inventory.deeds import SHOP
from hosting.inventory.instances import UnknownInstance, instance_of_order
from hosting.inventory.notices import NoticeType
from hosting.policy.states import EventState

if TYPE_CHECKING:
    from hosting.inventory.notices import EndNotice
    from hosting.inventory.taking import Taking


class TakenBackBefore(Refused):
    """The shop told that the contract runs on before it told of the notice: which one counts is for a person."""

    def __init__(self, order: str) -> None:
        message = f"The shop told before this that the contract of order {order} runs on, and that case is still open."
        super().__init__(message, "See in the shop which of both came first; then phm end, or settle both cases.")


def take_end(taking: Taking, data: EndNotice) -> EventState:
    """The contract ends on the day that was named, or goes on after all; what can't be is put before a person."""
    day = data.ends_on.isoformat() if data.ends_on else None
    taking.record(taking.notice.type.replace(".", " "), "", {"ends_on": day})
    try:
        with taking.session.begin_nested():
            _do(taking, data)
    except Refused as error:
        kind = kind_of(taking.notice.type)
        said = f"{taking.notice.type} of order {data.order}, on {day or 'the earliest day'}: {error}"
        taking.put_before_a_person(kind, taking.notice.id, said, {"ends_on": day})
        return EventState.FOR_A_PERSON
    return EventState.APPLIED


def _do(taking: Taking, data: EndNotice) -> None:
    """As the notice says; raises what refuses it."""
    instance = instance_of_order(taking.session, data.order)
    if instance is None:
        raise UnknownInstance(f"Order {data.order} has no instance.", "To give an order up: phm order cancel.")
    why = f"The customer's word in the shop (event {taking.notice.id})."
    if taking.notice.type is NoticeType.CONTRACT_CANCELLED:
        _stop_if_taken_back(taking)
        endings.give_notice(taking.session, instance.name, data.ends_on, by=SHOP, why=why, now=taking.now)
    else:
        called_off_ends.call_off(taking.session, instance.name, by=SHOP, why=why, now=taking.now)


def _stop_if_taken_back(taking: Taking) -> None:
    """Events may overtake each other: notice is not given of a contract of which the shop said before that it runs on.

    Raises:
        TakenBackBefore: that word found nothing to call off, and nobody has decided on it yet.
    """
    known = cases.cases_of(taking.session, taking.subject)
    if any(one.kind == kind_of(NoticeType.CONTRACT_RUNS_ON) and one.settled_at is None for one in known):
        raise TakenBackBefore(taking.notice.data.order)


def kind_of(notice: NoticeType) -> str:
    """The kind of the case that a word about a contract's end is which can't be kept."""
    return notice.replace(".", "_")
