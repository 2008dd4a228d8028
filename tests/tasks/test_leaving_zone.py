"""What the zone says of the names of an instance goes with it, and nothing of a name that is another's by now (P29, P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from blocks import loading
from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.loading import load
from hosting.inventory import instances, names
from hosting.inventory.session import in_transaction
from hosting.policy.leaving import NOTHING
from hosting.policy.values import NameKind
from tasks.leaving_places import clear_zone, list_zone
from tests.inventory.words import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts

OURS = ZoneRecord("CNAME", "app1.phlymail.test")
THEIRS = {"kind": "domain", "a_label": "post.kunde.test", "as_ordered": "post.kunde.test"}


class KeptZone(DnsZone):
    """A zone that is kept in this process, with the real one's way of telling and of changing."""

    kept: dict[str, set[ZoneRecord]] = {}  # noqa: RUF012  # pydantic copies it

    def records(self, label: str) -> frozenset[ZoneRecord]:
        return frozenset(self.kept.get(label, ()))

    def ensure(
        self, label: str, wanted: Collection[ZoneRecord], *, replacing: Collection[ZoneRecord], ttl: int = 60
    ) -> bool:
        assert self.records(label) <= {*wanted, *replacing}, ttl
        self.kept[label] = set(wanted)
        return True


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        loading._LOADED[DnsZone] = KeptZone(zone="phlymail.test")
        yield inventory


def kept() -> dict[str, set[ZoneRecord]]:
    zone = load(DnsZone)
    assert isinstance(zone, KeptZone)
    return zone.kept


def held(*labels: str) -> list[dict[str, Any]]:
    return [{"kind": "subdomain", "a_label": label, "as_ordered": label} for label in labels]


def made(inventory: Inventory, order: str) -> InstanceFacts:
    name = opened(inventory, order, NOW)
    with inventory.reading() as session:
        return instances.instance_facts(session, name)


def test_records_of_its_names_go_and_what_a_name_server_elsewhere_says_is_not_asked(inventory: Inventory) -> None:
    instance = made(inventory, "A-1")
    kept().update({"anna": {OURS}, "berta": {OURS}})
    had = [*held("anna", "nobody"), THEIRS]
    assert list_zone(had, instance).count == 1
    clear_zone(had, instance)
    assert list_zone(had, instance) == NOTHING
    assert kept() == {"anna": set(), "berta": {OURS}}


def test_a_name_that_is_another_instances_by_now_stays_in_the_zone(inventory: Inventory) -> None:
    """One that was never live is free at once, so that somebody else may have it while the data are still kept."""
    gone, other = made(inventory, "A-1"), made(inventory, "A-2")
    in_transaction(
        inventory,
        lambda session: names.begin_assigning(
            session, other.name, NameKind.SUBDOMAIN, "anna", "anna", now=NOW, by="olga"
        ),
    )
    kept().update({"anna": {OURS}, "berta": {OURS}})
    had = held("anna", "berta")
    assert list_zone(had, gone).count == 1
    clear_zone(had, gone)
    assert kept() == {"anna": {OURS}, "berta": set()}
    assert list_zone(had, gone) == NOTHING


def test_a_name_that_the_instance_itself_still_has_goes(inventory: Inventory) -> None:
    instance = made(inventory, "A-1")
    in_transaction(
        inventory,
        lambda session: names.begin_assigning(
            session, instance.name, NameKind.SUBDOMAIN, "anna", "anna", now=NOW, by="olga"
        ),
    )
    kept()["anna"] = {OURS}
    clear_zone(held("anna"), instance)
    assert kept() == {"anna": set()}
