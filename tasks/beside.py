"""Copies that operators asked for, beside the instances: recorded, shown, and taken away when their days are over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.inventory import copies, deeds, imports, levels
from hosting.inventory.session import in_transaction
from hosting.policy.imports import ImportState
from hosting.product.layout import InstanceLayout
from tasks.letters import local
from tasks.probes import url_of
from tasks.records import inventory, now, read_server
from tasks.rehearsals import choose_server_for
from tasks.step import reading

if TYPE_CHECKING:
    from hosting.inventory.copies import CopyFacts
    from hosting.policy.values import ServerFacts
    from tasks.copies import Copy
    from tasks.rehearsals import Candidate


@reading
def reserve_beside(candidate: Candidate, server_name: str) -> CopyFacts:
    """A place for a copy of a point; the one that a run before had reserved is gone on with, on its server.

    Args:
        candidate: the point.
        server_name: where; empty: where it is already, else on a server with room.

    Raises:
        NoRoomToRehearse: none has.
        NoFreeSlot: the server has as many copies as it may have.
    """
    with inventory().reading() as session:
        known = [copy for copy in copies.all_copies(session) if copy.point_id == candidate.point.id]
        days = levels.terms_of_instance(session, candidate.instance.name, now()).restored_aside_days
    where = server_name or next((copy.server_name for copy in known), "") or choose_server_for.fn(candidate).name
    until = now() + timedelta(days=days)
    return in_transaction(inventory(), lambda session: copies.begin_copy(session, where, candidate.point, until, now()))


@reading
def record_beside_ready(copy: CopyFacts) -> None:
    """The copy is wholly made."""
    in_transaction(inventory(), lambda session: copies.record_ready(session, copy, now()))


@reading
def record_beside_removed(copy: CopyFacts, by: str = deeds.SERVICE, why: str = "Its days are over.") -> None:
    """Nothing is left of the copy."""
    in_transaction(inventory(), lambda session: copies.record_removed(session, copy, by, why, now()))


@reading
def read_copy(name: str) -> CopyFacts:
    """A copy by its name, with or without its server."""
    with inventory().reading() as session:
        return copies.copy_facts(session, name)


@reading
def read_old_copies() -> list[tuple[ServerFacts, CopyFacts]]:
    """The copies whose days are over, with their servers; not the draft of an import that was approved."""
    with inventory().reading() as session:
        approved = {one.origin for one in imports.all_imports(session) if one.state is ImportState.APPROVED}
        copies_now = [copy for copy in copies.all_copies(session) if copy.point_id not in approved]
        old = [copy for copy in copies_now if copy.until <= now()]
    return [(read_server.fn(copy.server_name), copy) for copy in old]


@reading
def show_beside(server: ServerFacts, copy: Copy, reserved: CopyFacts) -> str:
    """How the copy is reached, as an artifact; its address."""
    url, layout = url_of(server, copy.facts), InstanceLayout.of(copy.facts)
    create_markdown_artifact(
        key=f"beside-{copy.facts.name.replace('_', '-')}",
        description=f"Copy of {copy.origin.name}",
        markdown=f"""# {copy.origin.name} as it was at {local(copy.point.taken_at)}

It answers requests from {server.name} itself alone. Through a tunnel, as long as the first command runs:

```sh
ssh -N -D 127.0.0.1:1080 -p {server.ssh_port} {load(SshHost).user}@{server.address}
chromium --proxy-server=socks5://127.0.0.1:1080 {url}
```

| | |
| --- | --- |
| Point | {copy.point.id} ({copy.point.kind.value}) |
| Mails and files | {layout.storage}/user on {server.name} |
| Database | {layout.database} on {server.name} |
| Logins | as they were at that moment |
| Mail, other network, cron | none |
| Taken away | {local(reserved.until)}, or before: run drop-beside with {reserved.name}@{server.name} |
""",
    )
    return url
