"""A name goes where its instance goes: its site is there before, the zone leads there afterwards (P24, P29, P30)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import StepFailed
from hosting.policy.states import NameState
from hosting.policy.values import NameKind
from hosting.product.proof import HEALTH
from tasks.name_records import read_names
from tasks.names import ensure_name_in_zone, ensure_name_site, ensure_names_served, ensure_no_name_site
from tasks.network import addresses_of
from tasks.own_domains import anybody, ensure_name_certificate, ensure_no_other_certificate
from tasks.probes import door_of
from tasks.step import reading, step

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.name_records import Naming


@step
def ensure_names_prepared(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's names are known on a server to which it goes: whatever its site says there, they say too.

    The server that is left keeps them for as long as the instance has them, and passes them on with the long form.
    What the server may know of names that are gone goes: a move that was interrupted may have left it.
    """
    changed = _gone_from(server, read_names.fn(instance, NameState.GONE))
    for naming in read_names.fn(instance):
        changed |= ensure_names_served.fn(server).changed
        changed |= ensure_name_certificate.fn(naming, server).changed
        changed |= ensure_name_site.fn(naming, server).changed
    return changed


@step
def ensure_names_follow(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The zone leads the instance's live name to the server that serves it now."""
    changed = False
    for naming in read_names.fn(instance, NameState.LIVE):
        changed |= ensure_name_in_zone.fn(naming, server).changed
    return changed


@step
def ensure_no_names_left(server: ServerFacts, instance: InstanceFacts) -> bool:
    """A server to which the instance did not go after all knows nothing of its names."""
    return _gone_from(server, read_names.fn(instance, *NameState))


@reading
def prove_names_answer(server: ServerFacts, instance: InstanceFacts) -> list[str]:
    """The instance answers at a server under its live name, whatever others still remember of the zone.

    A suspended one is asked behind what everybody else is told.

    Raises:
        Unreachable: nobody answers there, or our certificate is not good for a name. A customer's own may have ended.
        StepFailed: the instance does not answer under a name.
    """
    settings, asked = load(ServiceSettings), list[str]()
    for naming in read_names.fn(instance, NameState.LIVE):
        trust = settings.trust if naming.name.kind is NameKind.SUBDOMAIN else anybody()
        with door_of(instance, trust=trust, known={naming.host: addresses_of(server.host_name)[0]}) as web:
            status = web.ask("GET", naming.url + HEALTH).status_code
        if status != HTTPStatus.UNAUTHORIZED:
            message = f"{instance.name} answers {status} on {server.name} under its name {naming.host}."
            raise StepFailed(message, "Look at the name's file and the instance's site there, then run again.")
        asked.append(naming.url)
    return asked


def _gone_from(server: ServerFacts, namings: list[Naming]) -> bool:
    """Neither site nor key of these names is on a server."""
    changed = bool(namings) and ensure_names_served.fn(server).changed
    for naming in namings:
        changed |= ensure_no_name_site.fn(naming, server).changed
        changed |= ensure_no_other_certificate.fn(naming, server, all_gone=True).changed
    return changed
