"""A server's PHP and database are its own choice; what is unproven is told, and takes no instance (P13)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hosting.policy.enrolling import database_differences
from hosting.policy.flavours import (
    PROVEN,
    UNPROVEN,
    Database,
    Flavours,
    Php,
    WrongFlavour,
    check_flavours,
    flavours_of,
    running_settings,
)
from hosting.policy.placement import NoServerHasRoom, check_takes, takes_instances
from tests.inventory.words import server

HHVM = Flavours(Php.HHVM, "127.0.0.1:9000")
MYSQL = Flavours(database=Database.MYSQL)


@pytest.mark.parametrize("flavours", [PROVEN, HHVM, MYSQL, replace(HHVM, database=Database.MYSQL)])
def test_the_choice_is_a_property_of_the_server(flavours: Flavours) -> None:
    assert flavours_of(flavours.as_fact()) == flavours
    assert server("app1", facts=flavours.as_fact()).flavours == flavours
    assert server("app1").flavours == PROVEN


@pytest.mark.parametrize(
    ("flavours", "of"), [(HHVM, [Php.HHVM]), (MYSQL, [Database.MYSQL]), (replace(HHVM, database=Database.MYSQL), list(UNPROVEN))]
)  # fmt: skip
def test_what_is_unproven_says_so_and_takes_no_instance(flavours: Flavours, of: list[Php | Database]) -> None:
    assert flavours.unproven == tuple(UNPROVEN[one] for one in of)
    unproven = server("app1", facts=flavours.as_fact())
    assert takes_instances(server("app1", facts=PROVEN.as_fact()))
    assert not takes_instances(unproven)
    with pytest.raises(NoServerHasRoom, match=" is unproven: "):
        check_takes(unproven, 1)


@pytest.mark.parametrize("address", ["127.0.0.1:9000", "[::1]:9000", "/run/hhvm/hhvm.sock"])
def test_hhvm_listens_on_the_server_itself(address: str) -> None:
    check_flavours(Flavours(Php.HHVM, address), PROVEN, 0)


@pytest.mark.parametrize("address", ["", "192.0.2.1:9000", "127.0.0.1", "127.0.0.1:0", "hhvm.sock", '/run/a".sock'])
def test_an_address_elsewhere_or_none_is_refused(address: str) -> None:
    with pytest.raises(WrongFlavour, match="no address at which HHVM listens"):
        check_flavours(Flavours(Php.HHVM, address), PROVEN, 0)


def test_a_choice_does_not_change_under_instances() -> None:
    with pytest.raises(WrongFlavour, match="3 instances are on the server"):
        check_flavours(MYSQL, PROVEN, 3)
    check_flavours(MYSQL, MYSQL, 3)
    with pytest.raises(WrongFlavour, match="a socket of its own"):
        check_flavours(Flavours(php_address="127.0.0.1:9000"), PROVEN, 0)


def test_each_database_is_asked_for_what_it_has() -> None:
    assert list(running_settings(Database.MARIADB, 7).values()) == ["ON", "ROW", "7", "7", "NO_ENGINE_SUBSTITUTION"]
    assert "gtid_domain_id" not in running_settings(Database.MYSQL, 7)
    assert database_differences("1,ROW,7,ON,NO_ENGINE_SUBSTITUTION", 7, Database.MYSQL) == ""
    assert database_differences("1,ROW,7,OFF,ANSI,B", 7, Database.MYSQL) == (
        "gtid_mode is OFF, becomes ON, sql_mode is ANSI,B, becomes NO_ENGINE_SUBSTITUTION"
    )
