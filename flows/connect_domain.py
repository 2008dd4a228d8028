"""A domain of the customer's own leads to his instance: prepared, waited for, switched on, removed (P30 to P32)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.assign_subdomain import take_away
from hosting.errors import Unreachable
from hosting.policy.states import NameState
from tasks.held_name_letters import tell_customer_name_gone, tell_customer_name_live, tell_customer_record
from tasks.leases import working_on
from tasks.name_records import (
    check_on_its_way_out,
    look_again,
    read_names,
    read_naming,
    record_name_done,
    record_name_live,
    telling_name_failure,
)
from tasks.names import ensure_name_site, ensure_names_served, prove_name_answers
from tasks.own_domains import (
    ensure_name_certificate,
    ensure_no_other_certificate,
    prove_certificate_served,
    read_pointing,
)

if TYPE_CHECKING:
    from tasks.name_records import Naming


class DomainRequest(BaseModel):
    """A domain that was ordered with its certificate (`phm domain`); run again, it is gone on with."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    number: int = Field(title="Number", description="Of the domain, as phm name list --json shows it.", ge=1)


@flow(name="connect-domain", flow_run_name="connect-domain {request.instance}", persist_result=False)
def connect_domain(request: DomainRequest) -> Any:
    """Prepare the site with the customer's certificate; once the DNS leads here, prove it and record it as live.

    A domain that does not lead here yet is looked at again after a while; the customer is told which record to set.

    Args:
        request: Which domain of which instance.
    """
    with telling_name_failure(request.instance) as about:
        about.append(request.number)
        naming = read_naming(request.number, request.instance)
        with working_on(naming.server, naming.instance, "name"):
            naming = read_naming(request.number)
            if naming.name.state not in {NameState.ASSIGNING, NameState.LIVE}:
                return Completed(message=f"{naming.host} is {naming.name.state} already.")
            served = prepare(naming)
            found = read_pointing(naming, passed_on=True)
            if naming.name.state is NameState.ASSIGNING and not found.points:
                if found.known:
                    tell_customer_record(naming)
                when = look_again(naming, found.told, known=found.known)
                return Completed(name="Waiting", message=f"{found.told} Looked at again {when:%Y-%m-%d %H:%M} UTC.")
            switch_on(naming, {"dns": found.told, "certificate": served})
        return Completed(message=f"{naming.instance.name} is at {naming.url}.")


@flow(name="disconnect-domain", flow_run_name="disconnect-domain {request.instance}", persist_result=False)
def disconnect_domain(request: DomainRequest) -> Any:
    """Take a domain away, with its certificate and key; the instance goes on in its long form.

    Args:
        request: Which domain of which instance.
    """
    with telling_name_failure(request.instance) as about:
        about.append(request.number)
        naming = read_naming(request.number, request.instance)
        check_on_its_way_out(naming)
        with working_on(naming.server, naming.instance, "name"):
            for old in read_names(naming.instance, NameState.RELEASING):
                take_away(old)
            tell_customer_name_gone(naming)
        return Completed(message=f"{naming.host} is gone; {naming.instance.name} goes on in its long form.")


def prepare(naming: Naming) -> str:
    """Certificate and site on the server, whoever the DNS leads here; the certificate's fingerprint as it is served."""
    ensure_names_served(naming.server)
    ensure_name_certificate(naming, naming.server)
    ensure_name_site(naming, naming.server)
    served = prove_certificate_served(naming, naming.server)
    ensure_no_other_certificate(naming, naming.server)
    return served


def switch_on(naming: Naming, evidence: dict[str, Any]) -> None:
    """Proven from outside and recorded; only then what the instance had as a name goes.

    The servers that the instance has left know the domain before the proof, which may go by one of them.
    """
    silent = known_at_homes(naming)
    if naming.name.state is NameState.ASSIGNING:
        evidence |= prove_name_answers(naming)
    record_name_live(naming, evidence)
    tell_customer_name_live(naming)
    for old in read_names(naming.instance, NameState.RELEASING):
        take_away(old)
    record_name_done(naming, silent)


def known_at_homes(naming: Naming) -> list[str]:
    """The servers that the instance has left, or their stand-ins, pass the domain on; those that do not answer."""
    silent = []
    for home in naming.passing_on:
        try:
            ensure_names_served(home)
            ensure_name_certificate(naming, home)
            ensure_name_site(naming, home)
            ensure_no_other_certificate(naming, home)
        except Unreachable:
            silent.append(str(home.name))
    return silent
