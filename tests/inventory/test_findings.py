"""Findings from look to look: the first day stays, what is gone is closed by its own look alone, a person may silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, findings
from hosting.inventory.models import Server
from hosting.inventory.session import in_transaction
from hosting.policy.inspection import (
    SERVICE,
    FleetFinding,
    KnownFinding,
    Look,
    Severity,
    Way,
    mend_by,
    not_looked,
    to_tell,
)
from hosting.policy.states import ServerState
from tests.inventory.words import HOUR, NOW, server, with_servers

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from hosting.inventory.session import Inventory

RAID = FleetFinding("app1", Look.RAID, "md1", Severity.GRAVE, "md1 of app1 is degraded.", "Replace it.")
SITE = FleetFinding("app1", Look.SITES, "evil", Severity.WRONG, "app1 has a site of evil.", "Ask.", "instance:evil")
BOTH = {Look.RAID, Look.SITES}


def look(
    inventory: Inventory, *found: FleetFinding, looks: Collection[Look] = BOTH, at: datetime = NOW, server: str = "app1"
) -> list[str]:
    stands = in_transaction(inventory, lambda session: findings.record_look(session, server, looks, found, at))
    return [one.key for one in stands]


def known(inventory: Inventory, key: str = RAID.key) -> KnownFinding:
    with inventory.reading() as session:
        return findings.finding(session, key)


def told(inventory: Inventory, at: datetime = NOW) -> list[str]:
    """What a letter would be about, which is sent."""
    with inventory.reading() as session:
        keys = [one.key for one in to_tell(findings.untold(session), at)]
    in_transaction(inventory, lambda session: findings.record_told(session, keys, at))
    return keys


def test_a_finding_that_is_there_again_keeps_its_first_day_and_its_words_are_the_newest(inventory: Inventory) -> None:
    assert look(inventory, RAID, SITE) == [RAID.key, SITE.key]
    later = replace(RAID, sentence="md1 of app1 is being rebuilt.", severity=Severity.WRONG)
    assert look(inventory, later, at=NOW + HOUR) == [RAID.key]
    one = known(inventory)
    assert (one.first_seen, one.last_seen, one.sentence) == (NOW, NOW + HOUR, later.sentence)
    assert known(inventory, SITE.key).gone_at == NOW + HOUR
    look(inventory, RAID, SITE, at=NOW + 2 * HOUR)
    back = known(inventory, SITE.key)
    assert (back.first_seen, back.gone_at) == (NOW, None)


def test_a_look_that_was_not_made_closes_nothing(inventory: Inventory) -> None:
    look(inventory, RAID, SITE)
    look(inventory, looks={Look.REACH}, at=NOW + HOUR)
    assert known(inventory).gone_at is None
    assert look(inventory, looks={Look.RAID}, at=NOW + HOUR) == [SITE.key]
    assert known(inventory).gone_at == NOW + HOUR


def test_that_a_look_could_not_be_made_stands_until_it_is_made(inventory: Inventory) -> None:
    unmade = not_looked("app1", Look.SMART, "smartctl hangs")
    look(inventory, unmade, looks={Look.RAID, Look.REACH})
    assert look(inventory, looks={Look.RAID, Look.REACH}, at=NOW + HOUR) == [unmade.key]  # the hourly look has none
    assert look(inventory, looks={Look.SMART}, at=NOW + 2 * HOUR) == []


def test_a_look_at_one_server_leaves_those_of_others_and_of_the_service(inventory: Inventory) -> None:
    service = replace(RAID, server=SERVICE, look=Look.BACKUPS)
    look(inventory, replace(RAID, server="app2"), server="app2")
    look(inventory, service, server=SERVICE, looks={Look.BACKUPS})
    look(inventory, at=NOW + HOUR)
    with inventory.reading() as session:
        assert [one.key for one in findings.standing(session)] == ["service:backups:md1", "app2:raid:md1"]
        assert [one.key for one in findings.standing(session, "app2")] == ["app2:raid:md1"]


def test_a_grave_finding_is_told_once_and_again_when_it_comes_back_or_grows_grave(inventory: Inventory) -> None:
    look(inventory, RAID, SITE)
    assert told(inventory) == [RAID.key]
    look(inventory, RAID, replace(SITE, severity=Severity.GRAVE), at=NOW + HOUR)
    assert told(inventory) == [SITE.key]
    look(inventory, RAID, at=NOW + 2 * HOUR)
    assert told(inventory) == []
    look(inventory, at=NOW + 3 * HOUR)
    look(inventory, RAID, at=NOW + 27 * HOUR)
    assert told(inventory) == [RAID.key]


def test_what_comes_and_goes_by_the_hour_is_told_once(inventory: Inventory) -> None:
    letters = []
    for hour in range(0, 72, 2):
        look(inventory, RAID, at=NOW + hour * HOUR)
        letters += told(inventory, NOW + hour * HOUR)
        look(inventory, at=NOW + (hour + 1) * HOUR)
    assert letters == [RAID.key]


def test_what_is_grave_and_less_grave_in_turn_is_told_once_a_day_and_no_more(inventory: Inventory) -> None:
    less, letters = replace(RAID, severity=Severity.WRONG), []
    for hour in range(0, 72, 2):
        look(inventory, RAID, at=NOW + hour * HOUR)
        letters += [hour for _ in told(inventory, NOW + hour * HOUR)]
        look(inventory, less, at=NOW + (hour + 1) * HOUR)
    assert letters == [0, 24, 48]


def test_of_a_server_that_is_retired_nothing_stands_and_a_look_that_comes_late_brings_nothing_back(
    inventory: Inventory,
) -> None:
    with_servers(inventory, server("app1"), server("app2"))
    look(inventory, RAID)
    look(inventory, replace(RAID, server="app2"), server="app2")
    with inventory.writing() as session:
        session.get_one(Server, "app1").state = ServerState.RETIRED
    assert look(inventory, SITE, at=NOW + HOUR) == []
    assert known(inventory).gone_at == NOW + HOUR
    with inventory.reading() as session:
        assert [one.key for one in findings.standing(session)] == ["app2:raid:md1"]


def test_what_is_silenced_is_not_told_until_its_days_are_over(inventory: Inventory) -> None:
    look(inventory, RAID)
    until = NOW + timedelta(days=3)
    in_transaction(inventory, lambda session: findings.silence(session, RAID.key, until, "ordered", "olga", NOW))
    assert told(inventory) == []
    one = known(inventory)
    assert (one.silenced_by, one.silenced_because) == ("olga", "ordered")
    with inventory.reading() as session:
        [deed] = [one for one in deeds.deeds_of(session, "server:app1") if one.what == findings.SILENCED]
    assert (deed.by, deed.why) == ("olga", "ordered")
    look(inventory, RAID, at=until)
    assert told(inventory, until) == [RAID.key]


def test_backups_and_domains_are_told_by_letters_of_their_own(inventory: Inventory) -> None:
    look(inventory, replace(RAID, server=SERVICE, look=Look.BACKUPS), server=SERVICE, looks={Look.BACKUPS})
    assert told(inventory) == []


def test_how_a_finding_is_mended_is_kept_and_what_was_done_recorded(inventory: Inventory) -> None:
    look(inventory, replace(SITE, mend=mend_by(Way.CRON, "app1", path="/etc/cron.d/phm-evil", instance="evil")))
    one = known(inventory, SITE.key)
    assert one.mend["path"] == "/etc/cron.d/phm-evil"
    assert one.do == "Ask. By your word: phm findings mend app1:sites:evil"
    in_transaction(
        inventory, lambda session: findings.record_mended(session, one, "Removed.", by="olga", why="left", now=NOW)
    )
    with inventory.reading() as session:
        assert [one.what for one in deeds.deeds_of(session, "instance:evil")] == [findings.MENDED]


def test_a_key_that_nobody_has_is_refused_with_a_way_out(inventory: Inventory) -> None:
    with inventory.reading() as session, pytest.raises(findings.UnknownFinding, match="phm findings"):
        findings.finding(session, "app9:raid:md0")
