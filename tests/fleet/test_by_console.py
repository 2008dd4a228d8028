"""The README's demo, and then an operator's night: backup, restore, rehearsal, move, bookings, by the console and a real worker."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.service.at_the_console import Operator
from tests.service_fixture import alone_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet import Fleet

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

MOVED_SECONDS = 150


@pytest.fixture(scope="module")
def operator(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator who has all servers of the fleet to himself: the demo empties them."""
    made = Operator(tmp_path_factory.mktemp("operator") / "home")
    with alone_on(fleet, tuple(host["name"] for host in fleet.description()["hosts"])):
        try:
            yield made
        finally:
            made.phm("down", "--now")


def test_the_demo_opens_an_instance_and_an_operator_sees_to_it(operator: Operator) -> None:
    said = operator.phm("demo")
    name = found(r"https://app\d\.phlymail\.test/(\w+)/", said)
    assert "s after the payment" in said
    assert "/access/" in said

    for why in ("before the works", "after the works"):
        operator.phm("backup", name, "--reason", why)
    points = [row["point"] for row in operator.json("snapshots", name)]
    assert len(points) == 2

    dry = operator.phm("restore", name, points[0], "--reason", "asked by the customer")
    assert "--yes" in dry
    assert name in operator.phm("restore", name, points[0], "--reason", "asked by the customer", "--yes")
    assert name in operator.phm("rehearse", name)

    before = server_of(operator, name)
    target = "app2" if before == "app1" else "app1"
    assert "--yes" in operator.phm("move", "run", name, target, "--reason", "agreed by phone", "--because", "a test")
    assert server_of(operator, name) == before
    operator.phm("move", "run", name, target, "--reason", "agreed by phone", "--because", "a test", "--yes")
    assert wait_for(operator, name, target), operator.phm("move", "status", name)

    assert "--yes" in operator.phm("booking", "add", name, "--accounts", "1")
    booked = len(operator.json("booking", "list", name)["bookings"])
    operator.phm("booking", "add", name, "--accounts", "1", "--reason", "his mail of today", "--yes")
    assert len(operator.json("booking", "list", name)["bookings"]) == booked + 1


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text[-2000:]
    return match.group(1)


def server_of(operator: Operator, name: str) -> str:
    return str(next(row["server"] for row in operator.json("instance", "list") if row["name"] == name))


def wait_for(operator: Operator, name: str, target: str) -> bool:
    """Whether the instance comes to the target in time: the dispatcher looks once a minute."""
    deadline = time.monotonic() + MOVED_SECONDS
    while server_of(operator, name) != target:
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True
