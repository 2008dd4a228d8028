"""An instance under a service level whose pool is counted in single GB, so that a test can fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import levels
from hosting.inventory.notices import NoticeType, OrderPlaced
from hosting.policy.terms import AROUND_THE_CLOCK
from hosting.product.layout import InstanceLayout

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

LEVEL = "small"
SMALL = {"storage_per_account_gib": 1, "storage_step_gib": 1}


def small_instance(service: Service, name: str, *, packages: int = 0) -> InstanceFacts:
    """An open instance of an English customer with one account and packages of 1 GB each."""
    reference = f"{service.prefix}-{name}"
    with service.inventory.writing() as session:
        levels.ensure_level(session, LEVEL, {**AROUND_THE_CLOCK, **SMALL})
    wish = OrderPlaced(
        reference, f"C-{name}", "Max Klein", f"{reference}@kunde.test".lower(), "en", 1, packages, 5890, "EUR", LEVEL
    )
    service._take(NoticeType.ORDER_PLACED, wish)
    service.pay(reference)
    return service.provision(reference)


def fill_files(service: Service, instance: InstanceFacts, size_bytes: int) -> None:
    """A file of this size in the instance's storage, in place of an earlier one; its blocks are really taken."""
    file = f"{InstanceLayout.of(instance).storage}/user/filling"
    service.on(f"rm -f {file}; fallocate -l {size_bytes} {file}")
