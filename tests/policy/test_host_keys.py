import base64
import hashlib

import pytest

from hosting.policy.host_keys import NoHostKey, fingerprint, stated_fingerprint

BLOB = base64.b64encode(b"a public key").decode()
KEY = f"ssh-ed25519 {BLOB}"
SHOWN = "SHA256:" + base64.b64encode(hashlib.sha256(b"a public key").digest()).decode().rstrip("=")


@pytest.mark.parametrize(
    "stated",
    [SHOWN, f" {SHOWN}\n", KEY, f"{KEY} root@app1\n", f"192.0.2.1 {KEY}", f"[192.0.2.1]:2222 {KEY} old"],
)
def test_a_key_may_be_stated_as_fingerprint_public_key_or_known_host(stated: str) -> None:
    assert fingerprint(KEY) == stated_fingerprint(stated) == SHOWN


@pytest.mark.parametrize(
    "stated", ["", "x", "SHA256:short", "SHA256:" + "ä" * 43, "ssh-ed25519", "ssh-ed25519 not*base64", "MD5:aa:bb"]
)
def test_what_is_no_key_is_refused_in_one_sentence(stated: str) -> None:
    with pytest.raises(NoHostKey, match="neither a public host key nor its fingerprint"):
        stated_fingerprint(stated)
