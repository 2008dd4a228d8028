"""Where an instance has left something: servers, their databases, the zone, the store; listed, then cleared (P41)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from blocks.backup_store import BackupStore
from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from blocks.store_client import StoreRefused
from hosting.commands import leaving, mariadb, replacing
from hosting.errors import Unreachable
from hosting.inventory import copies, imports, moves, names, recovery_points, rehearsals, restores, retirement, servers
from hosting.inventory.deeds import SERVICE
from hosting.inventory.session import in_transaction
from hosting.inventory.turns import take_turn
from hosting.policy.leaving import Listing, listing_of
from hosting.policy.states import ServerState
from hosting.policy.values import NameKind
from hosting.product.layout import BACKUP, InstanceLayout
from tasks.copies import drop_copy
from tasks.drafts import drop_draft, is_draft, place_of_copy
from tasks.name_records import Naming, naming_of
from tasks.names import ensure_no_name_site
from tasks.own_domains import ensure_no_other_certificate
from tasks.records import inventory, now
from tasks.step import reading
from tasks.taking_away import take_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from hosting.commands.command import Command
    from hosting.policy.values import InstanceFacts, ServerFacts


Held = Sequence[Mapping[str, Any]]
"""Names as the end of a contract keeps them."""


SERVER, DATABASE = "server", "database"
"""What places on a server are called in the record, before its name."""


class StillLocked(Unreachable):
    """The store keeps what was written to it until its lock ends."""


@dataclass(frozen=True)
class Places:
    """Where an instance may have left something.

    Args:
        instance: which one.
        servers: those that ever had something of it and are still there.
        retired: those that had, and whose disks went with them.
        prefixes: where its backups and exports lie, and lay, in the store.
        named: the names that it ever had. A server that did not answer when one was taken away has its site still, and
            a domain's key.
    """

    instance: InstanceFacts
    servers: tuple[ServerFacts, ...]
    retired: tuple[ServerFacts, ...]
    prefixes: tuple[str, ...]
    named: tuple[Naming, ...] = ()


@dataclass(frozen=True)
class Place:
    """One place: what it is called in the record, how it is listed, how it is cleared."""

    name: str
    listed: Callable[[], Listing]
    clear: Callable[[], None]


@reading
def read_places(instance: InstanceFacts) -> Places:
    """Every place that the records name; servers that never had the instance are not asked."""
    with inventory().reading() as session:
        where = servers_of(session, instance)
        known = servers.all_servers(session)
        mine = [one for one in names.all_names(session) if one.instance_name == instance.name]
        named = tuple(naming_of(session, one) for one in mine)
    had = [one for one in known if one.name in where]
    prefixes = (*(f"{one.name}/{instance.name}/" for one in known), f"exports/{instance.name}/")
    living = tuple(one for one in had if one.state is not ServerState.RETIRED)
    return Places(instance, living, tuple(one for one in had if one.state is ServerState.RETIRED), prefixes, named)


def servers_of(session: Session, instance: InstanceFacts) -> set[str]:
    """The servers on which there ever was something of an instance, by the records.

    So there was on one that a restore which was given up had begun to prepare; and on one that stands in for a retired
    server is what passes its domain on.
    """
    found = {str(instance.server_name)}
    for move in moves.moves_of(session, instance.name):
        found |= {str(move.source_name), str(move.target_name)}
    found |= {str(one.server_name) for one in recovery_points.generations_of(session, instance.name)}
    found |= {str(one.server) for one in imports.all_imports(session, instance.name)}
    found |= {str(one.server_name) for one in rehearsals.rehearsals_of(session, instance.name)}
    found |= {str(one.server_name) for one in copies.all_copies(session) if one.instance_name == instance.name}
    found |= {one.server for one in restores.begun_restores(session) if one.instance == instance.name}
    had = [one for one in servers.all_servers(session) if one.name in found]
    return found | {str(retirement.stand_in(session, one).name) for one in had}


def places_of(held: Held, places: Places) -> list[Place]:
    """All places of an instance, in the order in which they are cleared.

    Args:
        held: the names that it had.
        places: where else there may be something.
    """
    instance = places.instance
    found = []
    for server in places.servers:
        found += [
            Place(
                f"{SERVER} {server.name}",
                lambda server=server: list_server(server, places),  # type: ignore[misc]  # bound at once
                lambda server=server: clear_server(server, places),  # type: ignore[misc]  # likewise
            ),
            Place(
                f"{DATABASE} {server.name}",
                lambda server=server: list_databases(server, instance),  # type: ignore[misc]  # likewise
                lambda server=server: clear_databases(server, instance),  # type: ignore[misc]  # likewise
            ),
        ]
    return [
        *found,
        Place("zone", lambda: list_zone(held, instance), lambda: clear_zone(held, instance)),
        Place("store", lambda: list_store(places.prefixes), lambda: clear_store(places.prefixes)),
    ]


def list_server(server: ServerFacts, places: Places) -> Listing:
    """Files, folders and the Unix user that are called after an instance or its names, with all that lies below."""
    ssh = load(SshHost).connection(server)
    paths, others = leaving.parse_traces(ssh.run(_traces(places)).out)
    return leaving.parse_tally(ssh.run(leaving.tally(paths, others)).out)


def list_databases(server: ServerFacts, instance: InstanceFacts) -> Listing:
    """Databases with their tables, and users."""
    layout, found = InstanceLayout.of(instance), list[tuple[str, int]]()
    with mariadb_of(load(SshHost).connection(server)) as database:
        for (name,) in database.rows(leaving.find_databases(layout.database)):
            found.append((f"database {name}", 0))
            found += [(f"{name}.{table}", int(size)) for table, size in database.rows(leaving.tables_in(name))]
        found += [(f"user {user}@{host}", 0) for user, host in database.rows(leaving.find_users(layout.database))]
    return listing_of(found)


def _traces(places: Places) -> Command:
    """The question for all that a server has of an instance."""
    return leaving.find_traces(places.instance.name, [one.name.id for one in places.named])


def clear_server(server: ServerFacts, places: Places) -> None:
    """Names' sites with domains' keys, copies and drafts, the instance itself, then whatever else is called so."""
    instance = places.instance
    for naming in places.named:
        ensure_no_name_site.fn(naming, server)
        ensure_no_other_certificate.fn(naming, server, all_gone=True)
    with inventory().reading() as session:
        beside = [one for one in copies.copies_on(session, server.name) if one.instance_name == instance.name]
    for copy in beside:
        if is_draft(copy):
            drop_draft.fn(server, copy, place_of_copy(copy))
        else:
            drop_copy.fn(server, copy.name)
        gone = partial(copies.record_removed, copy=copy, by=SERVICE, why="The instance is deleted.", now=now())
        in_transaction(inventory(), gone)
    take_away(server, InstanceLayout.of(instance), BACKUP / f"{instance.name}-restore")
    ssh = load(SshHost).connection(server)
    paths, _ = leaving.parse_traces(ssh.run(_traces(places)).out)
    if paths:
        ssh.run(replacing.drop_folders(*paths))
    ssh.run(leaving.forget_user(InstanceLayout.of(instance).user))


def clear_databases(server: ServerFacts, instance: InstanceFacts) -> None:
    """The instance's database, its copies', and what restores, imports and updates laid aside; with their users."""
    layout = InstanceLayout.of(instance)
    with mariadb_of(load(SshHost).connection(server)) as database:
        for (name,) in database.rows(leaving.find_databases(layout.database)):
            database.rows(mariadb.drop_database(name))
        for user, _ in database.rows(leaving.find_users(layout.database)):
            database.rows(mariadb.drop_user(user))


def list_zone(held: Held, instance: InstanceFacts) -> Listing:
    """Records of the names that it had; only how many, since a name may tell whose it was.

    What another instance has by now is that one's: a name that was never live is free at once, one that was after its
    rest.
    """
    zone = load(DnsZone)
    with inventory().reading() as session:
        own = [label for label in labels_of(held) if not is_of_another(session, label, instance)]
    there = sum(len(zone.records(label)) for label in own)
    return listing_of((f"record {number}", 0) for number in range(there))


def clear_zone(held: Held, instance: InstanceFacts) -> None:
    """No record of ours for a name that it had, unless another instance has it."""
    for label in labels_of(held):
        if load(DnsZone).records(label):
            in_transaction(inventory(), partial(_clear_label, label=label, instance=instance))


def labels_of(held: Held) -> list[str]:
    """The names in the service's zone among those that it had."""
    return [one["a_label"] for one in held if one["kind"] == NameKind.SUBDOMAIN]


