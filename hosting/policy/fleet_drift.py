"""Where a server and the inventory contradict each other, both ways: what is missing, and what is left (P18).

Of an instance on which somebody works nothing is said: it may stand half done for good reason.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hosting.policy.fleet_expected import COPY, Standing
from hosting.policy.fleet_rights import closed, places
from hosting.policy.inspected import SiteKind
from hosting.policy.inspection import FleetFinding, Look, Severity, Way, mend_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hosting.policy.fleet_expected import Expected
    from hosting.policy.inspected import Seen

DATABASE = "phm_"
MOVER = "phm_move_"
"""How databases begin, and the users by which databases follow each other in a move."""

ASIDE = ("aside", "failed")
"""What replaced states are called beside an instance's database; the service drops them once their days are over."""

UNIX_USER = "phm-"
SITES = "/etc/apache2/phm/instances"
FOREIGN = "Find out whose it is (docs/runbooks/inspect-fleet.md, unknown things); nothing removes it by itself."
LEFT_OVER = "See whether anybody needs it, then remove it there (docs/runbooks/inspect-fleet.md, what is left over)."
OWNED = frozenset({Standing.HOME, Standing.COPY, Standing.COMING, Standing.KEPT})
"""What may have a user, a database and folders on a server."""

IS = {
    Standing.KEPT: "has moved away", Standing.LEFT: "has moved away", Standing.ENDED: "has ended",
    Standing.ELSEWHERE: "is on another server", Standing.UNKNOWN: "the inventory does not know",
    Standing.COPY: "is a copy", Standing.COMING: "is on its way here", Standing.HOME: "is here",
}  # fmt: skip


def drift(seen: Seen, expected: Expected) -> list[FleetFinding]:
    """Every contradiction between what a server has and what the inventory says of it.

    Args:
        seen: what the look has told; what it could not look at is not judged.
        expected: what the inventory says, as it was while the server was looked at (`across`).
    """
    parts = (_sites, _names, _users, _databases, _database_users, _followers, _cron, _folders, places, closed)
    return [finding for part in parts for finding in part(seen, expected)]


def _of(seen: Seen, look: Look, name: str, what: str = "") -> partial[FleetFinding]:
    """A finding about an instance, without its severity and sentences."""
    return partial(FleetFinding, seen.server, look, what or name, subject=f"instance:{name}")


