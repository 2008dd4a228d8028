"""Every morning: certificates that end and domains that lead elsewhere are told to who can mend it (P30, P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from tasks.certificate_watch import (
    read_live_domains,
    see_to_end,
    see_to_own_certificate,
    see_to_pointing,
    settle_for_gone,
)
from tasks.failures import check_all_done, kept_for_the_end
from tasks.own_domains import prove_certificate_served

if TYPE_CHECKING:
    from hosting.errors import ServiceError


@flow(name="inspect-certificates", persist_result=False)
def inspect_certificates() -> Any:
    """Letters ahead of the end, cases for what has ended or leads elsewhere; nothing is changed on any server."""
    failures, told = list["ServiceError"](), list[str]()
    domains = read_live_domains()
    for naming in domains:
        for look in (see_to_end, see_to_pointing):
            with kept_for_the_end(failures, naming.host):
                told += [f"{naming.host}: {said}" for said in (look(naming),) if said]
        with kept_for_the_end(failures, naming.host):
            prove_certificate_served(naming, naming.server)
    settle_for_gone(domains)
    with kept_for_the_end(failures, "our own certificate"):
        see_to_own_certificate()
    check_all_done(failures, "Look at the run's log: each is named there.")
    return Completed(message=f"{len(domains)} domains looked at. {' '.join(told)}".strip())
