"""`phm booking`: what customers have booked, and changes of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import acting, now, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading, local
from hosting.errors import Refused, ServiceError, Unreachable
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.booking_changes import ChangeFacts, Meaning
    from hosting.inventory.measurements import MeasuredFacts
    from hosting.policy.booking_changes import Change
    from hosting.policy.contract import BookingFacts, Contract

app = typer.Typer(help="Bookings: accounts and storage of an instance.")

Instance = Annotated[str, typer.Argument(help="The instance's name.")]
Accounts = Annotated[int, typer.Option("--accounts", help="So many accounts.", min=0)]
Storage = Annotated[int, typer.Option("--storage", help="So many GB of storage, in steps of 5.", min=0)]
Number = Annotated[int | None, typer.Option("--booking", help="The number of the booking, as list shows it.")]
Why = Annotated[
    str, typer.Option("--reason", help="Why, e.g. the customer's mail of today; recorded. Needed with --yes.")
]
Doing = Annotated[bool, typer.Option("--yes", help="Do it; without it you see what it means.")]
COLUMNS = {
    "id": "booking", "kind": "kind", "gib": "GB", "booked_on": "booked on", "bound_until": "runs until at least",
    "ends_on": "ends on", "stands": "stands",
}  # fmt: skip
CHANGE_COLUMNS = {
    "id": "change", "asked_at": "asked", "asked_by": "by", "kind": "what", "amount": "amount", "state": "state",
    "finding": "finding",
}  # fmt: skip
TITLES = {
    "accounts": "accounts",
    "packages_gib": "storage packages, GB",
    "pool_gib": "in all, GB",
    "ends_on": "contract ends",
}


@app.command("list")
def list_bookings(instance: Instance, *, as_json: Json = False) -> None:
    """List what is booked for an instance, what is cancelled for which day, and the changes that were asked for."""
    from hosting.inventory import booking_changes, bookings  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        contract = bookings.contract_of(session, instance)
        changes = booking_changes.changes_of(session, instance)
    booked, rows = asdict(contract.booked()), [row_of(contract, one) for one in contract.bookings]
    if as_json:
        told = {"booked": booked, "contract_ends_on": contract.ends_on, "bookings": rows, "changes": changes}
        emit_one(told, {}, as_json=True)
        return
    emit_one({**booked, "ends_on": contract.ends_on}, TITLES, as_json=False)
    heading("Bookings")
    emit(rows, COLUMNS, as_json=False)
    heading("Changes")
    emit([change_row(one) for one in changes], CHANGE_COLUMNS, as_json=False, empty="None was asked for.")


@app.command("add")
def add(
    instance: Instance, *, accounts: Accounts = 0, storage: Storage = 0, reason: Why = "", yes: Doing = False
) -> None:
    """Book accounts or storage: at any time, from today on."""
    change(instance, wish("book", accounts, storage), reason, yes=yes)


@app.command("cancel")
def cancel(
    instance: Instance,
    *,
    accounts: Accounts = 0,
    storage: Storage = 0,
    booking: Number = None,
    contract: Annotated[bool, typer.Option("--contract", help="The whole contract.")] = False,
    reason: Why = "",
    yes: Doing = False,
) -> None:
    """Cancel accounts, storage, one booking, or the contract: for the first day on which it may end."""
    if sum((bool(accounts), bool(storage), booking is not None, contract)) != 1:
        raise Refused("Cancel what?", "Name one of --accounts, --storage, --booking, --contract.")
    if contract:
        change(instance, wanted("cancel contract"), reason, yes=yes)
    elif booking is not None:
        change(instance, wanted(f"cancel {kind_of(instance, booking)}", booking=booking), reason, yes=yes)
    else:
        change(instance, wish("cancel", accounts, storage), reason, yes=yes)


@app.command("withdraw")
def withdraw(instance: Instance, *, booking: Number = None, reason: Why = "", yes: Doing = False) -> None:
    """Take a cancellation back, until the day on which it takes effect."""
    change(instance, wanted("withdraw", booking=booking), reason, yes=yes)


def wish(verb: str, accounts: int, storage: int) -> Change:
    """What the options name: accounts or storage.

    Raises:
        Refused: none of them, or both.
    """
    if bool(accounts) == bool(storage):
        raise Refused("Accounts or storage?", "Name one of --accounts and --storage; each is a change of its own.")
    return wanted(f"{verb} accounts", accounts) if accounts else wanted(f"{verb} storage", storage)


def wanted(kind: str, amount: int = 1, booking: int | None = None) -> Change:
    """A wish as the policy has it."""
    from hosting.policy.booking_changes import Change, ChangeKind  # noqa: PLC0415  # as above

    return Change(ChangeKind(kind), amount, booking)


def kind_of(instance: str, booking: int) -> str:
    """Whether a booking is one of accounts or of storage; an unknown one is refused as an account that isn't there."""
    from hosting.inventory import bookings  # noqa: PLC0415  # as above

    with reading() as session:
        found = [one for one in bookings.contract_of(session, instance).bookings if one.id == booking]
    return "storage" if found and found[0].kind.value == "storage" else "accounts"


