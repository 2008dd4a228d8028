"""SQL on the product's accounts (phlymail.md section 4)."""

from __future__ import annotations

from hosting.commands.mariadb import Statement, name
from hosting.product.accounts import permissions, table
from hosting.product.layout import CUSTOMER_ADMIN


def find_admin(database: str, admin: str) -> Statement:
    """One row where the administrator is there."""
    return Statement(f"SELECT uid FROM {name(database)}.{table('admin')} WHERE username = %s", (admin,))


def add_customer_admin(database: str, email: str, unusable: str) -> Statement:
    """The customer's administrator, not root, with a digest that belongs to no password."""
    return Statement(
        f"INSERT IGNORE INTO {name(database)}.{table('admin')} "
        "(username, pw_digesta1, externalemail, active, is_root, choices, permissions) "
        "VALUES (%s, %s, %s, '1', 'no', '', %s)",
        (CUSTOMER_ADMIN, unusable, email, permissions()),
    )


def set_admin_password(database: str, admin: str, digested: str) -> Statement:
    """A new password digest; a lock after failed logins is lifted."""
    return Statement(
        f"UPDATE {name(database)}.{table('admin')} SET pw_digesta1 = %s, password = '', fail_count = 0 "
        "WHERE username = %s",
        (digested, admin),
    )


def count_group_permissions(database: str) -> Statement:
    """How many permissions are given to groups."""
    return Statement(f"SELECT COUNT(*) FROM {name(database)}.{table('group_permissions')}")


def clear_groups(database: str) -> tuple[Statement, ...]:
    """No group: what a broken attempt left is taken away."""
    return (Statement(f"DELETE FROM {name(database)}.{table('groups')}"),)


def count_users(database: str) -> Statement:
    """The users of the instance (P07: a user is gone when no row is left; administrators are not users)."""
    return Statement(f"SELECT COUNT(*) FROM {name(database)}.{table('user')}")


def find_user(database: str, user: str) -> Statement:
    """The uid of a user."""
    return Statement(f"SELECT uid FROM {name(database)}.{table('user')} WHERE username = %s", (user,))


def leftovers_of_user(database: str, uid: int) -> tuple[Statement, ...]:
    """What the product's own deletion of a user leaves behind (phlymail.md section 9), the user's row included."""
    owned = {
        "user": "uid",
        "calendar_events": "uid",
        "calendar_groups": "owner",
        "calendar_tasks": "uid",
        "user_foldersettings": "uid",
    }
    return tuple(
        Statement(f"DELETE FROM {name(database)}.{table(where)} WHERE {column} = %s", (uid,))
        for where, column in owned.items()
    )
