"""Servers that did not answer when a name was taken away or renewed are put right once they do (P29, P31, P32)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from hosting.errors import Unreachable
from hosting.inventory.leases import LeaseHeld
from tasks.failures import check_all_done, kept_for_the_end
from tasks.leases import working_on
from tasks.left_names import answers, read_left_names, record_put_right
from tasks.names import ensure_name_site, ensure_names_served, ensure_no_name_site
from tasks.own_domains import ensure_name_certificate, ensure_no_other_certificate

if TYPE_CHECKING:
    from hosting.errors import ServiceError
    from hosting.policy.values import ServerFacts
    from tasks.left_names import LeftName


@flow(name="clear-left-names", persist_result=False)
def clear_left_names() -> Any:
    """Take away, or bring up to date, what names left on servers that did not answer; the cases settle by it."""
    failures, waiting = list["ServiceError"](), 0
    found = read_left_names()
    for left in found:
        with kept_for_the_end(failures, left.naming.host):
            if put_right(left):
                record_put_right(left)
            else:
                waiting += 1
    check_all_done(failures, "Look at the run's log: each is named there.")
    return Completed(message=f"{len(found) - waiting} names put right, {waiting} wait for their servers.")


def put_right(left: LeftName) -> bool:
    """Every server that answers put right; whether all did. A name that another run works on waits."""
    again = [server for server in left.servers if answers(server)]
    try:
        with contextlib.ExitStack() as alone:
            if again and left.is_held:
                alone.enter_context(working_on(left.naming.server, left.naming.instance, "name"))
            for server in again:
                put_right_on(left, server)
    except (LeaseHeld, Unreachable):
        return False
    return len(again) == len(left.servers)


def put_right_on(left: LeftName, server: ServerFacts) -> None:
    """One server: it passes the name on with the certificate of today, or knows nothing of it."""
    if left.is_served_by(server):
        return
    if left.is_passed_on_by(server):
        ensure_names_served(server)
        ensure_name_certificate(left.naming, server)
        ensure_name_site(left.naming, server)
        ensure_no_other_certificate(left.naming, server)
    else:
        ensure_no_name_site(left.naming, server)
        ensure_no_other_certificate(left.naming, server, all_gone=True)
