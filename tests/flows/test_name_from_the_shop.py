"""From a customer's wish to the address that he is reached by, and back: every part of the service is real (P26 to P29)."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from hosting.policy.labels import read_label
from hosting.policy.states import NameState
from tests.service import backups, names
from tests.service.at_the_console import Operator
from tests.service.names import Asked
from tests.service.whole import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(1500)]

DISPATCHED_SECONDS = 300
"""The clock looks each minute; so long it may take where the machine has much other work."""

SECONDS = 120
"""On such a machine; on one of its own it takes seconds (docs/figures.md)."""


def test_a_name_wished_for_in_the_shop_is_decided_on_reached_and_gone_again(service: Service) -> None:
    instance = service.provision()
    assert backups.back_up(service, instance).completed  # by night one would be due, and have its turn at the instance
    wished = names.own(service, "Lidl-Bücher")
    label = read_label(wished)
    host, operator = f"{label.a_label}.phlymail.test", Operator(service.home)
    mine, theirs = names.url(service, instance), f"https://{host}/"
    server = service.server(instance.server_name)
    with whole(service) as shop, Asked(mine, theirs) as asked:
        assert shop.wish(instance.order_reference, wished).content["taken"] == "waiting"
        (waits,) = wait_for(lambda: operator.json("name", "queue"), DISPATCHED_SECONDS)
        assert (waits["name"], waits["a_label"], waits["instance_name"]) == (label.name, label.a_label, instance.name)
        assert [(one["outcome"], "lidl" in one["sentence"]) for one in waits["findings"]] == [("flagged", True)]
        assert wait_for(lambda: letters(service, instance, "erhalten"), DISPATCHED_SECONDS)
        assert names.in_zone(label.a_label) == []

        began = time.monotonic()
        said = operator.phm("name", "release", str(waits["id"]), "--reason", "his shop has that name", "--yes")
        assert f"{instance.name} is at {theirs}" in said
        assert asked.goes_on(theirs)
        live_after = asked.first_good(theirs) - began
        assert names.in_zone(label.a_label) == [f"CNAME {server.host_name}"]
        assert len(letters(service, instance, f"unter {label.name}.phlymail.test erreichbar")) == 1

        began = time.monotonic()
        assert shop.unwish(instance.order_reference, wished).content["taken"] == "waiting"
        wait_for(lambda: names.held(service, instance) == {}, DISPATCHED_SECONDS)
        gone_after = asked.last_good(theirs) - began
        time.sleep(0.5)
    assert asked.seen[theirs][-1][1] != "401"
    assert names.last(service, label.a_label).state is NameState.GONE
    assert names.in_zone(label.a_label) == []
    for scheme in ("https", "http"):
        assert names.answer(host, server.address, scheme).status_code == 421
    assert len(letters(service, instance, f"{label.name}.phlymail.test ist entfernt")) == 1
    assert asked.failures(mine) == []
    sys.stdout.write(
        f"reached {live_after:.1f} s after the operator's word, gone {gone_after:.1f} s after the shop's; "
        f"{len(asked.seen[mine])} requests to the long form, none failed\n"
    )
    assert max(live_after, gone_after) < SECONDS


def letters(service: Service, instance: InstanceFacts, about: str) -> list[str]:
    """The subjects of the customer's letters that tell of something."""
    mails = service.fleet.mails(f"{instance.order_reference.lower()}@kunde.test")
    return [mail.subject for mail in mails if about in mail.subject]


def wait_for(look: Callable[[], Any], seconds: float) -> Any:
    """What there is to see, as soon as there is something."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not seen in {seconds} s"
        time.sleep(0.5)
    return seen
