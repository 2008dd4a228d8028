"""One server is broken in several ways at once: all of it is found, mended by word, and gone (P18)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hosting.commands.inspecting import OWN_FILES
from hosting.errors import Unreachable
from hosting.inventory import findings, instances, moves
from hosting.inventory.models import Instance
from hosting.policy.inspection import Look, Severity, looks_of, told_mend
from hosting.policy.states import InstanceState
from hosting.product.layout import InstanceLayout
from tasks.fleet_findings import record_findings, tell_grave_findings
from tasks.inspecting import look_at_server
from tasks.mending_findings import MendedByHand, drop_cron, drop_site, put_rights, read_mendable, start_unit
from tasks.servers import enrolment_files
from tests.commands.recorded import recorded
from tests.service.plans import Plan

if TYPE_CHECKING:
    from hosting.policy.inspection import FleetFinding, KnownFinding
    from hosting.policy.values import InstanceFacts
    from tasks.inspecting import Looked
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

FLOW = "flows.inspect_fleet."
NOW = datetime.now(UTC)


def look(service: Service, *looks: Look, root: str = "/") -> Looked:
    return look_at_server.fn(service.server(), looks or looks_of(light=False), root)


def inspect(service: Service, **wish: object) -> Outcome:
    return service.runner.run(Plan(flow=f"{FLOW}inspect_fleet", parameters=wish))


def mend(service: Service, key: str, **wish: object) -> Outcome:
    request = {"key": key, "operator": "olga", "reason": "seen", **wish}
    return service.runner.run(Plan(flow=f"{FLOW}mend_finding", parameters=request))


def of(instance: InstanceFacts, looked: Looked) -> dict[str, FleetFinding]:
    """What was found of an instance, by key without its server's name."""
    return {
        one.key.removeprefix(f"{one.server}:"): one
        for one in looked.found
        if one.subject == f"instance:{instance.name}"
    }


def letters(service: Service, instance: InstanceFacts) -> list[str]:
    """Titles of the letters to operators that tell of an instance."""
    mails = service.fleet.mails(service.settings.mail.operator)
    return [
        mail.subject.partition(" of the")[0]
        for mail in mails
        if instance.name in mail.text and "finding" in mail.subject
    ]


def stands(service: Service, server: str = "") -> dict[str, KnownFinding]:
    """What stands of a server, by key without its name."""
    name = server or service.host
    with service.inventory.reading() as session:
        return {one.key.removeprefix(f"{name}:"): one for one in findings.standing(session, name)}


def test_a_server_that_was_broken_in_several_ways_is_found_out_mended_by_word_and_well_again(service: Service) -> None:
    instance, host = service.provision(), service.host
    layout = InstanceLayout.of(instance)
    record_findings.fn([look(service)])
    tell_grave_findings.fn()
    before = set(stands(service))  # what other tests have left on the server
    assert not [key for key in before if instance.name in key]

    service.on("systemctl stop cron")
    service.on(f"chown {layout.user} {layout.pool_file}; chmod 666 {layout.gate_keeper}")
    service.on(f"mkdir -m 711 {layout.gate}; mariadb -e \"ALTER USER '{layout.database}'@localhost ACCOUNT LOCK\"")
    service.on("echo '# a stranger' >/etc/apache2/phm/instances/stranger.conf; useradd -u 31337 stranger")
    service.on("mariadb -e 'CREATE DATABASE phm_stranger; CREATE USER mallory@localhost'")
    service.on("echo '# left' >/etc/cron.d/phm-stranger")
    try:
        outcome = inspect(service, servers=[host], operator="olga", reason="a test")
        assert outcome.completed, outcome
        new = {key: one for key, one in stands(service).items() if key not in before}
        assert {key: one.severity for key, one in new.items()} == {
            f"closed:{instance.name}": Severity.GRAVE,
            "services:cron": Severity.WRONG,
            f"rights:{layout.pool_file}": Severity.WRONG,
            f"rights:{layout.gate_keeper}": Severity.WRONG,
            "sites:stranger": Severity.WRONG,
            "users:stranger": Severity.WRONG,
            "databases:phm_stranger": Severity.WRONG,
            "databases:user-mallory@localhost": Severity.WRONG,
            "cron:stranger": Severity.WRONG,
        }
        assert letters(service, instance) == ["1 grave finding"]
        record_findings.fn([look(service)])
        assert tell_grave_findings.fn() == 0  # told once

        assert "Nothing was changed" in mend(service, f"{host}:closed:{instance.name}", dry_run=True).message
        assert service.on(f"ls -d {layout.gate}")
        for key in (f"closed:{instance.name}", f"rights:{layout.pool_file}"):
            done = mend(service, f"{host}:{key}")
            assert done.completed, done
            assert done.message.endswith("It is gone.")
        assert start_unit.fn(service.server(), new["services:cron"].mend).changed
        assert put_rights.fn(service.server(), new[f"rights:{layout.gate_keeper}"].mend).changed
        with pytest.raises(MendedByHand):
            read_mendable.fn(f"{host}:users:stranger")
    finally:
        service.on("rm -f /etc/apache2/phm/instances/stranger.conf /etc/cron.d/phm-stranger; userdel stranger")
        service.on("mariadb -e 'DROP DATABASE phm_stranger; DROP USER mallory@localhost'")
    record_findings.fn([look(service)])
    assert set(stands(service)) == before
    with service.inventory.reading() as session:
        gone = [one for one in findings.all_findings(session, host) if one.key.removeprefix(f"{host}:") in new]
    assert len(gone) == len(new)
    assert all(one.gone_at and one.first_seen < one.gone_at for one in gone)


