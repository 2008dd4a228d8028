"""A server that an instance has left passes its requests on, so that an address that was told goes on working (P10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands import enrolment
from hosting.commands.services import APACHE, install, reload
from hosting.inventory import moves, servers
from hosting.policy.limits import LIMITS
from hosting.policy.states import ServerState
from hosting.product.layout import InstanceLayout
from hosting.templates import render
from tasks.records import inventory
from tasks.standing_in import answer_for, answering, pass_domains_on
from tasks.step import reading, step
from tasks.web import FOR_OPERATOR, trusted

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts


@reading
def read_former_homes(instance: InstanceFacts) -> list[ServerFacts]:
    """The servers that an instance has left."""
    with inventory().reading() as session:
        return [servers.server_facts(session, name) for name in moves.former_homes(session, instance.name)]


@step
def ensure_passed_on(home: ServerFacts, instance: InstanceFacts, target: ServerFacts) -> bool:
    """A server that an instance has left passes its requests on to the one that serves it.

    The instance is open on the target, and the target was no home of it before: else requests would go in a circle.

    Raises:
        Unreachable: the server that was left does not answer.
    """
    changed = ready_to_pass_on(home)
    return pass_on(home, instance, target) or changed


def ready_to_pass_on(home: ServerFacts) -> bool:
    """What answers under a server's name has what Apache needs to pass requests on; whether that was changed."""
    ssh = load(SshHost).connection(answering(home))
    changed = ssh.run(enrolment.ensure_apache_modules()).changed
    return ssh.run(reload(APACHE, host=home.host_name), FOR_OPERATOR).changed or changed


def pass_on(home: ServerFacts, instance: InstanceFacts, target: ServerFacts) -> bool:
    """A server that the instance has left hands each request to the target, whose certificate it checks.

    Where that server is retired, the one that answers under its name does so.
    """
    if home.state is ServerState.RETIRED:
        machine = answering(home)
        changed = answer_for(machine, home)
        return pass_domains_on(machine, instance) or changed
    page = render(
        "apache/passed_on.conf.j2", name=instance.name, host_name=home.host_name, target=target.host_name,
        authorities=trusted(), seconds=LIMITS.web_seconds + 20,
    )  # fmt: skip
    command = install(APACHE, InstanceLayout.of(instance).site_file, page, host=home.host_name)
    return load(SshHost).connection(home).run(command, FOR_OPERATOR).changed
