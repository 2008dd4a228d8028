"""Which instances need to move: looked at by the records, recorded, shown to operators (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import evacuations, needed_moves, room_wishes, standings, storage_views
from hosting.inventory.session import in_transaction
from hosting.policy.move_needs import Ahead, growth_by_server
from hosting.policy.move_needs import needed_moves as needed_of
from hosting.policy.placement import left_gib
from tasks.letters import local
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from hosting.inventory.needed_moves import NeedFacts


@reading
def find_needs() -> list[NeedFacts]:
    """The moves that are needed now, recorded with what servers grow by; what was done or is not needed has an end."""
    days = load(ServiceSettings).room_ahead_days

    def find(session: Session) -> list[NeedFacts]:
        at, emptied = now(), evacuations.emptied_servers(session)
        stands, ahead = standings.standings(session, at), Ahead(at, days)
        standings.record_growth(session, growth_by_server(stands, ahead))
        found = needed_of(stands, ahead, emptied)
        return needed_moves.settle_needs(session, found, at, frozenset(emptied))

    needs = in_transaction(inventory(), find)
    for one in needs:
        run_logger().info("%s on %s needs to move (%s): %s", one.instance_name, one.source_name, one.state, one.why)
    return needs


@reading
def see_to_room() -> list[str]:
    """Wishes that were refused for lack of room and are over, or for which there is room by now; a sentence each."""
    said = in_transaction(inventory(), lambda session: room_wishes.see_to_wishes(session, now()))
    for one in said:
        run_logger().info("%s", one)
    return said


@reading
def report_needs(needs: Sequence[NeedFacts]) -> None:
    """Every server with its room and forecast, and every move that is needed, as tables."""
    with inventory().reading() as session:
        views = storage_views.capacity_views(session, now())
    rows = [
        {
            "server": one.server.name,
            "state": one.server.state,
            "room GiB": one.server.room_gib,
            "booked GiB": one.server.booked_gib,
            "free GiB": one.server.free_gib,
            "left beside growth GiB": left_gib(one.server),
            "instances": one.server.instances,
            "full on": f"{one.full_at:%Y-%m-%d}" if one.full_at else "-",
            "need to move": sum(need.source_name == one.server.name for need in needs),
        }
        for one in views
    ]
    create_table_artifact(key="capacity", table=rows, description=f"Room of the servers as of {local(now())} (P24)")
    wanted = [
        {
            "instance": one.instance_name,
            "from": one.source_name,
            "to": one.target_name or "nowhere",
            "booked GB": one.storage_gib,
            "state": one.state,
            "since": local(one.found_at),
            "why": f"{one.why} {one.help}".strip(),
        }
        for one in needs
    ]
    create_table_artifact(key="needed-moves", table=wanted, description="Moves that are needed; none runs by itself")
