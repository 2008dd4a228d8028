"""Rents that are overdue: a letter for each rung of the ladder, and the suspension on the day that was named (P41)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import orders, rents
from hosting.inventory.calendars import calendar_for
from hosting.inventory.levels import level_of_order, terms_of
from hosting.inventory.session import in_transaction
from hosting.policy.rent import RentStep, next_step, suspension_moment
from hosting.templates.letters import compose
from tasks.failures import check_all_done, kept_for_the_end
from tasks.letters import send_letter
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from datetime import datetime

    from hosting.errors import ServiceError
    from hosting.policy.rent import ArrearsFacts
    from hosting.policy.values import OrderFacts

KEYS = {RentStep.REMIND: "rent", RentStep.REMIND_AGAIN: "rent-again", RentStep.ANNOUNCE: "rent-announced"}


@reading
def see_to_rents() -> int:
    """One rung for everybody whose time has come: a letter, or the suspension that was announced; how many.

    Raises:
        NotAllDone: some letters were not taken; they are sent the next time.
    """
    done, failures = 0, list["ServiceError"]()
    with inventory().reading() as session:
        waiting = rents.open_arrears(session)
    for one in waiting:
        with kept_for_the_end(failures, f"order {one.order}"):
            done += _climb(one)
    check_all_done(failures, "It is tried again each minute.")
    return done


def _climb(one: ArrearsFacts) -> bool:
    """The rung that is due for one; whether there was one."""
    at = now()
    with inventory().reading() as session:
        terms = terms_of(session, level_of_order(session, one.order, at))
        calendar = calendar_for(session, None, load(ServiceSettings).holidays_state)  # of those who answer
        order, instance = orders.order_facts(session, one.order), rents.served_instance(session, one.order)
    rung = next_step(one, at, terms, calendar) if instance else None
    if rung is None:
        return False
    if rung is RentStep.SUSPEND:
        suspended = in_transaction(inventory(), partial(rents.suspend_for_rent, number=one.id, now=at))
        if suspended:
            run_logger().warning("%s is to be suspended: the rent of order %s is overdue.", instance, one.order)
        return suspended
    moment = suspension_moment(at, terms, calendar) if rung is RentStep.ANNOUNCE else None
    _tell(one, rung, order, moment)
    in_transaction(inventory(), partial(rents.record_told, number=one.id, rung=rung, now=at, suspends_at=moment))
    return True


def _tell(one: ArrearsFacts, rung: RentStep, order: OrderFacts, moment: datetime | None) -> None:
    """The letter of a rung; its key names the announcement, since each has a moment of its own."""
    with inventory().reading() as session:
        owed = [rent.due_on for rent in rents.rents_of(session, one.order) if rent.is_open]
    values = {
        "name": order.customer_name, "order": order.reference, "owed": owed, "again": rung is not RentStep.REMIND,
        "suspends_at": moment,
    }  # fmt: skip
    key = f"{KEYS[rung]}:{one.id}:{one.announcements}" + (f":{moment:%Y-%m-%d}" if moment else "")
    made = compose("rent_overdue", order.language, values)
    send_letter(key, made, order.email, order.language, load(MailRelay).sender)
