"""How a server is: what its arrays, disks, services, database, clock, packages and mail queue ask of a person (P18)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from hosting.policy.engines import ends_soon
from hosting.policy.enrolment import CLOCK_SECONDS
from hosting.policy.inspection import FleetFinding, Look, Severity, Way, mend_by, not_looked
from hosting.policy.months import day_of
from hosting.policy.quota import without_fence
from hosting.policy.server_updates import needs_reboot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hosting.policy.inspected import ArrayFacts, DatabaseHealth, DiskHealth, Seen

FULL_PERCENT, NEARLY_PERCENT = 97.0, 90.0
"""A file system, or its inodes, so full stops writers soon; from the lower one on it is told."""

WORN_PERCENT = 90
"""A disk that has used so much of what its maker says that it stands is replaced in time."""

OPEN_FOR_LONG = {True: 3600, False: 12 * 3600}
"""Seconds for which a transaction may be open: of an instance's user, and of others, whose dumps take their time."""

MAIL_MOST = 20
"""So many letters may wait in a server's queue: a relay is away now and then."""

CERTIFICATE_GRAVE, CERTIFICATE_SOON = timedelta(days=7), timedelta(days=30)
"""Before the end of the certificate of a server's own name."""

SHOWN = 5
INSTANCE_USER = "phm_"
NEEDED = frozenset({"apache2", "php8.2-fpm", "mariadb"})
"""Without these units no customer is served; the others are wanted, too."""

RAID_HELP = "docs/runbooks/inspect-fleet.md, RAID"
SMART_HELP = "docs/runbooks/inspect-fleet.md, a disk that fails."


def health(seen: Seen, arrays_before: Collection[str] = (), *, has_fence: bool = True) -> list[FleetFinding]:
    """Everything about a server that needs nothing but the server itself to be judged.

    Args:
        seen: what the look has told.
        arrays_before: the arrays that it had when it was enrolled, by name.
        has_fence: whether its kernel keeps instances' files within limits.
    """
    finds = (
        partial(_raid, arrays_before=arrays_before), _smart, _disks, partial(_fence, has_fence=has_fence), _services,
        _database, _clock, _packages, _certificate, _mail,
    )  # fmt: skip
    found = [finding for find in finds for finding in find(seen)]
    down = seen.database is not None and not seen.database.up
    unmade = {look: why for look, why in sorted(seen.failed.items()) if not (down and look == Look.DATABASES)}
    return [*found, *(not_looked(seen.server, Look(look), why) for look, why in unmade.items())]


def _raid(seen: Seen, arrays_before: Collection[str]) -> Iterator[FleetFinding]:
    """What arrays lack."""
    if seen.arrays is None:
        return
    there = {one.name for one in seen.arrays}
    for one in seen.arrays:
        if told := _of_array(seen.server, one):
            severity, sentence, do = told
            yield FleetFinding(seen.server, Look.RAID, one.name, severity, sentence, do)
    missing = sorted({*arrays_before, *seen.arrays_named} - there)
    if not there and not missing and not seen.virtual and seen.system is not None:
        sentence = f"{seen.server} has disks of its own, and its kernel knows no array: one may hold all data."
        do = f"See that a controller mirrors them and silence this, or set up an array: {RAID_HELP}, no array at all."
        yield FleetFinding(seen.server, Look.RAID, "none", Severity.WRONG, sentence, do)
    for name in missing:
        severity = Severity.GRAVE if name in arrays_before else Severity.WRONG
        by = "it was enrolled with" if name in arrays_before else "/etc/mdadm/mdadm.conf names"
        sentence = f"{seen.server} does not have the array {name}, which {by}."
        do = f"Look at what became of its disks (lsblk; mdadm --examine --scan): {RAID_HELP}, a missing array."
        yield FleetFinding(seen.server, Look.RAID, name, severity, sentence, do)


