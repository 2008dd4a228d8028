"""The product's accounts: digests and permissions as PHP reads them."""

from __future__ import annotations

import hashlib
import json
import subprocess

from hosting.product.accounts import PERMISSIONS_READ, PERMISSIONS_WRITE, digest, permissions, table


def test_a_password_s_digest_holds_name_and_salt() -> None:
    assert (
        digest("admin", "5f3a", "gehéim")
        == hashlib.md5("admin:5f3a:gehéim".encode(), usedforsecurity=False).hexdigest()
    )


def test_php_reads_the_permissions() -> None:
    code = "echo json_encode(unserialize(base64_decode(stream_get_contents(STDIN))));"
    said = subprocess.run(
        ["php", "-n", "-r", code], input=permissions().encode(), capture_output=True, timeout=20, check=True
    )
    assert json.loads(said.stdout) == [list(PERMISSIONS_READ), list(PERMISSIONS_WRITE)]


def test_the_customer_s_administrator_sees_users_groups_and_quotas_alone() -> None:
    assert set(PERMISSIONS_READ) | set(PERMISSIONS_WRITE) == {"users_", "groups_", "quotas_"}


def test_tables_bear_the_prefix() -> None:
    assert table("user") == "phlymail_user"
