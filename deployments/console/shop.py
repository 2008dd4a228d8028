"""`phm shop`: the local fleet's shop, which tells the running receiver what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import reading
from deployments.console.output import Json, emit_one
from deployments.console.wording import money
from fleet.shop import Order, Shop
from hosting.settings import load_settings

if TYPE_CHECKING:
    from fleet.shop import Answer

app = typer.Typer(help="The local fleet's shop: it places orders and tells of money, as the real one does.")

Reference = Annotated[str, typer.Argument(help="The order's reference.")]
Cents = Annotated[int | None, typer.Option("--cents", help="The amount; what is due by default.")]
TITLES = {"order": "order", "amount": "amount", "taken": "receiver says", "deliveries": "deliveries"}


@app.command("order")
def order(
    *,
    name: Annotated[str, typer.Option(help="The customer's name.")] = "Erika Mustermann",
    email: Annotated[str, typer.Option(help="The customer's address.")] = "erika@example.org",
    language: Annotated[str, typer.Option(help="de or en.")] = "de",
    accounts: Annotated[int, typer.Option(help="How many accounts.")] = 1,
    storage: Annotated[int, typer.Option(help="GB beyond the accounts' own.")] = 0,
    reference: Annotated[str | None, typer.Option(help="The order's reference; a new one by default.")] = None,
    level: Annotated[str | None, typer.Option(help="The service level; the standard one by default.")] = None,
    pay_now: Annotated[bool, typer.Option("--pay", help="Pay at once what is due.")] = False,
    as_json: Json = False,
) -> None:
    """Place an order."""
    shop = the_shop()
    placed, answer = shop.order(
        name=name, email=email, language=language, accounts=accounts, storage_gb=storage, reference=reference,
        service_level=level,
    )  # fmt: skip
    tell(placed, placed.due_cents, answer, as_json=as_json and not pay_now)
    if pay_now:
        tell(placed, placed.due_cents, shop.pay(placed), as_json=as_json)


@app.command("pay")
def pay(reference: Reference, *, cents: Cents = None, as_json: Json = False) -> None:
    """Tell that money came in for an order."""
    known = order_of(reference, cents)
    tell(known, known.due_cents, the_shop().pay(known), as_json=as_json)


@app.command("refund")
def refund(reference: Reference, *, cents: Cents = None, as_json: Json = False) -> None:
    """Tell that money went back."""
    known = order_of(reference, cents)
    tell(known, known.due_cents, the_shop().refund(known), as_json=as_json)


@app.command("name")
def name(
    reference: Reference,
    wish: Annotated[str, typer.Argument(help="The subdomain, as the customer wrote it.")],
    *,
    cancel: Annotated[bool, typer.Option("--cancel", help="He wants it no longer; a domain of his own, too.")] = False,
    as_json: Json = False,
) -> None:
    """Tell that a customer wishes for a subdomain, or wants his name no longer."""
    answer = the_shop().unwish(reference, wish) if cancel else the_shop().wish(reference, wish)
    row = {"order": reference, "name": wish, "taken": answer.content.get("taken"), "status": answer.status}
    emit_one(row, {"order": "order", "name": "name", "taken": "receiver says"}, as_json=as_json)


def the_shop() -> Shop:
    """The shop that shares the settings' secret, at the receiver on this machine."""
    web = load_settings().web
    return Shop(f"http://{web.bind_host}:{web.bind_port}", web.shop_secrets[0].get_secret_value())


def order_of(reference: str, cents: int | None) -> Order:
    """An order as the shop needs it to speak of its money; the inventory says what is due unless an amount is named.

    Raises:
        UnknownOrder: the inventory doesn't know it, and no amount is named.
    """
    if cents is not None:
        return Order(reference, "", "", "", "", accounts=0, storage_gb=0, due_cents=cents)
    from hosting.inventory.orders import order_facts  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        known = order_facts(session, reference)
    return Order(
        known.reference, known.customer_reference, known.customer_name, known.email, known.language,
        known.accounts, known.storage_gib, known.due_cents, known.currency,
    )  # fmt: skip


def tell(order: Order, cents: int, answer: Answer, *, as_json: bool) -> None:
    """What the receiver said to an event."""
    row: dict[str, Any] = {"order": order.reference, "cents": cents, "currency": order.currency}
    row |= {"taken": answer.content.get("taken"), "status": answer.status, "deliveries": answer.deliveries}
    emit_one(row if as_json else {**row, "amount": money(cents, order.currency)}, TITLES, as_json=as_json)
