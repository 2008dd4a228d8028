"""What waiting does not heal is told in a sentence of its own and is not tried again; on SSH servers on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from blocks.private_keys import KeyNotUsable, private_key
from blocks.ssh_host import HostKeyChanged, HostKeyKindGone, KeyNotAccepted, NoCommonSsh, SshHost
from hosting.errors import ServiceError, Unreachable
from tests.inventory.words import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import ServerFacts

    Made = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey

ED25519, RSA = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
ECDSA, DSA = ec.generate_private_key(ec.SECP256R1()), dsa.generate_private_key(1024)  # noqa: S505  # only its kind is looked at


def text_of(key: Made, form: PrivateFormat = PrivateFormat.OpenSSH, password: bytes = b"") -> str:
    sealing = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, sealing).decode()


@dataclass(frozen=True)
class Door(paramiko.ServerInterface):
    """Lets one key in."""

    key: paramiko.PKey

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if key == self.key else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"


@contextlib.contextmanager
def ssh_server(host_key: Made, letting_in: Made, pinned: Made | None = None) -> Iterator[ServerFacts]:
    """A server with one host key, as the inventory knows it: pinned is that one, or another."""
    offered, known = private_key(text_of(host_key)), private_key(text_of(pinned or host_key))
    door = Door(private_key(text_of(letting_in)))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transport.add_server_key(offered)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=door)

        threading.Thread(target=serve, daemon=True).start()
        yield at(listening, f"{known.get_name()} {known.get_base64()}")


def at(listening: socket.socket, host_key: str) -> ServerFacts:
    return server("app1", address="127.0.0.1", ssh_port=listening.getsockname()[1], host_key=host_key)


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8], ids=["OpenSSH", "PKCS8"])
@pytest.mark.parametrize("own", [ED25519, RSA, ECDSA], ids=["Ed25519", "RSA", "ECDSA"])
def test_keys_of_every_usual_kind_log_in(own: Made, form: PrivateFormat) -> None:
    with ssh_server(ED25519, own) as facts, SshHost(private_key=text_of(own, form)).own_connection(facts) as connection:
        assert connection.alive


@pytest.mark.parametrize("host_key", [RSA, ECDSA], ids=["RSA", "ECDSA"])
def test_host_keys_of_other_kinds_can_be_pinned(host_key: Made) -> None:
    with ssh_server(host_key, ED25519) as facts, SshHost(private_key=text_of(ED25519)).own_connection(facts) as found:
        assert found.alive


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("none", "it is not a private key that SSH knows"),
        (text_of(ED25519, password=b"x"), "it has a passphrase"),
        (text_of(RSA, PrivateFormat.TraditionalOpenSSL, b"x"), "it has a passphrase"),
        (text_of(DSA, PrivateFormat.PKCS8), "it is of another kind"),
    ],
    ids=["no key", "with passphrase", "PEM with passphrase", "DSA"],
)
def test_a_key_that_cannot_be_used_is_told_before_anything_is_sent(text: str, why: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(KeyNotUsable) as caught,
        SshHost(private_key=text).own_connection(at(listening, "ssh-ed25519 AAAA")),
    ):
        pytest.fail("it was used")
    assert str(caught.value) == (
        f"The service's SSH key (ssh.private_key in settings.toml) can't be used: {why}. "
        "Put an Ed25519, RSA or ECDSA key without passphrase there, then run phm up."
    )


def refusal(facts: ServerFacts) -> ServiceError:
    with (
        pytest.raises(ServiceError) as caught,
        SshHost(private_key=text_of(ED25519), connect_seconds=2).own_connection(facts),
    ):
        pytest.fail("it was let in")
    assert not isinstance(caught.value, Unreachable)  # that alone is tried again
    return caught.value


def test_a_pinned_kind_that_is_no_longer_offered_has_its_own_sentence() -> None:
    with ssh_server(RSA, ED25519, pinned=ED25519) as facts:
        error = refusal(facts)
    assert isinstance(error, HostKeyKindGone)
    assert "no longer offers a host key of the pinned kind (ssh-ed25519)." in str(error)


def test_another_key_of_the_pinned_kind_is_a_changed_one() -> None:
    with ssh_server(ED25519, ED25519, pinned=ed25519.Ed25519PrivateKey.generate()) as facts:
        assert type(refusal(facts)) is HostKeyChanged


def test_a_server_that_refuses_our_key_is_not_tried_again() -> None:
    with ssh_server(ED25519, RSA) as facts:
        assert isinstance(refusal(facts), KeyNotAccepted)


def test_an_ssh_server_of_another_age_is_not_tried_again() -> None:
    pinned = private_key(text_of(ED25519))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as one:
                one.sendall(b"SSH-1.5-OpenSSH_1.2\r\n")
                one.settimeout(5)
                one.recv(1024)  # its version, so that ours is read before the end

        threading.Thread(target=serve, daemon=True).start()
        error = refusal(at(listening, f"{pinned.get_name()} {pinned.get_base64()}"))
    assert isinstance(error, NoCommonSsh)
    assert "speaks no SSH that the service accepts" in str(error)
