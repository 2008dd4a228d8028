"""What is written and said for each PHP and each database (P13); HHVM and MySQL as text alone."""

from __future__ import annotations

import configparser
import re

import pytest

from hosting.commands import mariadb
from hosting.commands.database_dialects import DIALECTS, MARIADB, MYSQL
from hosting.commands.enrolment import ensure_database_settings
from hosting.commands.enrolment_state import read_enrolment
from hosting.commands.packages import UNITS, units_of
from hosting.commands.php_flavours import PHP_FLAVOURS, FastCgi, fastcgi
from hosting.commands.server_facts import programs_of, read_facts
from hosting.policy.flavours import PROVEN, Database, Flavours, Php, running_settings
from hosting.product.layout import InstanceLayout
from hosting.templates import render
from tests.templates.test_sites import INSTANCE, SERVER, site_values

HHVM = Flavours(Php.HHVM, "127.0.0.1:9000")
LAYOUT = InstanceLayout.of(INSTANCE)


def test_each_flavour_has_its_words() -> None:
    assert (set(PHP_FLAVOURS), set(DIALECTS)) == (set(Php), set(Database))
    other = Flavours(Php.HHVM, "127.0.0.1:9000", Database.MYSQL)
    assert (units_of(PROVEN), units_of(other)) == (UNITS, ("apache2", "hhvm", "mysql", "cron", "ssh"))
    assert {"php-fpm8.2", "mariadbd", "mariadb-dump"} <= set(programs_of())
    assert set(programs_of(other)) - set(programs_of()) == {"hhvm", *MYSQL.programs}
    assert "apache2 hhvm mysql cron ssh" in read_facts(other).argv


@pytest.mark.parametrize(("flavours", "way"), [
    (PROVEN, FastCgi("proxy:unix:/run/php/phm-k3v9q2.sock|fcgi://phm-k3v9q2/", "fcgi://phm-k3v9q2/")),
    (HHVM, FastCgi("proxy:fcgi://127.0.0.1:9000/", "fcgi://127.0.0.1:9000/", is_generic=True)),
    (Flavours(Php.HHVM, "/run/hhvm/a.sock"),
     FastCgi("proxy:unix:/run/hhvm/a.sock|fcgi://phm-k3v9q2/", "fcgi://phm-k3v9q2/", is_generic=True)),
])  # fmt: skip
def test_apache_hands_requests_to_the_pool_or_to_the_address(flavours: Flavours, way: FastCgi) -> None:
    assert fastcgi(flavours, LAYOUT) == way
    site = render("apache/instance.conf.j2", **{**site_values(SERVER, INSTANCE), "fastcgi": way})
    assert re.findall(r'SetHandler "(.*)"', site) == [way.handler]
    assert f'<Proxy "{way.worker}">' in site
    assert ("ProxyFCGIBackendType GENERIC" in site) is way.is_generic


def test_a_password_s_hash_is_given_in_each_database_s_words() -> None:
    for dialect, words in ((MARIADB, "IDENTIFIED BY PASSWORD"), (MYSQL, "IDENTIFIED WITH mysql_native_password AS")):
        for statement in mariadb.create_user("phm_a", "*HASH", dialect):
            assert statement.sql.endswith(f"`phm_a`@localhost {words} %s")
            assert statement.values == ("*HASH",)
    assert "INNODB_SYS_TABLESPACES" in mariadb.database_bytes("phm_a").sql
    assert "information_schema.INNODB_TABLESPACES" in mariadb.database_bytes("phm_a", MYSQL).sql


@pytest.mark.parametrize("database", Database)
def test_a_database_s_settings_are_those_that_it_is_asked_for(database: Database) -> None:
    path, template = DIALECTS[database].settings
    assert path.startswith(f"/etc/mysql/{database}.conf.d/")
    written = configparser.ConfigParser()
    written.read_string(render(template, number=7, host="app1"))
    same = {name: value for name, value in running_settings(database, 7).items() if name != "log_bin"}
    assert {name: written["mysqld"][name] for name in same} == same
    assert written["mysqld"]["log_bin"] == "app1-bin"
    client = DIALECTS[database].client
    assert ensure_database_settings(7, database).argv[4:6] == (client, DIALECTS[database].unit)
    assert client in read_enrolment([], database).argv
