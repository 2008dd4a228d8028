"""A server that is enrolled: run again nothing changes, and what was damaged is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.servers import ensure_server_ready, read_server_facts

if TYPE_CHECKING:
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def number(service: Service) -> int:
    """The server's own number, as it was enrolled."""
    return int(read_server_facts.fn(service.server())["server_id"])


def test_enrolling_again_changes_nothing(service: Service) -> None:
    ensure_server_ready.fn(service.server(), number(service))
    assert ensure_server_ready.fn(service.server(), number(service)).changed is False


@pytest.mark.parametrize(
    ("breaking", "sign"),
    [
        ("a2dismod -q -f headers", "ls /etc/apache2/mods-enabled/headers.load"),
        ("rm /etc/apache2/sites-enabled/phm.conf", "readlink -e /etc/apache2/sites-enabled/phm.conf"),
        ("a2ensite -q 000-default", "test ! -e /etc/apache2/sites-enabled/000-default.conf"),
        ("nft delete table inet phm_outgoing", "nft list table inet phm_outgoing | grep -c skuid"),
        ("echo x >>/etc/phm/outgoing.nft", "nft -c -f /etc/phm/outgoing.nft"),
        ("chmod 755 /srv/instances", "stat -c %a /srv/instances | grep 711"),
        ("rm /etc/logrotate.d/phm", "logrotate -d /etc/logrotate.d/phm"),
        ("rm /etc/cron.d/phm", "grep -q '^17 .* root /usr/sbin/logrotate ' /etc/cron.d/phm"),
        ("chmod 644 /etc/apache2/phm/certificate.key", "stat -c %a /etc/apache2/phm/certificate.key | grep 600"),
    ],
)
def test_what_was_damaged_is_put_right(service: Service, breaking: str, sign: str) -> None:
    service.on(breaking)
    assert ensure_server_ready.fn(service.server(), number(service)).changed is True
    service.on(sign)
    service.on("apache2ctl configtest && systemctl is-active apache2")
    assert ensure_server_ready.fn(service.server(), number(service)).changed is False


def test_a_log_that_grew_fast_is_turned_within_the_hour(service: Service) -> None:
    log = "/var/log/phm/phm-test.log"
    service.on(f"fallocate -l 21M {log}; logrotate -f /etc/logrotate.d/phm; rm -f {log}.*; fallocate -l 21M {log}")
    try:
        command = service.on("sed -n 's/^17 .* root //p' /etc/cron.d/phm").strip()
        service.on(command)
        assert service.on(f"stat -c %s {log}") == "0\n"
        service.on(f"echo little >{log}; {command}")
        assert service.on(f"cat {log}") == "little\n"
    finally:
        service.on(f"rm -f {log}*")
