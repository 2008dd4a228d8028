"""The way from the page into an instance, as the receiver's process has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from blocks import loading
from deployments.web.customer_passwords import password_setter
from hosting.errors import Unreachable
from hosting.inventory.instances import UnknownInstance
from tests.deployments.web.conftest import new_secret, open_instance, settings_for
from tests.service.ports import free_port

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory


def test_a_server_that_is_not_there_is_told_as_unreachable(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_LOADED", {})
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    name = open_instance(inventory, address="127.0.0.1", port=free_port(), host_key=public)
    set_password = password_setter(settings_for(str(inventory.url), (new_secret(),), private_key=private), inventory)
    with pytest.raises(Unreachable, match="app1"):
        set_password(name, "drei bunte Pferde")
    with pytest.raises(UnknownInstance):
        set_password("nobody", "drei bunte Pferde")
