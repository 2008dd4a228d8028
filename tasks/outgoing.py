"""What an instance's processes may reach over the network, kept by the kernel by uid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.enrolment import ensure_outgoing_rules
from tasks.step import step

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts


@step
def ensure_outgoing_network(server: ServerFacts, _instance: InstanceFacts) -> bool:
    """The rules for all instances' uids are loaded: mail and web ports of the world, the relay, no inner address."""
    return load(SshHost).connection(server).run(ensure_outgoing_rules()).changed
