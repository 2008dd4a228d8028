"""Sealed secrets open with the key that sealed them, and say so when it is another."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from blocks.service_settings import SealedOtherwise, ServiceSettings


def settings(key: bytes) -> ServiceSettings:
    return ServiceSettings(zone="phlymail.test", sealing_key=key.decode(), public_url="https://service.phlymail.test")


def test_a_secret_opens_with_its_own_key_only() -> None:
    own = settings(Fernet.generate_key())
    sealed = own.seal("geheim")
    assert own.unseal(sealed) == "geheim"
    with pytest.raises(SealedOtherwise) as caught:
        settings(Fernet.generate_key()).unseal(sealed)
    assert str(caught.value) == (
        "A secret in the inventory was sealed with another key than the settings' sealing_key. "
        "Put the old key back into settings.toml, then run phm up."
    )
    assert caught.value.__cause__ is None
