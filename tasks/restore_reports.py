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
def report_restore(
    server: ServerFacts, restore: Restore, evidence: Mapping[str, Any], old: ServerFacts | None = None
) -> None:
    """What was brought back, what lies aside, how long the instance was closed; with another server another URL."""
    point = restore.point
    url = url_of(server, restore.instance)
    moved = f", before {url_of(old, restore.instance)}; the customer was told by letter" if old else ""
    tables, files = len(restore.tables), point.manifest["files"]["files"]
    create_markdown_artifact(
        key=f"restore-{restore.instance.name}",
        description=f"Restore of {restore.instance.name}",
        markdown=f"""# {restore.instance.name} is as it was at {local(point.taken_at)}

{url}{moved}

| | |
| --- | --- |
| Point | {point.id} ({point.kind.value}) |
| Compared | {tables} tables, {files} files, before the exchange |
| Closed for | {evidence.get("closed_seconds", 0)} s |
| Old folder | {restore.aside} |
| Old database | {restore.old_database} |
""",
    )
