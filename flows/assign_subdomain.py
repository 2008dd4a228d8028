"""A name of the instance's own in our zone: live at once after approval, gone at once after cancellation (P26, P29)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hosting.errors import Unreachable
from hosting.policy.states import NameState
from tasks.held_name_letters import tell_customer_name_gone, tell_customer_name_live
from tasks.leases import working_on
from tasks.name_records import (
    check_on_its_way_out,
    is_cancelled,
    read_names,
    read_naming,
    record_name_done,
    record_name_gone,
    record_name_live,
    record_unwanted,
    record_wanted,
    telling_name_failure,
)
from tasks.names import (
    ensure_name_in_zone,
    ensure_name_out_of_zone,
    ensure_name_site,
    ensure_names_served,
    ensure_no_name_site,
    prove_name_answers,
    prove_name_gone,
)
from tasks.own_domains import ensure_no_other_certificate

if TYPE_CHECKING:
    from tasks.name_records import Naming


class NameRequest(BaseModel):
    """A name and its instance; run again, it is gone on with."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    name: str = Field("", title="Name", description="The subdomain without our zone, e.g. muster.", max_length=191)
    number: int | None = Field(None, title="Number", description="Of a name that was ordered before.", ge=1)
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field(
        "", title="Reason", description="Why, e.g. the customer's mail of today; recorded.", max_length=500
    )

    @model_validator(mode="after")
    def _names_one(self) -> NameRequest:
        """A run is about one name."""
        if bool(self.name) == (self.number is not None):
            raise ValueError("Give the name, or the number of one that was ordered.")
        return self


@flow(name="assign-subdomain", flow_run_name="assign-subdomain {request.instance}", persist_result=False)
def assign_subdomain(request: NameRequest) -> Any:
    """Bring a name up: site, zone, proof from outside; only then the name that the instance had goes.

    Args:
        request: Which name for which instance, and who approves it.
    """
    with telling_name_failure(request.instance) as about:
        about.append(request.number or record_wanted(request.instance, request.name, request.operator, request.reason))
        naming = read_naming(about[0], request.instance)
        with working_on(naming.server, naming.instance, "name"):
            naming = read_naming(about[0])
            if naming.name.state not in {NameState.ASSIGNING, NameState.LIVE}:
                return Completed(message=f"{naming.host} is {naming.name.state} already.")
            bring_up(naming)
            tell_customer_name_live(naming)
            for old in read_names(naming.instance, NameState.RELEASING):
                take_away(old)
            record_name_done(naming)
        return Completed(message=f"{naming.instance.name} is at {naming.url}.")


@flow(name="release-subdomain", flow_run_name="release-subdomain {request.instance}", persist_result=False)
def release_subdomain(request: NameRequest) -> Any:
    """Take a name away: from the server, from the zone; the instance goes on in its long form.

    Args:
        request: Which name of which instance, and who asks.
    """
    with telling_name_failure(request.instance) as about:
        about.append(
            request.number or record_unwanted(request.instance, request.name, request.operator, request.reason)
        )
        naming = read_naming(about[0], request.instance)
        check_on_its_way_out(naming)
        with working_on(naming.server, naming.instance, "name"):
            for old in read_names(naming.instance, NameState.RELEASING):
                take_away(old)
            tell_customer_name_gone(naming)
        return Completed(message=f"{naming.host} is gone; {naming.instance.name} goes on in its long form.")


def bring_up(naming: Naming) -> None:
    """The site first, so that nobody whom the zone leads there finds the door closed; recorded after the proof."""
    ensure_names_served(naming.server)
    ensure_name_site(naming, naming.server)
    ensure_name_in_zone(naming, naming.server)
    evidence = prove_name_answers(naming)
    record_name_live(naming, evidence)


def take_away(naming: Naming) -> None:
    """The site first: it is gone for everybody at once, whoever still remembers what the zone said.

    A server that the instance has left and that does not answer keeps nothing waiting: a person sees to it.
    """
    ensure_no_name_site(naming, naming.server)
    ensure_name_out_of_zone(naming)
    ensure_no_other_certificate(naming, naming.server, all_gone=True)
    silent = []
    for server in naming.elsewhere:
        try:
            ensure_no_name_site(naming, server)
            ensure_no_other_certificate(naming, server, all_gone=True)
        except Unreachable:
            silent.append(str(server.name))
    evidence = prove_name_gone(naming, silent)
    if is_cancelled(naming):
        tell_customer_name_gone(naming)  # before the work is settled: a run that is lost is gone on with, and tells it
    record_name_gone(naming, evidence, silent)
