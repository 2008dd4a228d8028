"""The zone is changed by signed updates, read back, and nobody else's records are touched (P29)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from blocks.dns_zone import DnsZone, ZoneNotKept, ZoneRecord, ZoneRefuses
from hosting.errors import DriftFound, Unreachable
from tests.blocks.name_server import KEY, KEY_NAME, ZONE, Zone, name_server

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, SECOND = (ZoneRecord("CNAME", f"{name}.{ZONE}") for name in ("app1", "app2"))
OURS = (FIRST, SECOND)


@pytest.fixture
def kept() -> Iterator[Zone]:
    with name_server() as zone:
        yield zone


def block(kept: Zone, **changes: object) -> DnsZone:
    values = {"zone": ZONE, "address": "127.0.0.1", "port": kept.port, "key_name": KEY_NAME, "key": SecretStr(KEY)}
    return DnsZone.model_validate({**values, **changes})


def test_a_name_is_there_at_once_and_a_second_time_nothing_is_changed(kept: Zone) -> None:
    zone = block(kept)
    assert zone.records("muster") == frozenset()
    assert zone.ensure("muster", [FIRST], replacing=OURS)
    assert zone.records("muster") == {FIRST}
    assert not zone.ensure("muster", [FIRST], replacing=OURS)
    assert kept.updates == 1


def test_a_name_follows_to_another_server_in_one_update(kept: Zone) -> None:
    zone = block(kept)
    zone.ensure("muster", [FIRST], replacing=OURS)
    assert zone.ensure("muster", [SECOND], replacing=OURS)
    assert (zone.records("muster"), kept.updates) == ({SECOND}, 2)


def test_a_name_that_is_taken_away_is_gone_and_stays_gone(kept: Zone) -> None:
    zone = block(kept)
    zone.ensure("muster", [FIRST], replacing=OURS)
    assert zone.ensure("muster", [], replacing=OURS)
    assert zone.records("muster") == frozenset()
    assert not zone.ensure("muster", [], replacing=OURS)


def test_addresses_of_a_server_are_several_records_of_one_name(kept: Zone) -> None:
    wanted = {ZoneRecord("A", "192.0.2.7"), ZoneRecord("AAAA", "2001:db8::7")}
    assert block(kept).ensure("app7", wanted, replacing=())
    assert block(kept).records("app7") == wanted


@pytest.mark.parametrize(("kind", "value"), [("A", "192.0.2.9"), ("TXT", '"v=spf1 -all"'), ("MX", "10 mail.example.")])
@pytest.mark.parametrize("wanted", [[FIRST], []])
def test_what_the_service_did_not_write_is_never_replaced(
    kept: Zone, kind: str, value: str, wanted: list[ZoneRecord]
) -> None:
    kept.write("muster", kind, value)
    with pytest.raises(DriftFound, match=rf"records for muster that the service did not write: {kind}"):
        block(kept).ensure("muster", wanted, replacing=OURS)
    assert kept.updates == 0


def test_what_comes_between_reading_and_changing_is_seen_by_the_name_server(kept: Zone) -> None:
    kept.before_update = lambda: kept.write("muster", "A", "192.0.2.9")
    with pytest.raises(DriftFound, match="did not write: A 192"):
        block(kept).ensure("muster", [FIRST], replacing=OURS)
    assert kept.updates == 0


def test_another_run_that_does_the_same_meanwhile_is_no_trouble(kept: Zone) -> None:
    kept.before_update = lambda: kept.write("muster", "CNAME", f"{FIRST.value}.")
    assert not block(kept).ensure("muster", [FIRST], replacing=OURS)


def test_a_change_that_is_taken_and_not_made_is_told(kept: Zone) -> None:
    kept.forgets = True
    with pytest.raises(ZoneRefuses, match="says nothing of muster after the change"):
        block(kept).ensure("muster", [FIRST], replacing=OURS)


def test_a_key_without_the_right_is_told(kept: Zone) -> None:
    kept.refuses = True
    with pytest.raises(ZoneRefuses, match=r"refused a change of muster: REFUSED\."):
        block(kept).ensure("muster", [FIRST], replacing=OURS)


def test_a_name_server_that_keeps_another_zone_is_told(kept: Zone) -> None:
    kept.authoritative = False
    with pytest.raises(ZoneRefuses, match="does not keep phlymail"):
        block(kept).records("muster")


def test_a_name_server_that_hangs_up_may_heal_and_the_key_is_never_told(kept: Zone) -> None:
    other = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMzI="
    with pytest.raises(Unreachable, match="does not answer") as raised:
        block(kept, key=SecretStr(other)).ensure("muster", [FIRST], replacing=OURS)
    assert other not in str(raised.value)
    assert KEY not in repr(block(kept))


def test_without_a_name_server_in_the_settings_nothing_is_asked(kept: Zone) -> None:
    with pytest.raises(ZoneNotKept, match=r"Fill in \[dns\]"):
        block(kept, address="").records("muster")


def test_a_name_of_letters_beyond_ascii_is_its_a_label(kept: Zone) -> None:
    zone = block(kept)
    assert zone.ensure("xn--bcher-kva", [FIRST], replacing=OURS)
    assert zone.records("xn--bcher-kva") == {FIRST}
