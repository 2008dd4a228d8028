from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleet import guard
from fleet.errors import CannotRunHere
from fleet.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("code", "answer", "inside"),
    [
        (2, "", True),
        (0, "10.77.0.11 dev br-fleet src 10.77.0.1 uid 0 \n    cache", True),
        (0, "10.77.0.11 via 192.0.2.1 dev eth0 src 192.0.2.2 uid 0 \n    cache", False),
        (0, "10.77.0.11 via 10.77.0.9 dev br-fleet src 10.77.0.1 uid 0", False),
        (0, "10.77.0.11 dev eth0 src 192.0.2.2 uid 0", False),
        (0, "", False),
    ],
)
def test_only_the_bridge_or_no_route_at_all_is_inside(code: int, answer: str, inside: bool) -> None:
    assert guard.stays_inside(code, answer, "br-fleet") is inside


def test_a_machine_that_forwards_packets_is_refused(tmp_path: Path) -> None:
    switch = tmp_path / "ip_forward"
    switch.write_text("1\n")
    with pytest.raises(CannotRunHere, match="forwards packets"):
        guard.check(Plan(), switch)
