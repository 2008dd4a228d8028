"""From a confirmed payment to an open instance (P01 to P04, P08 to P10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from hosting.policy.open_promises import EXPECTED
from hosting.policy.states import OrderState
from tasks.application import (
    ensure_application,
    ensure_customer_administrator,
    ensure_default_group,
    ensure_installed,
    ensure_release,
    ensure_sealed,
    ensure_settings,
)
from tasks.databases import ensure_database
from tasks.leases import working_on
from tasks.letters import tell_customer_ready
from tasks.outgoing import ensure_outgoing_network
from tasks.probes import prove_instance_answers
from tasks.records import (
    now,
    read_calendar,
    read_order,
    read_paid_order,
    read_server,
    record_active,
    record_done,
    record_operator,
    reschedule,
    reserve_instance,
    stop_if_placed_anew,
)
from tasks.reports import report_instance, report_open_promises, tell_failure
from tasks.storage import check_disks, ensure_storage, ensure_storage_limit
from tasks.system_users import ensure_system_user
from tasks.web import ensure_cron, ensure_php_pool, ensure_site

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts
    from tasks.step import Done


class ProvisionRequest(BaseModel):
    """Set up the instance of a paid order; run again, it goes on from what is there."""

    model_config = ConfigDict(extra="forbid")
    order: str = Field(
        title="Order",
        description="The shop's reference of a paid order, e.g. A-1001.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )
    operator: str = Field(
        "", title="Operator", description="Your name; recorded as stated. Empty: the service itself.", max_length=64
    )
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)
    outside_hours: bool = Field(
        default=False,
        title="Also outside service hours",
        description="Set up now, even if the service hours (P09) are closed.",
    )


@flow(
    name="provision-instance",
    flow_run_name="provision-instance {request.order}",
    persist_result=False,
    validate_parameters=True,
)
def provision_instance(request: ProvisionRequest) -> Any:
    """Turn a paid order into an open instance: reserved, set up, proven from outside, recorded, told.

    Args:
        request: Which order, and who asks.
    """
    with tell_failure(request.order):
        if request.operator:
            record_operator(request.operator, f"order:{request.order}", request.reason)
        order = read_paid_order(request.order)
        calendar = read_calendar(order)
        starts_at = calendar.next_start(now(), EXPECTED)
        if order.state is not OrderState.FULFILLED and not request.outside_hours and starts_at > now():
            reschedule(order, starts_at)
            said = f"The service hours are closed; {order.reference} is set up at {starts_at:%Y-%m-%d %H:%M} UTC."
            return Completed(name="Rescheduled", message=said)
        instance = reserve_instance(order)
        server = read_server(instance.server_name)
        done = set_up(server, instance, order)
        report_instance(read_order(request.order), instance, server, done)
        report_open_promises()
        return Completed(message=f"{order.reference}: {instance.name} on {server.name} is open.")


def set_up(server: ServerFacts, instance: InstanceFacts, order: OrderFacts) -> list[Done]:
    """Everything on the server, the proof, the record, the letter; what is done already is left as it is."""
    with working_on(server, instance, "provision"):
        stop_if_placed_anew(instance)
        check_disks(server)
        done = [
            ensure_system_user(server, instance),
            ensure_storage(server, instance),
            ensure_database(server, instance),
            ensure_release(server, instance),
            ensure_application(server, instance),
            ensure_php_pool(server, instance),
            ensure_installed(server, instance, order),
            ensure_settings(server, instance, order),
            ensure_default_group(server, instance),
            ensure_customer_administrator(server, instance, order),
            ensure_sealed(server, instance),
            ensure_storage_limit(server, instance),
            ensure_outgoing_network(server, instance),
            ensure_site(server, instance),
        ]
        evidence = prove_instance_answers(server, instance)
        done.append(ensure_cron(server, instance))
        record_active(instance, evidence)
        done.append(tell_customer_ready(server, instance, order))
        record_done(order)
    return done
