"""What people see of a run: an artifact at its end, the table of open promises, the sentence when it failed."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError
from hosting.inventory import promises
from tasks.cases import tell_open_cases
from tasks.letters import local
from tasks.probes import url_of
from tasks.records import inventory, now, record_failure
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts
    from tasks.step import Done


@reading
def report_instance(order: OrderFacts, instance: InstanceFacts, server: ServerFacts, done: Sequence[Done]) -> None:
    """What was made, where, and the timeline against the promise, as an artifact of the run."""
    kept = order.ready_at and order.promised_by and order.ready_at <= order.promised_by
    steps = "\n".join(
        f"| {one.step.replace('_', ' ')} | {'done' if one.changed else 'was there'} | {one.seconds:.2f} |"
        for one in done
    )
    create_markdown_artifact(
        key=f"instance-{instance.name}",
        description=f"Set-up of {order.reference}",
        markdown=f"""# {instance.name} on {server.name}

{url_of(server, instance)}

| | |
| --- | --- |
| Order | {order.reference} ({order.customer_reference}) |
| Booked | {order.accounts} account{"s" * (order.accounts > 1)}, {instance.storage_gib} GiB in all |
| Release | {instance.release.edition} {instance.release.version} |
| Paid at | {local(order.paid_at)} |
| Promised by | {local(order.promised_by)} |
| Ready at | {local(order.ready_at)} |
| Promise | {"kept" if kept else "missed" if order.ready_at else "open"} (P08) |

| step | | seconds |
| --- | --- | --- |
{steps}
""",
    )


@reading
def report_open_promises() -> None:
    """Every order that is paid and not yet open, as a table."""
    with inventory().reading() as session:
        waiting = promises.open_promises(session, now(), load(ServiceSettings).holidays_state)
    rows: list[dict[str, Any]] = [
        {
            "order": one.order.reference,
            "paid at": local(one.order.paid_at),
            "promised by": local(one.order.promised_by),
            "service time left": str(timedelta(seconds=int(one.standing.time_left.total_seconds()))),
            "forecast": local(one.standing.ready_at),
            "outlook": one.standing.outlook.value,
        }
        for one in waiting
    ]
    create_table_artifact(key="open-promises", table=rows, description=f"Open promises (P08) as of {local(now())}")


@contextlib.contextmanager
def tell_failure(order: str) -> Iterator[None]:
    """Where the body fails: record it, put it before a person, tell the operator; then fail with the same sentence."""
    try:
        yield
    except ServiceError as error:
        run = flow_run.id or "by hand"
        run_logger().error("%s", error)  # one sentence is what helps here
        with contextlib.suppress(ServiceError):
            if again := record_failure(order, error, run):
                run_logger().info("It is tried again at %s.", local(again))
            else:
                tell_open_cases()
        raise
