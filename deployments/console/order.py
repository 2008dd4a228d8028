"""`phm order`: what customers ordered, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, now, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading, local, money, show_history
from hosting.errors import Refused
from hosting.policy.states import WorkState
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.cancelling import Cancellation
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
        if found is None or found.state in work.ENDS:
            stands = found.state if found else "not asked for: the order is not paid"
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


@app.command("cancel")
def cancel(
    reference: Reference,
    reason: Reason,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it you see what it means.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel an order that is not fulfilled: no run sets it up, its place is given back, the refund is a case."""
    from hosting.inventory.cancelling import cancel_order, cancellation  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    with reading() as session:
        before = cancellation(session, reference, now())
    after = acting(lambda session, by, at: cancel_order(session, reference, by, why, at), settings) if yes else before
    if as_json:
        changed = after.is_done and not before.is_done
        emit_one({**asdict(after), "cancelled": after.is_done, "changed": changed}, {}, as_json=True)
        return
    if before.is_done:
        typer.echo(f"Order {reference} is cancelled (unchanged).")
        return
    typer.echo("\n".join(meaning_of(before)))
    typer.echo(f"Order {reference} is cancelled." if yes else "Nothing was changed. To do it, give --yes.")


def meaning_of(found: Cancellation) -> list[str]:
    """What cancelling an order means, a line each."""
    order, instance = found.order, found.instance
    lines = [f"Order {order.reference} ({order.state}) of {order.customer_name}: {wish_of(order)}."]
    if found.received_cents:
        received = money(found.received_cents, order.currency)
        lines.append(f"{received} were received: a case asks for the refund, which is the shop's.")
    if found.work is not None:
        lines.append(f"Its set-up ({found.work.state}) is closed: no run sets it up.")
    if instance is not None:
        lines.append(f"Its place {instance.name} on {instance.server_name} ({instance.storage_gib} GiB) is given back.")
        lines.append(f"What of this is on {instance.server_name} is yours to take away, in this order:")
        lines += [f"  {trace}" for trace in found.remains]
    return lines


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
