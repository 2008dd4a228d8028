"""Every morning: who has no good backup and why, held against the store; noticed even if nothing ran (P19 to P22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from hosting.policy.backup_audit import audit
from hosting.policy.restore_audit import left_restores
from tasks.backup_audits import (
    check_nothing_wrong,
    read_backup_records,
    read_store_list,
    report_audit,
    store_unread,
    tell_audit,
)
from tasks.failures import kept_for_the_end
from tasks.records import now

if TYPE_CHECKING:
    from hosting.errors import ServiceError


@flow(name="audit-backups", persist_result=False)
def audit_backups() -> Any:
    """Hold records and the store against each other; a table, a letter, and a failed run where a promise is broken.

    A store that does not answer is a finding; what the records alone tell is told all the same.
    """
    failures: list[ServiceError] = []
    stored = None
    with kept_for_the_end(failures, "the store's list"):
        stored = read_store_list()
    records = read_backup_records()
    findings = [
        *audit(records.audited, records.generations, stored, now(), records.sound),
        *left_restores(records.restores),
        *store_unread(failures),
    ]
    report_audit(records, findings)
    tell_audit(findings)
    check_nothing_wrong(findings)
    return Completed(message=f"{len(records.backups)} instances, {len(findings)} things to look at.")
