"""Which instances are to be measured, and what people see of it: a table with small curves, and large ones (P04)."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from hosting.errors import ServiceError
from hosting.inventory import bookings, instances, measurements, servers, storage_views
from hosting.inventory.session import in_transaction
from hosting.policy.quota import WARN_AT, is_due
from tasks.letters import local
from tasks.measuring import Known
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.measuring import MeasuredOne

KEPT = timedelta(days=400)
"""The history of a year and a month is kept; what was told because of it stays in the record."""

MIB = 2**20


class NotAllMeasured(ServiceError):
    """What some instances store is not known."""


@reading
def read_due(name: str = "", *, everything: bool = False) -> list[tuple[ServerFacts, list[InstanceFacts]]]:
    """The instances that are to be measured, by server; who came to another one is due there.

    Args:
        name: this one alone, due or not; all that are due if it is empty.
        everything: all, due or not.
    """
    with inventory().reading() as session:
        last, at = measurements.all_last_measured(session), now()
        if name:
            wanted = [instances.instance_facts(session, name)]
        else:
            wanted = [
                one
                for one in bookings.instances_served(session)
                if everything
                or (known := last.get(one.name)) is None
                or known.server_name != one.server_name
                or is_due(known.at, known.per_mille, at)
            ]
        by_server = groupby(sorted(wanted, key=lambda one: (one.server_name, one.name)), lambda one: one.server_name)
        return [(servers.server_facts(session, server), list(found)) for server, found in by_server]


@reading
def read_known() -> list[tuple[ServerFacts, list[Known]]]:
    """The instances that were measured, by the server where they are; others are due anyway."""
    with inventory().reading() as session:
        last = measurements.all_last_measured(session)
        known = [
            Known(one, found) for one in bookings.instances_served(session) if (found := last.get(one.name)) is not None
        ]
        known.sort(key=lambda one: (one.instance.server_name, one.instance.name))
        by_server = groupby(known, lambda one: one.instance.server_name)
        return [(servers.server_facts(session, server), list(found)) for server, found in by_server]


@reading
def report_storage(outcomes: Sequence[MeasuredOne], asked: str = "") -> None:
    """Every instance with its use, forecast and last days as a table; curves of who is nearly full, or was asked for.

    Args:
        outcomes: of the run.
        asked: the instance that somebody wants to know of.
    """
    rows = []
    with inventory().reading() as session:
        for one in outcomes:
            view = storage_views.storage_view(session, one.instance.name, now())
            rows.append(
                {
                    "instance": one.instance.name,
                    "server": one.instance.server_name,
                    "database MiB": f"{view.last.use.database_bytes / MIB:.1f}" if view.last else "-",
                    "files MiB": f"{view.last.use.files_bytes / MIB:.1f}" if view.last else "-",
                    "booked GB": one.instance.storage_gib,
                    "percent": f"{view.last.per_mille / 10:.1f}" if view.last else "-",
                    "last days": storage_views.small_curve(view) or "-",
                    "full on": f"{view.full_at:%Y-%m-%d}" if view.full_at else "-",
                    "users": f"{view.last.users} of {one.instance.accounts}" if view.last else "-",
                    "finding": one.finding or "good",
                }
            )
            if view.last and (one.instance.name == asked or view.last.per_mille >= min(WARN_AT)):
                _show_curve(view)
    create_table_artifact(key="storage", table=rows, description=f"Storage measured {local(now())} (P04)")


def _show_curve(view: storage_views.StorageView) -> None:
    """The curve of one instance as an artifact."""
    lines = "\n".join(storage_views.curve(view))
    create_markdown_artifact(
        key=f"storage-{view.instance.name}",
        description=f"Storage of {view.instance.name}",
        markdown=f"# {view.instance.name}: {view.sentence}\n\n```\n{lines}\n```\n",
    )


@reading
def forget_old() -> int:
    """Measurements whose time is over are dropped; how many."""
    return in_transaction(inventory(), lambda session: measurements.forget_measured(session, now() - KEPT))


def check_all_measured(outcomes: Sequence[MeasuredOne]) -> None:
    """See that every instance was measured.

    Raises:
        NotAllMeasured: some were not; names them with the first reason.
    """
    without = [one for one in outcomes if one.finding]
    if without:
        names = ", ".join(one.instance.name for one in without)
        message = f"{len(without)} of {len(outcomes)} instances are not measured or not within bounds: {names}."
        raise NotAllMeasured(
            f"{message} The first reason: {without[0].finding}", "They are tried again within the hour."
        )
