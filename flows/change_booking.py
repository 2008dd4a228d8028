"""What a customer has booked: more at any time, less as far as nobody needs it (P05 to P07, P23, P25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from hosting.policy.states import ChangeState
from tasks.booking_letters import tell_customer_of_bookings
from tasks.bookings import (
    change_of,
    decide,
    read_meaning,
    read_wish,
    record_settled,
    record_wish,
    settle_due,
    show_meaning,
    telling_booking_failure,
    wait_for_the_night,
    would_be_rebuilt_for,
)
from tasks.measuring import ensure_room, measured_now
from tasks.rebuilding import rebuild_tables
from tasks.records import read_server, record_operator
from tasks.recovery_points import read_instance

if TYPE_CHECKING:
    from hosting.inventory.booking_changes import ChangeFacts
    from hosting.inventory.measurements import MeasuredFacts
    from hosting.policy.values import InstanceFacts, ServerFacts

BY_THE_SERVICE = ("what is due", "asked for before")


class BookingRequest(BaseModel):
    """Change what is booked for an instance, or see what it would mean."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    change: Literal[
        "book accounts",
        "book storage",
        "cancel accounts",
        "cancel storage",
        "cancel contract",
        "withdraw",
        "what is due",
        "asked for before",
    ] = Field(
        title="Change",
        description=(
            "Withdraw takes a cancellation back until its day. What is due: only what was cancelled for today or "
            "earlier. Asked for before: the change of the number below."
        ),
    )
    amount: int = Field(1, title="Amount", description="Accounts, or GB of storage in steps of 5.", ge=1, le=500)
    booking: int | None = Field(
        None, title="Booking", description="The number of the one that is meant; else the one that may end first."
    )
    number: int | None = Field(None, title="Number", description="Of a change that was asked for before.")
    preview: bool = Field(
        default=True, title="Only show", description="Show what it would mean; nothing is changed and nobody is told."
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field(
        "", title="Reason", description="Why, e.g. the customer's mail of today; recorded.", max_length=500
    )


@flow(name="change-booking", flow_run_name="change-booking {request.instance}", persist_result=False)
def change_booking(request: BookingRequest) -> Any:
    """Book or cancel accounts and storage: measured, decided, kept within bounds on the server, told to the customer.

    Args:
        request: Which instance, what, and who asks.
    """
    with telling_booking_failure(request.instance):
        instance = read_instance(request.instance)
        server = read_server(instance.server_name)
        if request.preview and request.change not in BY_THE_SERVICE:
            measured = measured_now(server, instance)
            meaning = read_meaning(instance, change_of(request.change, request.amount, request.booking), measured)
            return Completed(name="Shown", message=show_meaning(instance, meaning, measured))
        wish = wished(request, instance)
        measured = measured_now(server, instance)
        if would_be_rebuilt_for(instance, wish, measured):
            if night := wait_for_the_night(instance, wish):
                said = f"{instance.name}: it does not fit by little; its tables are written anew and counted again at "
                return Completed(name="Rescheduled", message=f"{said}{night:%Y-%m-%d %H:%M} UTC.")
            rebuild_tables(server, instance)
            measured = measured_now(server, instance)
        return settle(server, instance, wish, measured)


def wished(request: BookingRequest, instance: InstanceFacts) -> ChangeFacts | None:
    """The change that is asked for now or was before; None where only what is due is looked at."""
    if request.operator:
        record_operator(request.operator, f"instance:{instance.name}", request.reason)
    if request.number is not None:
        return read_wish(request.number)
    if request.change in BY_THE_SERVICE:
        return None
    change = change_of(request.change, request.amount, request.booking)
    return record_wish(instance, change, request.operator or "service", request.reason)


def settle(server: ServerFacts, instance: InstanceFacts, wish: ChangeFacts | None, measured: MeasuredFacts) -> Any:
    """The decision, what is due by now, the bounds on the server, the letters; what is done already stays as it is."""
    decided = decide(wish, measured) if wish else None
    ends = settle_due(instance, measured)
    instance = read_instance(instance.name)
    ensure_room(server, instance, measured)
    tell_customer_of_bookings(instance)
    record_settled(wish)
    if decided is not None and decided.state is ChangeState.REFUSED:
        return Completed(name="Refused", message=decided.finding)
    over = sum(end.takes_effect for end in ends)
    said = f"{instance.name}: {instance.accounts} accounts and {instance.storage_gib} GB are booked"
    return Completed(message=f"{said}; {over} ended, {len(ends) - over} run on." if ends else f"{said}.")
