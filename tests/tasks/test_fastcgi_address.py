"""Apache reaches PHP at an address as it would reach HHVM (P13); what answers there in its place is another PHP-FPM."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from hosting.policy.flavours import Flavours, Php
from hosting.product.layout import POOLS, InstanceLayout
from tasks.web import ensure_php_pool, ensure_site
from tests.service.customer import site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.soak]

OTHER = POOLS / "phm-test-fastcgi.conf"


@contextlib.contextmanager
def listening(service: Service, own: str, address: str) -> Iterator[None]:
    """The instance's pool listens at another address, and no more at its own."""
    listen = rf"s|^\[.*|[phm-test-fastcgi]|; s|^listen = .*|listen = {address}|"
    service.on(f"sed '{listen}' {own} >{OTHER}; rm {own}; systemctl reload php8.2-fpm; sleep 1")
    try:
        yield
    finally:
        service.on(f"rm -f {OTHER}")


@pytest.mark.parametrize("address", ["127.0.0.1:9000", "/run/php/phm-test.sock"])
def test_an_instance_is_served_by_what_listens_at_the_server_s_address(service: Service, address: str) -> None:
    service.only_server(service.host)
    instance, server = service.provision(), service.server()
    layout = InstanceLayout.of(instance)
    hhvm = replace(server, facts={**server.facts, **Flavours(Php.HHVM, address).as_fact()})
    one = site(service, instance)
    before = one.ask("")
    with contextlib.closing(one.client):
        with listening(service, str(layout.pool_file), address):
            assert one.ask("").status_code == HTTPStatus.SERVICE_UNAVAILABLE
            ensure_site.fn(hhvm, instance)
            asked = one.ask("")
            assert (asked.status_code, len(asked.text)) == (HTTPStatus.OK, len(before.text))
            assert one.ask("api.php").status_code == HTTPStatus.UNAUTHORIZED
        ensure_php_pool.fn(server, instance)
        ensure_site.fn(server, instance)
        assert one.ask("").status_code == HTTPStatus.OK
