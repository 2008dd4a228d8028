"""SSH to the application servers: pinned keys, one connection a server and process."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import paramiko
from paramiko.ssh_exception import IncompatiblePeer
from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr

from blocks.private_keys import private_key
from blocks.ssh_connection import SshConnection
from hosting.errors import DriftFound, ServiceError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import ServerFacts

TCP_USER_TIMEOUT_MS = 6_000
KEEPALIVE_SECONDS = 3
"""Together they notice a dead link in ten seconds; paramiko's keepalive alone never does (FLEET.md section 7)."""


class HostKeyChanged(DriftFound):
    """A server shows another host key than the pinned one; never accepted silently."""


class HostKeyKindGone(HostKeyChanged):
    """A server no longer offers a host key of the pinned kind; what it offers is not looked at."""


class NoCommonSsh(ServiceError):
    """A server and the service have no version or algorithm of SSH in common; waiting does not help."""


class KeyNotAccepted(ServiceError):
    """A server does not take the service's SSH key."""


class SshHost(Block):
    """The account and key with which the service reaches its servers."""

    _block_type_name = "phlyMail SSH to servers"
    _block_type_slug = "phm-ssh-host"
    user: str = Field("root", title="User", description="The account on every server.")
    private_key: SecretStr = Field(title="Private key", description="In OpenSSH form, without passphrase.")
    connect_seconds: float = Field(
        5.0, title="Seconds to connect", description="Then the server counts as unreachable."
    )

    _connections: dict[tuple[str, str], SshConnection] = PrivateAttr(default_factory=dict)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def connection(self, server: ServerFacts) -> SshConnection:
        """The connection to a server; kept for the life of the process, made anew when it broke.

        Raises:
            Unreachable: no answer in time, or no SSH there.
            HostKeyChanged: another host key than the pinned one, or none of its kind (HostKeyKindGone).
            NoCommonSsh: it speaks no SSH that the service accepts.
            KeyNotAccepted: the server refuses our key.
            KeyNotUsable: the settings have no key that can be used.
        """
        key = (server.name, server.address)
        with self._lock:
            known = self._connections.get(key)
            if known is None or not known.alive:
                known = self._connections[key] = self._connect(server)
            return known

    def expect(self, server: ServerFacts) -> None:
        """Begin to connect in the background: a server takes a tenth of a second before a connection's first command.

        Who needs the connection waits for it, or tries anew where this came to nothing.
        """

        def connect() -> None:
            with contextlib.suppress(ServiceError):
                self.connection(server)

        threading.Thread(target=connect, name=f"ssh-{server.name}", daemon=True).start()

    def hang_up(self, server: ServerFacts) -> None:
        """Break off what the connection to a server is used for, whoever waits for it; the next use makes a new one."""
        with self._lock:
            known = self._connections.get((server.name, server.address))
        if known is not None:
            known.close()

    @contextlib.contextmanager
    def own_connection(self, server: ServerFacts) -> Iterator[SshConnection]:
        """A connection that nobody else uses, closed at the end; raises as `connection` does."""
        connection = self._connect(server)
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self, server: ServerFacts) -> SshConnection:
        """Open one connection."""
        own_key = private_key(self.private_key.get_secret_value())
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        kind, encoded = server.host_key.split()[:2]
        pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(encoded))
        client.get_host_keys().add(_known_as(server), kind, pinned)
        where = f"{server.name} ({server.address}:{server.ssh_port})"
        try:
            sock = socket.create_connection((server.address, server.ssh_port), self.connect_seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)
            client.connect(
                server.address,
                server.ssh_port,
                username=self.user,
                pkey=own_key,
                sock=sock,
                allow_agent=False,
                look_for_keys=False,
                banner_timeout=self.connect_seconds * 2,
                auth_timeout=self.connect_seconds * 2,
            )
        except paramiko.BadHostKeyException as error:
            client.close()
            do = "Find out why; only then pin the new key: phm server add --replace-key."
            if error.key.get_name() != kind:
                raise HostKeyKindGone(
                    f"{where} no longer offers a host key of the pinned kind ({kind}).", do
                ) from error
            raise HostKeyChanged(f"The host key of {where} is not the pinned one.", do) from error
        except IncompatiblePeer as error:
            client.close()
            message = f"{where} speaks no SSH that the service accepts ({error})."
            raise NoCommonSsh(message, "Put its SSH server and host keys right, then run again.") from error
        except paramiko.AuthenticationException as error:
            client.close()
            message = f"{where} does not accept the service's SSH key for {self.user}."
            raise KeyNotAccepted(message, "Put the public key into its authorized_keys, then run again.") from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            client.close()
            message = f"{where} does not answer by SSH ({type(error).__name__})."
            raise Unreachable(
                message, "Look at the server and its network; the run goes on when it is repeated."
            ) from error
        transport = client.get_transport()
        if transport is None:  # closed between the handshake and here
            raise Unreachable(f"{where} closed the connection.", "Run again.")
        transport.set_keepalive(KEEPALIVE_SECONDS)
        return SshConnection(client, server)


def _known_as(server: ServerFacts) -> str:
    """The name under which paramiko looks up a host's key."""
    return server.address if server.ssh_port == paramiko.config.SSH_PORT else f"[{server.address}]:{server.ssh_port}"
