"""While an instance moves a user logs in, reads mail, saves, uploads: nothing read is wrong, nothing acknowledged missing."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import pytest

from hosting.product.layout import InstanceLayout
from tests.service import moves
from tests.service.at_work import AtWork
from tests.service.mailbox_data import fill, missing
from tests.service.moves import Customer, Sides, check_moved, other

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

PLACES = """
SELECT f.friendly_name, CONCAT_WS("/", NULLIF(d.folder_path, ""), f.file_name) FROM phlymail_files_index f
JOIN phlymail_files_folders d ON d.idx = f.folder_id WHERE f.uid = {uid}
"""


def uploads_lost(service: Service, instance: InstanceFacts, customer: Customer) -> list[str]:
    """The files that were acknowledged, and that are not on the disk as they were put, or not known to the database."""
    layout = InstanceLayout.of(instance)
    asked = f"mariadb -NBe 'SELECT uid FROM phlymail_user WHERE username=\"{customer.name}\"' {layout.database}"
    uid = service.on(asked, instance.server_name).strip()
    rows = service.on(f"mariadb -NBe '{PLACES.format(uid=uid)}' {layout.database}", instance.server_name)
    places = dict(line.split("\t") for line in rows.splitlines())
    sums = {
        f"{layout.storage}/user/{uid}/files/{places[name]}": hashlib.sha256(content).hexdigest()
        for name, content in customer.kept.items() if name in places
    }  # fmt: skip
    lines = "".join(f"{found}  {path}\n" for path, found in sums.items())
    told = service.fleet.run(instance.server_name, "sha256sum -c --quiet 2>&1", text_in=lines)
    return [*sorted(set(customer.kept) - set(places)), *told.stdout.splitlines()]


@pytest.mark.timeout(900)
def test_who_works_while_his_instance_moves_is_told_nothing_wrong_and_finds_all_that_he_was_told_is_kept(
    service: Service,
) -> None:
    moves.known_by_name(service)
    service.only_server(service.hosts[0])
    before = service.provision()
    service.all_servers()
    sides = Sides(service, service.hosts[0], service.hosts[1])
    mailbox = fill(service, before)
    move = moves.plan(service, before, other(sides, before))
    with Customer(service, before, move.target_name) as customer, AtWork(service, before) as user:
        outcome = moves.run(service, move)
        customer.goes_on()
        user.goes_on()
    check_moved(sides, before, outcome, move.id)
    after, stop = moves.now_on(service, before), moves.facts(service, move).stop_seconds
    waited = ", ".join(f"{what} {one.longest:.2f} s ({len(one.well)} times)" for what, one in user.tries.items())
    sys.stdout.write(f"closed {stop} s; the longest wait: upload {customer.longest:.2f} s, {waited}\n")
    for what, one in user.tries.items():
        assert len(one.well) > 10, what
        assert one.said_otherwise == set(), what
        assert one.times_closed <= 1, (what, one.made)
    assert user.missing_in(after) == set()
    assert uploads_lost(service, after, customer) == []
    for address in (after, before):  # where it is, and where he knows it from
        assert customer.missing_at(address) == []
    assert missing(service, mailbox, after) == missing(service, user.mailbox, after) == []
    assert customer.served_by_both() == []
