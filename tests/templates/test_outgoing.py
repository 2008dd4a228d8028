"""The rules for what instances may reach, loaded by the real nft(8) in a network namespace of their own."""

from __future__ import annotations

import subprocess

import pytest

from hosting.templates import render

RULES = render(
    "server/outgoing.nft.j2",
    first_uid=20_000,
    last_uid=59_999,
    first_copy_uid=59_990,
    relays=[("10.77.0.1", 25)],
    resolvers=["10.77.0.1"],
)

# Both ends of the pair are here: the neighbour that is asked for never answers, only the asking counts.
ASK = """
nft -f /dev/stdin
ip link add here type veth peer name there
ip link set there up; ip link set here up
ip -6 addr add fd77:1::1/64 dev here nodad
python3 -c '
import os, socket, sys
os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_INET6) as sock:
    sock.settimeout(0.5)
    print("said:", os.strerror(sock.connect_ex(("fd77:1::2", 443))))' "$1"
nft list table inet phm_outgoing
"""

pytestmark = pytest.mark.fleet  # root, nft and namespaces: make test has them


def asked_by(uid: int) -> str:
    argv = ("unshare", "--net", "/bin/sh", "-euc", ASK, "ask", str(uid))
    done = subprocess.run(argv, input=RULES, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_kernel_may_look_for_neighbours_on_ipv6() -> None:
    """Its packets have no owner; with them refused, a server with these rules has no IPv6 at all."""
    answered = asked_by(0)
    counted = [line for line in answered.splitlines() if "counter packets" in line]
    assert len(counted) == 4
    assert all("counter packets 0 " in line for line in counted)


def test_an_instance_reaches_no_inner_address() -> None:
    assert "ip6 daddr @inner6 counter packets 0 " in asked_by(19_999)
    assert "ip6 daddr @inner6 counter packets 0 " not in asked_by(20_000)
    assert "ip6 daddr @inner6 counter packets 0 " not in asked_by(59_989)


def test_a_copy_of_an_instance_reaches_nothing() -> None:
    assert "skuid 59990-59999 counter packets 0 " in asked_by(59_989)
    for uid in (59_990, 59_999):
        answered = asked_by(uid)
        assert "skuid 59990-59999 counter packets 0 " not in answered
        assert "ip6 daddr @inner6 counter packets 0 " in answered