def _of_array(server: str, one: ArrayFacts) -> tuple[Severity, str, str] | None:
    """What an array lacks, and what to do; None where it is whole."""
    called = f"The array {one.name}{f' ({one.level})' if one.level else ''} of {server}"
    lacks = f"{one.working} of {one.wanted} disks work"
    thrown = f"; the kernel has thrown out {', '.join(one.failed)}" if one.failed else ""
    if one.is_lost:
        runs = "is not running" if not one.active else f"has failed: {lacks}{thrown}"
        do = f"Write nothing to it. Bring its disks back, or evacuate the server: {RAID_HELP}, a failed array."
        return Severity.GRAVE, f"{called} {runs}.", do
    if one.is_degraded and one.is_rebuilding:
        sentence = f"{called} is being rebuilt ({_far(one)}); another failed disk would lose data."
        return Severity.WRONG, sentence, "Leave it alone until it is through; this finding goes then."
    if one.is_degraded:
        do = f"Have the disk replaced and added again: {RAID_HELP}, a degraded array."
        return Severity.GRAVE, f"{called} is degraded: {lacks}{thrown}.", do
    return _of_whole(called, one)


def _of_whole(called: str, one: ArrayFacts) -> tuple[Severity, str, str] | None:
    """What an array lacks that has all its disks, and what to do."""
    if one.failed:
        do = f"Have it replaced: {RAID_HELP}, a degraded array."
        return Severity.WRONG, f"{called} has thrown out {', '.join(one.failed)}; a spare took its place.", do
    if one.read_only:
        do = f"See why (dmesg), then: mdadm --readwrite /dev/{one.name}."
        return Severity.GRAVE, f"{called} takes no writes.", do
    if one.unsound:
        copied = f"; a spare takes its place ({_far(one)})" if one.is_rebuilding else ""
        sentence = f"{called} is whole but for what {', '.join(one.unsound)} failed to write{copied}."
        return Severity.WRONG, sentence, f"Have it replaced: {RAID_HELP}, a disk that failed to write."
    return _of_copies(called, one) if one.differing else None


def _of_copies(called: str, one: ArrayFacts) -> tuple[Severity, str, str]:
    """What is to be known of an array whose disks did not say the same, and what to do."""
    help_ = f"{RAID_HELP}, disks that differ."
    if one.made_equal:
        sentence = (
            f"{called} had {one.differing} sectors that differed between its disks, and a repair made them equal."
        )
        return Severity.WRONG, sentence, f"Nobody knows whether the right copy was kept. Have it checked again: {help_}"
    sentence = f"{called} is whole, and its last check found {one.differing} sectors that differ between its disks."
    return Severity.WRONG, sentence, f"See which disk is to be trusted (smartctl -x), then repair and check: {help_}"


def _far(one: ArrayFacts) -> str:
    """How far it is with what it is at."""
    far = "waits for its turn" if one.percent is None else f"is {one.percent:.1f} percent through"
    return f"{one.action} {far}{f', done in {one.finish}' if one.finish else ''}"


def _smart(seen: Seen) -> Iterator[FleetFinding]:
    """What disks say of themselves."""
    if Look.SMART in seen.failed:
        return
    if seen.disks is None:
        if seen.arrays is not None and not seen.virtual and seen.use is not None and seen.system is not None:
            sentence = f"{seen.server} has disks of its own, and no smartctl to ask them."
            yield FleetFinding(
                seen.server, Look.SMART, "not asked", Severity.NOTE, sentence, "Install smartmontools there."
            )
        return
    for one in seen.disks:
        what = one.serial or one.device
        find = partial(FleetFinding, seen.server, Look.SMART, what)
        replace = "Order another one now, see that its array is whole, then have it changed: " + SMART_HELP
        if ill := _failing(one):
            yield find(Severity.GRAVE, f"The disk {one.named} of {seen.server} is failing: {'; '.join(ill)}.", replace)
        elif ill := _ailing(one):
            yield find(Severity.WRONG, f"The disk {one.named} of {seen.server} ails: {'; '.join(ill)}.", replace)
        elif told := _told_only(one):
            do = "Look at it again in some weeks (smartctl -x); replace it once that grows."
            yield find(Severity.NOTE, f"The disk {one.named} of {seen.server}: {'; '.join(told)}.", do)


def _failing(one: DiskHealth) -> list[str]:
    """Signs that a disk goes soon."""
    said = ["its own verdict is that it fails"] if one.passed is False else []
    said += [f"{name} is below its threshold" for name in one.failing]
    if one.spare_percent is not None and one.spare_percent < one.spare_least:
        said.append(f"{one.spare_percent} percent of its spare room are left")
    return said + list(one.warnings)


