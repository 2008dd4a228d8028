"""Every morning: what of backups and restores has had its time goes, and nothing that is still relied on (P21)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from tasks.backup_reports import report_dropped
from tasks.failures import check_all_done, kept_for_the_end
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
    """Drop generations whose weeks are over, what restores laid aside once its days are over, and unused caches.

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
    for server in read_used_servers():
        with kept_for_the_end(failures, f"caches on {server.name}"):
            ensure_no_unused_caches(server)
    report_dropped(dropped)
    check_all_done(failures, "The next run goes on with it; docs/runbooks/backups.md tells what may stand in the way.")
    return Completed(message=f"{len(dropped)} generations dropped, {cleared} restores' old states removed.")
