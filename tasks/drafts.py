"""Drafts: an old installation as an instance of its own beside the booked one, until a person approves it (P33).

A draft is a copy in all that servers know of it (`tasks.copies`): own user, database, code and pool, a site for
requests from its server alone, no cron job, nothing reached over the network. Its archive lies in the import's folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands import importing, replacing
from hosting.inventory import copies, instances, levels
from hosting.inventory.copies import OfImport
from hosting.inventory.session import in_transaction
from hosting.policy.values import InstanceFacts, InstanceName
from hosting.product.layout import SERVICE_ROOT, InstanceLayout, copy_name, copy_number
from tasks.copies import ANY_RELEASE
from tasks.jobs import end_job
from tasks.records import inventory, now
from tasks.step import reading, step
from tasks.taking_away import take_away

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from sqlalchemy.orm import Session

    from hosting.inventory.copies import CopyFacts
    from hosting.policy.imports import ImportFacts
    from hosting.policy.values import ServerFacts

IMPORTS = SERVICE_ROOT / "imports"
"""Where archives are fetched to and opened: on the instances' file system, and none of its own."""


@dataclass(frozen=True)
class Draft:
    """A draft on its server.

    Args:
        order: the import.
        origin: the instance that it is for.
        facts: the draft itself, named and numbered as no instance is.
        copy: as the server's records have it.
    """

    order: ImportFacts
    origin: InstanceFacts
    facts: InstanceFacts
    copy: CopyFacts

    @property
    def layout(self) -> InstanceLayout:
        """The draft's places."""
        return InstanceLayout.of(self.facts)

    @property
    def place(self) -> Path:
        """The import's own folder."""
        return place_of(self.order)

    @property
    def job(self) -> str:
        """The one job that works on it at a time; `take_away` ends it."""
        return f"restore-{self.place.name}"


def place_of(order: ImportFacts) -> Path:
    """The folder in which an import's archive lies and is opened."""
    return IMPORTS / f"{order.instance}-{order.id}"


def place_of_copy(copy: CopyFacts) -> Path:
    """The same, by the draft's record."""
    return IMPORTS / f"{copy.instance_name}-{copy.point_id.removeprefix('import-')}"


def is_draft(copy: CopyFacts) -> bool:
    """Whether a copy is an import's."""
    return copy.point_id.startswith("import-")


@reading
def reserve_draft(order: ImportFacts) -> Draft:
    """A place for the draft on the instance's server; the one that a run before had reserved is gone on with.

    Raises:
        NoFreeSlot: the server has as many copies as it may have.
    """

    def reserve(session: Session) -> Draft:
        instance = instances.instance_facts(session, order.instance)
        days = levels.terms_of_instance(session, order.instance, now()).restored_aside_days
        origin, until = OfImport(order.origin, instance.name), now() + timedelta(days=days)
        copy = copies.begin_copy(session, order.server, origin, until, now())
        return draft_of(order, instance, copy)

    return in_transaction(inventory(), reserve)


@reading
def find_draft(order: ImportFacts) -> Draft | None:
    """The draft of an import, None where there is none any more."""
    with inventory().reading() as session:
        there = copies.copies_on(session, order.server)
        copy = next((one for one in there if one.point_id == order.origin), None)
        return draft_of(order, instances.instance_facts(session, order.instance), copy) if copy else None


@reading
def read_other_drafts(order: ImportFacts) -> list[CopyFacts]:
    """Drafts of the instance on its server that another import has left: nobody approves them any more."""
    with inventory().reading() as session:
        return [
            one for one in copies.copies_on(session, order.server)
            if one.instance_name == order.instance and is_draft(one)
            and one.point_id != order.origin
        ]  # fmt: skip


def draft_of(order: ImportFacts, instance: InstanceFacts, copy: CopyFacts) -> Draft:
    """The draft in its slot."""
    facts = replace(instance, name=InstanceName(copy_name(order.instance, copy.slot)), number=copy_number(copy.slot))
    return Draft(order, instance, replace(facts, server_name=instance.server_name), copy)


@step
def clear_draft(server: ServerFacts, draft: Draft) -> bool:
    """What a run before built of it is gone; the archive stays."""
    ended = end_job(server, draft.job)
    return take_away(server, draft.layout, draft.place / "tree") or ended


@step
def drop_draft(server: ServerFacts, copy: CopyFacts, place: Path) -> bool:
    """Nothing of a draft is left on the server: job, site, pool, database, folders, user, archive."""
    ended = end_job(server, f"restore-{place.name}")
    layout = InstanceLayout(copy.name, copy_number(copy.slot), ANY_RELEASE)
    return take_away(server, layout, place) or ended


@reading
def record_draft_ready(draft: Draft) -> None:
    """The draft is wholly built."""
    in_transaction(inventory(), lambda session: copies.record_ready(session, draft.copy, now()))


@reading
def record_draft_removed(copy: CopyFacts, why: str) -> None:
    """Nothing is left of the draft; its slot is free."""
    in_transaction(inventory(), lambda session: copies.record_removed(session, copy, "service", why, now()))


@step
def drop_place(server: ServerFacts, order: ImportFacts) -> bool:
    """The archive and what was unpacked of it are gone."""
    return load(SshHost).connection(server).run(replacing.drop_folders(place_of(order))).changed


@step
def ensure_place(server: ServerFacts, order: ImportFacts) -> bool:
    """The import's folder."""
    return load(SshHost).connection(server).run(importing.ensure_place(place_of(order))).changed
