"""How the receiver reaches into an instance to set the customer's administrator's password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory.instances import instance_facts
from hosting.inventory.servers import server_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.inventory.session import Inventory
    from hosting.settings import Settings


def password_setter(settings: Settings, inventory: Inventory) -> Callable[[str, str], None]:
    """A function that sets the password in an instance, by SSH with the settings' own key.

    It raises what `tasks.application.set_customer_password` raises.
    """

    def set_password(instance_name: str, password: str) -> None:
        from blocks.loading import provide  # noqa: PLC0415  # two seconds of Prefect: not before the first notice is taken
        from blocks.ssh_host import SshHost  # noqa: PLC0415  # likewise
        from tasks.application import set_customer_password  # noqa: PLC0415  # likewise

        ssh = settings.ssh
        provide(SshHost(user=ssh.user, private_key=ssh.private_key, connect_seconds=ssh.connect_seconds))
        with inventory.reading() as session:
            instance = instance_facts(session, instance_name)
            server = server_facts(session, instance.server_name)
        set_customer_password(server, instance, password)

    return set_password
