"""Every morning: what of backups and restores has had its time goes, and nothing that is still relied on (P21)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from tasks.backup_reports import report_dropped
from tasks.failures import check_all_done, kept_for_the_end
from tasks.import_going_live import read_left, read_old_imports, record_left_gone
from tasks.restored_aside import drop_aside, read_aside, read_old_restores, record_aside_dropped
from tasks.retention import (
    drop_generation,
    ensure_no_unused_caches,
    mark_droppable_generations,
    read_used_servers,
)

if TYPE_CHECKING:
    from hosting.errors import ServiceError


@flow(name="expire-backups", persist_result=False)
def expire_backups() -> Any:
    """Drop generations whose weeks are over, what restores and imports laid aside for some days, and unused caches.

    One that can't be dropped keeps none of the others; the run fails at the end, and the next one goes on.
    """
    failures: list[ServiceError] = []
    dropped, cleared = [], 0
    for generation in mark_droppable_generations():
        with kept_for_the_end(failures, generation.id):
            dropped.append(drop_generation(generation))
    for old in read_old_restores():
        with kept_for_the_end(failures, f"restore {old.stamp} of {old.instance}"):
            server, restore = read_aside(old)
            drop_aside(server, restore)
            record_aside_dropped(restore)
            cleared += 1
    for order in read_old_imports():
        with kept_for_the_end(failures, f"import {order.id} of {order.instance}"):
            server, taken = read_left(order)
            drop_aside(server, taken)
            record_left_gone(order)
            cleared += 1
    for server in read_used_servers():
        with kept_for_the_end(failures, f"caches on {server.name}"):
            ensure_no_unused_caches(server)
    report_dropped(dropped)
    check_all_done(failures, "The next run goes on with it; docs/runbooks/backups.md tells what may stand in the way.")
    return Completed(
        message=f"{len(dropped)} generations dropped, {cleared} old states of restores and imports removed."
    )