def _sites(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Sites that serve what they must not, that are missing, or that nobody knows."""
    if seen.sites is None:
        return
    for name, (kind, target) in sorted(seen.sites.items()):
        if not expected.is_busy(name):
            yield from _of_site(seen, expected, name, kind, target)
    for home in expected.homes.values():
        if home.is_open and home.name not in seen.sites and not expected.is_busy(home.name):
            sentence = f"{home.name} is not served: {seen.server} has no site of it."
            do = "See what became of it: docs/runbooks/inspect-fleet.md, missing."
            yield _of(seen, Look.SITES, home.name)(severity=Severity.GRAVE, sentence=sentence, do=do)
    yield from _unowned(seen, expected, Look.SITES, ((name, f"pool {name}", "a PHP pool") for name in seen.pools))
    for path in seen.other_sites:
        sentence = f"{path} on {seen.server} is a site that the service has not written."
        yield FleetFinding(seen.server, Look.SITES, path, Severity.WRONG, sentence, FOREIGN)


def _of_site(seen: Seen, expected: Expected, name: str, kind: SiteKind, target: str) -> Iterator[FleetFinding]:
    """One site."""
    find, server, on = _of(seen, Look.SITES, name), seen.server, expected.now_on(name)
    standing = expected.standing(name)
    has_left = standing in {Standing.KEPT, Standing.LEFT}
    pass_on = mend_by(Way.FORWARD, server, instance=name, to=on) if has_left else {}
    if standing is Standing.HOME and kind is SiteKind.PASSES_ON:
        sentence = f"{server} passes requests for {name} on to {target}, though the inventory has it on {server}."
        do = f"Look at both before you touch anything; where {target} serves it: phm move found-switched {name}."
        yield find(Severity.GRAVE, sentence, do)
    elif standing is Standing.HOME and kind is SiteKind.SERVES and expected.homes[name].is_shut:
        sentence = f"{server} serves {name}, which is {expected.homes[name].state}."
        yield find(Severity.WRONG, sentence, f"Its run has to close it: phm case list, phm instance show {name}.")
    elif standing is Standing.COPY and kind is SiteKind.SERVES:
        sentence = f"The copy {name} on {server} is served to everybody."
        yield find(Severity.GRAVE, sentence, "Take it away: run drop-beside.")
    elif kind is SiteKind.SERVES and (has_left or standing in {Standing.COMING, Standing.ELSEWHERE}):
        sentence = f"{server} serves {name}, which is on {on or 'another server'}: two servers serve one instance."
        do = "What is written here is lost to the other: look at what was, then see that one alone serves."
        yield find(Severity.GRAVE, sentence, do, mend=pass_on)
    elif has_left and kind is not SiteKind.PASSES_ON:
        sentence = f"{server} does not pass requests for {name} on to {on}, where it is."
        yield find(Severity.WRONG, sentence, "Its old address was promised for the contract's life.", mend=pass_on)
    elif standing is Standing.ENDED and kind in {SiteKind.SERVES, SiteKind.PASSES_ON}:
        mend = mend_by(Way.SITE, server, path=f"{SITES}/{name}.conf", instance=name)
        yield find(Severity.WRONG, f"{server} still has a site of {name}, which has ended.", "It goes.", mend=mend)
    elif standing in {Standing.UNKNOWN, Standing.ELSEWHERE}:
        yield find(Severity.WRONG, f"{server} has a site of {name}, which {IS[standing]}.", FOREIGN)


def _names(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Files of names that are gone, or that were never ours."""
    for number, path in sorted(seen.name_sites.items()) if seen.sites is not None else ():
        if number not in expected.names:
            sentence = f"{path} on {seen.server} is the site of a name that no instance has."
            do = "The run clear-left-names takes it away within the hour; where it does not: phm case list."
            yield FleetFinding(seen.server, Look.SITES, path, Severity.WRONG, sentence, do)


def _users(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Unix users that are missing, have another number, or belong to nobody."""
    if seen.users is None:
        return
    for home in expected.homes.values():
        uid, find = seen.users.get(f"{UNIX_USER}{home.name}"), _of(seen, Look.USERS, home.name)
        if expected.is_busy(home.name) or uid == home.uid or (uid is None and not home.is_set_up):
            continue
        has = "is missing" if uid is None else f"has the number {uid} in place of {home.uid}"
        sentence = f"The Unix user {UNIX_USER}{home.name} on {seen.server} {has}."
        yield find(Severity.GRAVE, sentence, "Nothing of it works so: see docs/runbooks/inspect-fleet.md, missing.")
    ours = {user for user in seen.users if user.startswith(UNIX_USER)}
    named = ((user.removeprefix(UNIX_USER), user, f"the Unix user {user}") for user in sorted(ours))
    yield from _unowned(seen, expected, Look.USERS, named)
    for user in sorted(set(seen.users) - ours):
        sentence = f"The Unix user {user} on {seen.server} has a number of those that instances get."
        yield FleetFinding(seen.server, Look.USERS, user, Severity.WRONG, sentence, FOREIGN)


def _databases(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Databases that are missing, left, or belong to nobody."""
    if seen.databases is None:
        return
    for home in expected.homes.values():
        if f"{DATABASE}{home.name}" not in seen.databases and home.is_set_up and not expected.is_busy(home.name):
            sentence = f"The database of {home.name} is missing on {seen.server}."
            do = f"Bring the instance back from its last point: phm snapshots {home.name}, phm restore."
            yield _of(seen, Look.DATABASES, home.name)(Severity.GRAVE, sentence, do)
    for database in seen.databases:
        name, beside = instance_of(database)
        if not name:
            sentence = f"{seen.server} has a database {database}, which is none of the service's."
            yield FleetFinding(seen.server, Look.DATABASES, database, Severity.WRONG, sentence, FOREIGN)
        elif beside and not beside.startswith(ASIDE) and expected.standing(name) in OWNED:
            if not expected.is_busy(name):
                sentence = f"{seen.server} has a database {database}, which work on {name} has left."
                yield _of(seen, Look.DATABASES, name, database)(Severity.NOTE, sentence, LEFT_OVER)
        else:
            yield from _unowned(seen, expected, Look.DATABASES, [(name, database, f"the database {database}")])


def _database_users(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Database users that belong to nobody."""
    for full in seen.database_users if seen.databases is not None else ():
        user = full.partition("@")[0]
        name, called = instance_of(user)[0], f"the database user {full}"
        if user.startswith(MOVER):
            moved = user.removeprefix(MOVER)
            if not expected.is_busy(moved) and moved not in expected.moving:
                sentence = f"{seen.server} has the database user {full} of a move that is through."
                yield _of(seen, Look.DATABASES, moved, f"user {full}")(Severity.WRONG, sentence, LEFT_OVER)
        elif name:
            yield from _unowned(seen, expected, Look.DATABASES, [(name, f"user {full}", called)])
        else:
            sentence = f"{seen.server} has {called}, which is none of the service's."
            yield FleetFinding(seen.server, Look.DATABASES, f"user {full}", Severity.WRONG, sentence, FOREIGN)


def _followers(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """A replication that a move has left."""
    if seen.database and seen.database.followed and not expected.moving:
        sentence = f"MariaDB of {seen.server} still follows another server ({', '.join(seen.database.followed)})."
        do = "No move is under way there: look at SHOW ALL SLAVES STATUS, then STOP and RESET SLAVE … ALL."
        yield FleetFinding(seen.server, Look.DATABASE, "follows", Severity.WRONG, sentence, do)


def _cron(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Cron jobs that are left; one that is missing is told with the other files."""
    for name, path in sorted((seen.cron or {}).items()):
        standing, find = expected.standing(name), _of(seen, Look.CRON, name)
        home = expected.homes.get(name)
        if (home is not None and not home.is_shut) or expected.is_busy(name):
            continue
        is_ = f"is {home.state}" if home is not None else IS[standing]
        sentence = f"{seen.server} has a cron job of {name}, which {is_}."
        if standing in {Standing.HOME, Standing.KEPT, Standing.LEFT, Standing.ENDED}:
            mend = mend_by(Way.CRON, seen.server, path=path, instance=name)
            yield find(Severity.WRONG, sentence, "It would change a state that must stay as it is.", mend=mend)
        else:
            yield find(Severity.WRONG, sentence, FOREIGN)
    for user in seen.crontabs:
        sentence = f"{user} on {seen.server} has a crontab of its own; instances have none."
        yield FleetFinding(seen.server, Look.CRON, f"crontab {user}", Severity.WRONG, sentence, FOREIGN)


def _folders(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Folders that belong to nobody."""
    for folder, names in sorted((seen.folders or {}).items()):
        named = ((name, f"{folder}/{name}", f"the folder {folder}/{name}") for name in names)
        yield from _unowned(seen, expected, Look.FOLDERS, named)


def _unowned(
    seen: Seen, expected: Expected, look: Look, things: Iterable[tuple[str, str, str]]
) -> Iterator[FleetFinding]:
    """Things that a server has of what is not on it: the instance's name, what tells them apart, what they are."""
    for name, what, called in things:
        standing = expected.standing(name)
        if standing in OWNED or expected.is_busy(name):
            continue
        sentence = f"{seen.server} has {called}, of {name}, which {IS[standing]}."
        do = LEFT_OVER if standing in {Standing.LEFT, Standing.ENDED} else FOREIGN
        severity = Severity.NOTE if standing is Standing.LEFT else Severity.WRONG  # who has ended is owed that all goes
        yield _of(seen, look, name, what)(severity, sentence, do)


def instance_of(database: str) -> tuple[str, str]:
    """The instance or copy that a database or its user belongs to, and what it is beside that one's own.

    Both are empty for a name that is none of the service's.
    """
    rest = database.removeprefix(DATABASE)
    if rest == database or not rest:
        return "", ""
    if COPY.fullmatch(rest):
        return rest, ""
    name, _, beside = rest.partition("_")
    return name, beside
