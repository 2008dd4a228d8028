"""`phm order`: what customers ordered, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading, local, money, show_history
from hosting.errors import Refused
from hosting.policy.states import WorkState
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import OrderFacts

app = typer.Typer(help="Orders: what customers ordered, and what became of it.")

Reference = Annotated[str, typer.Argument(help="The shop's reference of the order, e.g. A-1001.")]
COLUMNS = {
    "reference": "order", "state": "state", "customer": "customer", "wish": "wish", "paid_at": "paid",
    "promised_by": "promised by", "ready_at": "ready",
}  # fmt: skip
TITLES = {
    "reference": "order", "state": "state", "customer": "customer", "email": "e-mail", "language": "language",
    "wish": "wish", "due": "due", "service_level": "service level", "placed_at": "placed", "paid_at": "paid",
    "promised_by": "promised by", "ready_at": "ready", "instance": "instance", "work": "set-up",
}  # fmt: skip
PAYMENT_COLUMNS = {
    "received_at": "received", "kind": "kind", "amount": "amount", "counts": "counts", "event_id": "event",
}  # fmt: skip


@app.command("list")
def list_orders(
    *,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that somebody still waits for.")] = False,
    as_json: Json = False,
) -> None:
    """List orders, the oldest first."""
    from hosting.inventory.orders import all_orders  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        found = all_orders(session, open_only=open_only)
    rows = [asdict(order) if as_json else for_people(order) for order in found]
    emit(rows, COLUMNS, as_json=as_json, empty="There is no order.")


@app.command("show")
def show_order(reference: Reference, *, as_json: Json = False) -> None:
    """Show an order with its money, set-up, cases and what was done."""
    from hosting.inventory.views import order_view  # noqa: PLC0415  # as above

    with reading() as session:
        view = order_view(session, reference)
    if as_json:
        emit_one(asdict(view), {}, as_json=True)
        return
    order, work, instance = view.order, view.work, view.instance
    placed = f"{instance.name} on {instance.server_name} ({instance.state})" if instance else None
    setup = f"{work.state}, attempt {work.attempt}, due {local(work.due_at)}. {work.finding}" if work else None
    emit_one({**for_people(order), "instance": placed, "work": setup}, TITLES, as_json=False)
    heading("Money")
    payments = [{**asdict(one), "amount": money(one.cents, one.currency)} for one in view.payments]
    emit(payments, PAYMENT_COLUMNS, as_json=False, empty="None came.")
    show_history(view.cases, view.deeds)


@app.command("again")
def again(reference: Reference, reason: Reason) -> None:
    """Try the set-up of an order again that failed; it goes on from what is there."""
    from hosting.inventory import deeds, orders, work  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)

    def ask_again(session: Session, by: str, at: datetime) -> bool:
        orders.order_facts(session, reference)
        found = work.work_of(session, work.PROVISION, reference)
        if found is None or found.state is WorkState.DONE:
            stands = "done" if found else "not asked for: the order is not paid"
            raise Refused(f"The set-up of order {reference} is {stands}.", "Look at it: phm order show.")
        if found.state is not WorkState.FAILED:
            return False
        work.try_again(session, found.id, at)
        deeds.record(session, by, "set-up asked for again", orders.subject_of(reference), why=why, now=at)
        return True

    if acting(ask_again, settings):
        typer.echo(f"The set-up of order {reference} is due again; the dispatcher starts it within a minute.")
    else:
        typer.echo(f"The set-up of order {reference} has not failed: it is waiting or running (unchanged).")


def for_people(order: OrderFacts) -> dict[str, Any]:
    """An order as people read it."""
    return {
        **asdict(order),
        "customer": f"{order.customer_name} ({order.customer_reference})",
        "wish": wish_of(order),
        "due": money(order.due_cents, order.currency),
        "service_level": order.service_level or "standard",
    }


def wish_of(order: OrderFacts) -> str:
    """What an order asks for, in words."""
    accounts = "1 account" if order.accounts == 1 else f"{order.accounts} accounts"
    return f"{accounts}, {order.storage_gib} GB more" if order.storage_gib else accounts
