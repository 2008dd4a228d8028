"""What people see of a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact

from tasks.letters import local
from tasks.probes import url_of
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import ServerFacts
    from tasks.restoring import Restore


@reading
def report_restore(server: ServerFacts, restore: Restore, evidence: Mapping[str, Any]) -> None:
    """What was brought back, what lies aside, how long the instance was closed."""
    point = restore.point
    tables, files = len(restore.tables), point.manifest["files"]["files"]
    create_markdown_artifact(
        key=f"restore-{restore.instance.name}",
        description=f"Restore of {restore.instance.name}",
        markdown=f"""# {restore.instance.name} is as it was at {local(point.taken_at)}

{url_of(server, restore.instance)}

| | |
| --- | --- |
| Point | {point.id} ({point.kind.value}) |
| Compared | {tables} tables, {files} files, before the exchange |
| Closed for | {evidence.get("closed_seconds", 0)} s |
| Old folder | {restore.aside} |
| Old database | {restore.old_database} |
""",
    )
