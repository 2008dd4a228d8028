"""Unix users of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.system_users import ensure_user
from hosting.product.layout import InstanceLayout
from tasks.step import step

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts


@step
def ensure_system_user(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's own Unix user and group, without a shell, with the same number on every server."""
    layout = InstanceLayout.of(instance)
    command = ensure_user(layout.user, layout.uid, str(layout.scratch))
    return load(SshHost).connection(server).run(command, "Remove the foreign user, or correct the inventory.").changed
