"""Every hour: what the control machine can't make anew goes to the store, encrypted (P20)."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Completed

from tasks.control_backup import (
    drop_old_control_backups,
    report_control_backup,
    store_control_backup,
    telling_control_failure,
)


@flow(name="back-up-control", persist_result=False)
def back_up_control() -> Any:
    """Back the control machine up: settings, inventory, and the way to every backup; then drop what is too old."""
    with telling_control_failure():
        made = store_control_backup()
        dropped = drop_old_control_backups()
    report_control_backup(made, dropped)
    return Completed(message=f"{made.key}: {made.rows} rows, {made.bytes} bytes; {len(dropped)} older ones dropped.")
