"""Ports on loopback for servers that tests start: no other test's, and none that the kernel gives to who connects."""

from __future__ import annotations

import secrets
import socket

PORTS = range(20_000, 32_000)
"""Below those that the kernel gives away by itself (`net.ipv4.ip_local_port_range`)."""

_HELD: list[socket.socket] = []
"""A name for each port that is given away, which the kernel lets one process have, as long as it lives."""


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given until this process ends."""
    for _ in PORTS:
        port = secrets.choice(PORTS)
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0phm-test-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            held.close()
            continue
        _HELD.append(held)
        return port
    raise AssertionError("All ports are taken.")