def _ailing(one: DiskHealth) -> list[str]:
    """Signs that a disk loses data, or will."""
    counted = ("pending", "uncorrectable", "media errors")
    said = [f"{one.counts[name]} sectors {name}" if name != "media errors" else f"{one.counts[name]} media errors"
            for name in counted if one.counts.get(name)]  # fmt: skip
    if one.worn_percent is not None and one.worn_percent >= WORN_PERCENT:
        said.append(f"{one.worn_percent} percent of what it stands are used")
    return said + ([f"its last self-test: {one.self_test}"] if one.self_test else [])


def _told_only(one: DiskHealth) -> list[str]:
    """What a person should know of a disk."""
    said = [f"it can't be asked ({one.complaint})"] if one.complaint else []
    said += [f"{count} sectors reallocated" for name, count in one.counts.items() if name == "reallocated" and count]
    return said + [f"{name} was below its threshold once" for name in one.failed_before]


def _disks(seen: Seen) -> Iterator[FleetFinding]:
    """What file systems lack."""
    for one in seen.use or ():
        find = partial(FleetFinding, seen.server, Look.DISKS)
        if one.read_only:
            sentence = f"{one.path} of {seen.server} is mounted read-only."
            yield find(
                f"{one.path} read-only", Severity.GRAVE, sentence, "Look at dmesg: the kernel does so after errors."
            )
        for what, percent in (("room", one.used_percent), ("inodes", one.inodes_percent)):
            if percent < NEARLY_PERCENT:
                continue
            severity = Severity.GRAVE if percent >= FULL_PERCENT else Severity.WRONG
            left = f"; {one.free_bytes / 2**30:.1f} GiB are free" if what == "room" else ""
            sentence = f"{one.path} of {seen.server} has {percent:.0f} percent of its {what} in use{left}."
            do = f"See what grew (phm storage; du -x {one.path}); move instances away: phm move plan."
            yield find(f"{one.path} {what}", severity, sentence, do)


def _fence(seen: Seen, *, has_fence: bool) -> Iterator[FleetFinding]:
    """Whether anything but the product stops who stores more than is booked."""
    if seen.use is not None and not has_fence:
        do = "Know it: docs/runbooks/bookings.md, what stops an instance that is full. With btrfs on /srv it would."
        yield FleetFinding(seen.server, Look.DISKS, "no fence", Severity.NOTE, without_fence(seen.server), do)


def _services(seen: Seen) -> Iterator[FleetFinding]:
    """Units that don't run."""
    for unit, state in sorted((seen.units or {}).items()):
        severity = Severity.GRAVE if unit in NEEDED else Severity.WRONG
        find = partial(FleetFinding, seen.server, Look.SERVICES, unit, severity, f"{unit} of {seen.server} is {state}.")
        yield find(
            f"See why (journalctl -u {unit}), then have it started.",
            mend=mend_by(Way.START, seen.server, unit=unit),
        )
    for unit in seen.failed_units:
        sentence = f"The unit {unit} of {seen.server} has failed; it is none that instances rest on."
        do = f"See why (journalctl -u {unit}); once it is no matter: systemctl reset-failed {unit}."
        yield FleetFinding(seen.server, Look.SERVICES, unit, Severity.NOTE, sentence, do)


def _database(seen: Seen) -> Iterator[FleetFinding]:
    """What MariaDB is ill of."""
    if (one := seen.database) is None:
        return
    find = partial(FleetFinding, seen.server, Look.DATABASE)
    if not one.up:
        yield find(
            "down", Severity.GRAVE, f"MariaDB of {seen.server} does not answer: {one.said}.",
            "Look at its log (journalctl -u mariadb) and at the room on /var/lib/mysql; then start it.",
        )  # fmt: skip
        return
    if one.broken:
        many = len(one.broken) - SHOWN
        named = ", ".join(one.broken[:SHOWN]) + (f" and {many} more" if many > 0 else "")
        yield find(
            "broken tables", Severity.GRAVE, f"MariaDB of {seen.server} can't read tables: {named}.",
            "Try CHECK TABLE and REPAIR TABLE there; else bring the instance back from a point (phm restore).",
        )  # fmt: skip
    yield from _long(seen.server, one)