def is_of_another(session: Session, label: str, instance: InstanceFacts) -> bool:
    """Whether a name is another instance's, on its way to or from it too."""
    return names.taken_by(session, label) not in {None, instance.name}


def _clear_label(session: Session, label: str, instance: InstanceFacts) -> None:
    """One name out of the zone, in its turn: nobody else gets it before the zone is without it."""
    take_turn(session, f"name:{label}")
    if not is_of_another(session, label, instance):
        ours = [ZoneRecord("CNAME", one.host_name.lower()) for one in servers.all_servers(session)]
        load(DnsZone).ensure(label, [], replacing=ours)


def list_store(prefixes: tuple[str, ...]) -> Listing:
    """All versions and delete markers of its backups and exports, hidden or not."""
    versions = load(BackupStore).versions
    found = [
        (f"{one.key} {one.id}", one.bytes)
        for prefix in prefixes
        for history in versions.below(prefix)
        for one in history
    ]
    return listing_of(found)


def clear_store(prefixes: tuple[str, ...]) -> None:
    """All versions of all objects gone, past the lock where the store allows it.

    Raises:
        StillLocked: it does not; tells until when it keeps them.
    """
    store, refused = load(BackupStore), list[str]()
    for prefix in prefixes:
        try:
            store.remove(prefix)
        except StoreRefused:
            until = store.versions.kept_until(prefix)
            refused.append(f"{until:%Y-%m-%d %H:%M} UTC" if until else "a moment that it does not tell")
    if refused:
        message = f"The store keeps backups under its lock until {max(refused)}; their keys are destroyed."
        raise StillLocked(message, "They are deleted once the lock has ended.")
