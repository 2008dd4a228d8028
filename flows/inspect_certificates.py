"""Every morning: certificates that end, domains that lead elsewhere or wait are told to who can mend it (P30, P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from hosting.policy.states import NameState
from tasks.certificate_watch import (
    read_domains,
    see_to_end,
    see_to_own_certificate,
    see_to_pointing,
    see_to_waiting,
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
    domains = read_domains()
    for naming in domains:
        for look in (see_to_end, see_to_pointing, see_to_waiting):
            with kept_for_the_end(failures, naming.host):
                told += [f"{naming.host}: {said}" for said in (look(naming),) if said]
        if naming.name.state is not NameState.LIVE:
            continue
        with kept_for_the_end(failures, naming.host):
            prove_certificate_served(naming, naming.server)
    settle_for_gone(domains)
    with kept_for_the_end(failures, "our own certificate"):
        see_to_own_certificate()
    check_all_done(failures, "Look at the run's log: each is named there.")
    return Completed(message=f"{len(domains)} domains looked at. {' '.join(told)}".strip())