def _long(server: str, one: DatabaseHealth) -> Iterator[FleetFinding]:
    """Transactions that are open for long, told once a user."""
    longest: dict[str, tuple[int, str]] = {}
    for open_one in one.transactions:
        if open_one.seconds > OPEN_FOR_LONG[open_one.user.startswith(INSTANCE_USER)]:
            longest[open_one.user] = max(longest.get(open_one.user, (0, "")), (open_one.seconds, open_one.database))
    for user, (seconds, _) in sorted(longest.items()):
        sentence = f"A transaction of {user} on {server} is open for {seconds / 3600:.1f} hours; old rows pile up."
        do = "Look at what it does (SHOW FULL PROCESSLIST), and end it (KILL) if nobody waits for it."
        yield FleetFinding(server, Look.DATABASE, f"long transaction {user}", Severity.WRONG, sentence, do)


def _clock(seen: Seen) -> Iterator[FleetFinding]:
    """Whether the clock is right, and kept so."""
    find, do = partial(FleetFinding, seen.server, Look.CLOCK), "Look at chronyc tracking (or timedatectl) there."
    if seen.clock_off is not None and abs(seen.clock_off) > CLOCK_SECONDS:
        ahead = "ahead of" if seen.clock_off > 0 else "behind"
        sentence = f"The clock of {seen.server} is {abs(seen.clock_off):.1f} s {ahead} the control machine's."
        yield find("off", Severity.WRONG, sentence, f"{do} Signatures and leases compare times.")
    if seen.clock_kept is False and not seen.virtual:
        yield find("not kept", Severity.NOTE, f"Nothing keeps the clock of {seen.server} by a time server.", do)


def _packages(seen: Seen) -> Iterator[FleetFinding]:
    """What packages wait for, and how long what is installed gets fixes."""
    find, server = partial(FleetFinding, seen.server, Look.PACKAGES), seen.server
    if (system := seen.system) is not None:
        if system.half_done:
            sentence = f"Packages of {server} are half installed: {', '.join(system.half_done[:SHOWN])}."
            yield find("half done", Severity.WRONG, sentence, f"Have it finished: phm server update {server}.")
        if why := needs_reboot(system):
            sooner = f"phm server update {server} --reboot --urgent --reason …."
            do = f"The nightly run reboots it in its turn; sooner: {sooner}"
            yield find("reboot", Severity.NOTE, f"{server} waits for a reboot. {why}", do)
        for said in ends_soon(system.distribution, system.packages, day_of(seen.at), covered=False):
            name = said.partition(" gets ")[0]
            yield find(f"support {name}", Severity.WRONG, f"{server}: {said}", "Plan its upgrade, or another server.")
    if seen.offered is not None and (waiting := [one.name for one in seen.offered.changes if one.is_security]):
        named = ", ".join(waiting[:SHOWN]) + (f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else "")
        sentence = f"Security updates wait on {server}: {named}."
        do = f"See why the night did not make them (phm case list), then: phm server update {server}."
        yield find("security updates", Severity.WRONG, sentence, do)


def _certificate(seen: Seen) -> Iterator[FleetFinding]:
    """How long the certificate lasts that a server has for its own name."""
    if seen.certificate_ends is None or (left := seen.certificate_ends - seen.at) > CERTIFICATE_SOON:
        return
    severity = Severity.GRAVE if left <= CERTIFICATE_GRAVE else Severity.WRONG
    ends = "ended" if left <= timedelta(0) else "ends"
    sentence = f"The certificate that {seen.server} has for its own name {ends} on {seen.certificate_ends:%Y-%m-%d}."
    do = "Enter a new one in settings.toml (certificate_pem), run phm up, then phm server add again for each."
    yield FleetFinding(seen.server, Look.CERTIFICATE, "own name", severity, sentence, do)


def _mail(seen: Seen) -> Iterator[FleetFinding]:
    """Letters that wait."""
    if seen.mail_waiting is not None and seen.mail_waiting > MAIL_MOST:
        sentence = f"{seen.mail_waiting} letters wait in the mail queue of {seen.server}."
        do = "See whom they are for and why (mailq): an instance that sends too much, or a relay that is away."
        yield FleetFinding(seen.server, Look.MAIL, "queue", Severity.WRONG, sentence, do)