def change(instance: str, what: Change, reason: str, *, yes: bool) -> None:
    """Show what a change would mean; with --yes, record it, and follow the run that does it."""
    if not yes:
        typer.echo("\n".join(meaning(instance, what)))
        typer.echo("Nothing was changed. To do it, give --yes and --reason.")
        return
    from deployments.console.runs import start_run  # noqa: PLC0415  # as above
    from hosting.inventory import booking_changes  # noqa: PLC0415  # as above
    from hosting.policy.states import ChangeState  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)

    def record(session: Session, by: str, at: datetime) -> ChangeFacts:
        return booking_changes.ask_for_change(session, instance, what, by=by, why=why, now=at)

    asked = acting(record, settings)
    request = {"instance": instance, "change": "asked for before", "number": asked.id, "preview": False}
    try:
        said = start_run(settings, "change-booking", request, about=instance)
    except Unreachable as error:
        do = f"It is recorded as change {asked.id} and done once Prefect answers again: phm booking list {instance}."
        raise ServiceError(error.what, do) from error
    with reading() as session:
        if booking_changes.change_facts(session, asked.id).state is ChangeState.REFUSED:
            raise Refused(said, f"It is kept as change {asked.id}: phm booking list {instance}.")
    typer.echo(said)


def meaning(instance: str, what: Change) -> list[str]:
    """What a change would mean by the last measurement, a line each.

    Raises:
        ChangeRefused: one class for each reason.
        NoServerHasRoom: what would be booked fits nowhere.
    """
    from hosting.inventory import booking_changes, measurements  # noqa: PLC0415  # as above
    from hosting.policy.booking_changes import Need  # noqa: PLC0415  # as above

    with reading() as session:
        last = measurements.last_measured(session, instance)
        need = Need(last.users, last.use.used_bytes) if last else Need(0, 0)
        found = booking_changes.meaning_of(session, instance, what, need, now())
    return lines_of(instance, found, last)


def lines_of(instance: str, found: Meaning, last: MeasuredFacts | None) -> list[str]:
    """A meaning as people read it."""
    meant = found.preview
    accounts = what_changes(meant.before.accounts, meant.after.accounts, "accounts")
    pool = what_changes(meant.before.pool_gib, meant.after.pool_gib, "GB")
    lines = [f"{instance}: {accounts}, {pool}, from {meant.takes_effect_on} on."]
    lines += [f"Booking {booking} ends on {day}." for booking, day in meant.ends]
    lines += [f"Booking {booking} runs on." for booking in meant.withdraws]
    if meant.bound_until:
        lines.append(f"What is newly booked runs until {meant.bound_until} at least.")
    if meant.extra_gib:
        lines.append(f"{found.here.name} has {found.here.free_gib} GiB left, {meant.extra_gib} are needed.")
    if found.needs_move:
        lines.append(f"A move to {found.server.name} is needed first, agreed with the customer (P24).")
    if last is None:
        lines.append("It was never measured: the run counts users and storage first, and may refuse.")
    else:
        used = f"{last.per_mille / 10:.1f} % of {last.pool_gib} GB"
        lines.append(f"{last.users} users, {used} as of {local(last.at)}; the run counts again first.")
    return lines


def what_changes(before: int, after: int, unit: str) -> str:
    """A figure before and after."""
    return f"{before} {unit} stay" if before == after else f"{before} to {after} {unit}"


def row_of(contract: Contract, one: BookingFacts) -> dict[str, Any]:
    """A booking as a row."""
    stands = "over" if one.is_over else "cancelled" if one.is_cancelled else "runs"
    gib = one.gib or (contract.terms.storage_per_account_gib if one.kind.value in {"base", "account"} else 0)
    return {
        "id": one.id, "kind": one.kind, "gib": gib, "booked_on": one.booked_on,
        "bound_until": one.runs_until_at_least, "ends_on": contract.end_of(one) if not one.is_over else one.ends_on,
        "stands": stands,
    }  # fmt: skip


def change_row(one: ChangeFacts) -> dict[str, Any]:
    """A change as people read it."""
    return {**asdict(one), "kind": one.change.kind.value, "amount": one.change.amount}