def test_of_an_instance_that_has_moved_away_or_ended_what_is_left_goes_by_word(service: Service) -> None:
    instance, source = service.provision(), service.host
    target = next(name for name in service.hosts if name != source)
    layout = InstanceLayout.of(instance)
    with (
        service.inventory.writing() as session
    ):  # as if it had moved, and the switch had not come through on its source
        moves.record_left(session, instance.name, source, target, why="a test", now=NOW, kept=True)
        instances.record_server(session, instance.name, target, "a test", NOW)
    found = of(instance, look(service, Look.SITES, Look.CRON, Look.USERS))
    assert {key: one.severity for key, one in found.items()} == {
        f"sites:{instance.name}": Severity.GRAVE, f"cron:{instance.name}": Severity.WRONG,
    }  # fmt: skip
    assert found[f"sites:{instance.name}"].sentence.endswith("two servers serve one instance.")
    record_findings.fn([look(service, Look.SITES)])
    done = mend(service, f"{source}:sites:{instance.name}")
    assert done.message.endswith("It is gone."), done
    assert drop_cron.fn(service.server(), found[f"cron:{instance.name}"].mend).changed
    assert of(instance, look(service, Look.SITES, Look.CRON)) == {}
    assert service.server(target).host_name in service.on(f"cat {layout.site_file}")

    with service.inventory.writing() as session:
        session.get_one(Instance, instance.name).state = InstanceState.ENDED
    site = of(instance, look(service, Look.SITES))[f"sites:{instance.name}"]
    assert told_mend(site.mend).startswith(f"On {source} the site {layout.site_file} is removed")
    assert drop_site.fn(service.server(), site.mend).changed
    left = of(instance, look(service, Look.SITES, Look.CRON, Look.USERS, Look.DATABASES, Look.FOLDERS))
    assert {one.severity for one in left.values()} == {Severity.WRONG}  # user, database, folders, pool: by hand
    assert service.on("systemctl is-active apache2").strip() == "active"


def test_a_degraded_array_is_found_from_what_the_kernel_wrote_to_the_operators_table(service: Service) -> None:
    root = "/tmp/phm-recorded"
    service.on(f"mkdir -p {root}/proc; cat >{root}/proc/mdstat <<'END'\n{recorded('mdstat-faulty.txt')}END\n")
    try:
        record_findings.fn([look(service, Look.RAID, root=root)])
        one = stands(service)["raid:md1"]
        assert one.severity is Severity.GRAVE
        assert "thrown out sda3" in one.sentence
        service.on(f"cat >{root}/proc/mdstat <<'END'\n{recorded('mdstat-rebuilding.txt')}END\n")
        record_findings.fn([look(service, Look.RAID, root=root)])
        rebuilt = stands(service)["raid:md1"]
        assert (rebuilt.severity, rebuilt.first_seen) == (Severity.WRONG, one.first_seen)
        service.on(f"cat >{root}/proc/mdstat <<'END'\n{recorded('mdstat-healthy.txt')}END\n")
        record_findings.fn([look(service, Look.RAID, root=root)])
        assert [key for key in stands(service) if key.startswith("raid:")] == []
    finally:
        service.on(f"rm -r {root}")


def test_a_server_that_is_silent_is_a_finding_and_the_others_are_looked_at(service: Service) -> None:
    host = service.host
    others = [name for name in service.hosts if name != host]
    service.fleet.cut(host)
    try:
        outcome = service.runner.run(Plan(flow=f"{FLOW}watch_fleet", retries=False))
    finally:
        service.fleet.heal(host)
    assert outcome.completed, outcome
    assert stands(service)["reach:silent"].severity is Severity.GRAVE
    assert all("reach:silent" not in stands(service, name) for name in others)
    assert service.runner.run(Plan(flow=f"{FLOW}watch_fleet")).completed
    assert "reach:silent" not in stands(service)
    with contextlib.suppress(Unreachable):
        look(service, Look.DISKS)  # this process's own connection was cut, too


def test_a_database_that_is_down_is_found_and_what_it_alone_could_tell_stays_as_it_was(service: Service) -> None:
    before = {one.key for one in look(service).found}
    with service.broken("systemctl stop mariadb", "systemctl start mariadb"):
        found = look(service)
    keys = {one.key.removeprefix(f"{service.host}:") for one in found.found if one.key not in before}
    assert {"database:down", "services:mariadb"} <= keys
    assert Look.DATABASES not in found.looks
    assert not [key for key in keys if key.startswith(("databases:", "users:", "sites:"))]


def test_what_is_looked_for_of_the_service_is_what_enrolment_writes(service: Service) -> None:
    written = {path: mode for path, (_, mode) in enrolment_files(service.server(), 1).items()}
    assert written == OWN_FILES
