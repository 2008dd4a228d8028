"""SQL as values: names, password hashes, rights."""

from __future__ import annotations

import pytest

from hosting.commands import accounts, mariadb


@pytest.mark.parametrize("name", ["", "Phm", "1x", "a-b", "a`b", "a b", "ä", "x" * 49, "a;drop", "a\n"])
def test_only_our_own_alphabet_is_ever_pasted(name: str) -> None:
    with pytest.raises(ValueError, match="no name of ours"):
        mariadb.name(name)


def test_a_password_is_hashed_as_mariadb_does() -> None:
    assert (
        mariadb.password_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    )  # SELECT PASSWORD('password')


RIGHTS = ", ".join(mariadb.RIGHTS)
USAGE = "GRANT USAGE ON *.* TO `phm_a`@`localhost` IDENTIFIED BY PASSWORD '*00'"


@pytest.mark.parametrize(
    ("grants", "right"),
    [
        ((USAGE, rf"GRANT {RIGHTS} ON `phm\_a`.* TO `phm_a`@`localhost`"), True),
        ((USAGE,), False),
        ((USAGE, rf"GRANT {RIGHTS}, TRIGGER ON `phm\_a`.* TO `phm_a`@`localhost`"), False),
        ((USAGE, r"GRANT SELECT ON `phm\_a`.* TO `phm_a`@`localhost`"), False),
        ((USAGE, f"GRANT {RIGHTS} ON `phm_a`.* TO `phm_a`@`localhost`"), False),  # _ is a wildcard: phmXa too
        (
            (
                USAGE,
                rf"GRANT {RIGHTS} ON `phm\_a`.* TO `phm_a`@`localhost`",
                r"GRANT SELECT ON `phm\_b`.* TO `phm_a`@`localhost`",
            ),
            False,
        ),
        (("GRANT FILE ON *.* TO `phm_a`@`localhost`", rf"GRANT {RIGHTS} ON `phm\_a`.* TO `phm_a`@`localhost`"), False),
    ],
)
def test_rights_are_set_where_nothing_is_missing_and_nothing_too_much(grants: tuple[str, ...], right: bool) -> None:
    assert mariadb.rights_are_set(grants, "phm_a") is right


def test_no_value_stands_in_the_text_of_a_statement() -> None:
    statements = (
        *mariadb.create_user("phm_a", "*HASH"),
        accounts.add_customer_admin("phm_a", "o'brien@x.test", "unusable"),
        accounts.set_admin_password("phm_a", "o'brien", "0123456789abcdef"),
        accounts.find_user("phm_a", "phm-proof"),
        *accounts.leftovers_of_user("phm_a", 4711),
    )
    own = ("*HASH", "o'brien", "unusable", "0123456789abcdef", "phm-proof", "4711")
    assert not [one.sql for one in statements for value in own if value in one.sql]
    assert all(one.sql.count("%s") == len(one.values) for one in statements)


def test_sizes_of_one_database_are_not_another_s() -> None:
    assert mariadb.database_bytes("phm_a").values == (r"phm\_a/%",)
