"""The product's accounts as SQL and digests (phlymail.md section 4.1)."""

from __future__ import annotations

import base64
import hashlib

from hosting.product.layout import TABLE_PREFIX

PERMISSIONS_READ = ("users_", "groups_", "quotas_")
PERMISSIONS_WRITE = ("users_", "groups_", "quotas_")
"""What the customer's administrator may see and change in Config: users, groups and quotas, nothing of the system."""


def table(name: str) -> str:
    """A product table's name."""
    return f"{TABLE_PREFIX}_{name}"


def digest(name: str, salt: str, password: str) -> str:
    """The product's password digest; the salt is the instance's `auth.system_salt`."""
    return hashlib.md5(f"{name}:{salt}:{password}".encode(), usedforsecurity=False).hexdigest()


def permissions() -> str:
    """The permissions column of the customer's administrator: base64 of PHP's serialized [read, write]."""

    def php(items: tuple[str, ...]) -> str:
        inner = "".join(f'i:{index};s:{len(item)}:"{item}";' for index, item in enumerate(items))
        return f"a:{len(items)}:{{{inner}}}"

    both = f"a:2:{{i:0;{php(PERMISSIONS_READ)}i:1;{php(PERMISSIONS_WRITE)}}}"
    return base64.b64encode(both.encode()).decode()
