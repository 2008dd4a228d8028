"""A domain that is live gets another certificate without a gap, or keeps the one that it has (P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from flows.connect_domain import DomainRequest, known_at_homes
from hosting.errors import ServiceError
from hosting.policy.states import NameState
from tasks.certificate_letters import tell_customer_not_renewed, tell_customer_renewed
from tasks.leases import working_on
from tasks.name_records import read_naming, record_name_done, telling_name_failure
from tasks.names import ensure_name_site
from tasks.own_domains import ensure_name_certificate, ensure_no_other_certificate
from tasks.renewals import (
    ensure_old_certificate,
    is_given_up,
    prove_renewed,
    read_renewal,
    record_not_renewed,
    record_renewed,
    was_renewed,
)

if TYPE_CHECKING:
    from tasks.name_records import Naming

prove_at_once = prove_renewed.with_options(retries=0)
"""Where nobody answers, the old certificate is back before anything is tried again."""


class RenewalRequest(DomainRequest):
    """A certificate that was handed over for a domain that is live; run again, it is gone on with."""


@flow(name="renew-certificate", flow_run_name="renew-certificate {request.instance}", persist_result=False)
def renew_certificate(request: RenewalRequest) -> Any:
    """Put the new certificate beside the old one, load and prove it; what fails leaves the old one in force.

    Args:
        request: Which domain of which instance.
    """
    with telling_name_failure(request.instance) as about:
        about.append(request.number)
        naming = read_naming(request.number, request.instance)
        with working_on(naming.server, naming.instance, "name"):
            naming = read_naming(request.number)
            if naming.name.state is not NameState.LIVE:
                return Completed(message=f"{naming.host} is {naming.name.state}, not live.")
            renewed = read_renewal(naming)
            if renewed is not None and not put_in_place(naming, renewed):
                return Completed(message=f"Another certificate was handed over for {naming.host} meanwhile.")
            if was_renewed(renewed or naming):
                tell_customer_renewed(renewed or naming)
            settle(renewed or naming)
        return Completed(message=f"{naming.host} has its certificate.")


def put_in_place(naming: Naming, renewed: Naming) -> bool:
    """The new certificate served and proven from outside, then recorded; the old one again if anything of that fails.

    Returns:
        Whether it is in force; not, where another one was handed over meanwhile.
    """
    try:
        ensure_name_certificate(renewed, naming.server)
        ensure_name_site(renewed, naming.server)
        prove_at_once(renewed, naming.server)
    except ServiceError as error:
        go_back(naming, renewed, error)
        raise
    return record_renewed(renewed)


def go_back(naming: Naming, renewed: Naming, error: ServiceError) -> None:
    """The old certificate in force again, proven; what came to nothing is told, and forgotten last."""
    ensure_old_certificate(naming, naming.server)
    prove_at_once(naming, naming.server)
    if is_given_up(renewed, error):
        ensure_no_other_certificate(naming, naming.server)
        tell_customer_not_renewed(naming, renewed)
        record_not_renewed(renewed, error)


def settle(naming: Naming) -> None:
    """All servers have the certificate in force, those that pass the domain on, too; nowhere another one is left."""
    ensure_name_certificate(naming, naming.server)
    ensure_name_site(naming, naming.server)
    ensure_no_other_certificate(naming, naming.server)
    record_name_done(naming, known_at_homes(naming))
