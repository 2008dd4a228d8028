"""An instance's tables during an update: what the trial told is kept, nothing else can change, all of it goes back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pymysql
import pytest

from blocks.mariadb_server import MariadbServer
from hosting.commands import mariadb as sql
from hosting.commands import tables_aside
from hosting.commands.mariadb import Statement
from hosting.errors import DriftFound
from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.policy.way_back import WayBack, way_back
from hosting.product.layout import InstanceLayout
from tasks.update_tables import check_shape, forget_kept, keep_tables, prepare_keeping, put_tables_back, read_tables
from tests.inventory.databases import PrivateMariadb

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

LAYOUT = InstanceLayout("k3v9q2", 1, ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1))
TABLES = """
CREATE TABLE {db}.users (uid INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL) AUTO_INCREMENT=90;
INSERT INTO {db}.users (name) VALUES ('anna'), ('bert');
DELETE FROM {db}.users WHERE name='bert';
CREATE TABLE {db}.mails (id INT PRIMARY KEY, uid INT, body TEXT, KEY uid (uid), FULLTEXT KEY body (body));
INSERT INTO {db}.mails VALUES (1, 90, 'one'), (2, 90, 'two');
CREATE TABLE {db}.events (id INT PRIMARY KEY, `when` DATETIME);
CREATE TABLE {db}.notes (id INT PRIMARY KEY);
CREATE TABLE {db}.folders (id INT PRIMARY KEY, seen INT);
INSERT INTO {db}.folders VALUES (1, 0);
INSERT INTO {db}.notes VALUES (1), (2)
"""
MIGRATION = """
ALTER TABLE {db}.users ADD note VARCHAR(20) NOT NULL DEFAULT '' AFTER uid;
UPDATE {db}.users SET name=CONCAT(name, '!');
INSERT INTO {db}.users (name) VALUES ('clara');
ALTER TABLE {db}.mails ADD seen INT NOT NULL DEFAULT 0, ADD KEY seen (seen, uid);
CREATE TABLE {db}.news (id INT PRIMARY KEY);
INSERT INTO {db}.news VALUES (1);
ALTER TABLE {db}.events MODIFY `when` BIGINT
"""


SAID_AT_EACH_RUN = """
DROP TABLE IF EXISTS {db}.boxes;
UPDATE {db}.folders SET seen=1 WHERE id=2;
ALTER TABLE {db}.mails MODIFY body TEXT
"""
"""What changes nothing."""


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateMariadb]:
    server = PrivateMariadb()
    yield server
    server.remove()


def connected(private: PrivateMariadb, user: str = "", password: str = "") -> MariadbServer:
    socket = private.folder / "socket"
    return MariadbServer(
        pymysql.connections.Connection(
            user=user or "root", password=password, unix_socket=str(socket), autocommit=True, charset="utf8mb4"
        ),
        "app1",
    )


@pytest.fixture
def server(private: PrivateMariadb) -> Iterator[MariadbServer]:
    """A server with the instance's database, its user, and a copy of the database for the trial."""
    root = connected(private)
    for name in (LAYOUT.database, LAYOUT.trial_database):
        root.run((sql.drop_database(name), sql.create_database(name)))
        all_of(root, TABLES, name)
    root.rows(sql.drop_database(LAYOUT.kept_database))
    root.run(sql.create_user(LAYOUT.database, sql.password_hash("secret")))
    root.run(sql.set_rights(LAYOUT.database, LAYOUT.database))
    yield root
    root.rows(sql.drop_user(LAYOUT.database))


def all_of(server: MariadbServer, statements: str, database: str) -> None:
    for one in statements.format(db=database).split(";\n"):
        server.rows(Statement(one.strip()))


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hosting.policy.way_back.SMALL_BYTES", 0)


def tried(server: MariadbServer) -> WayBack:
    before = read_tables(server, LAYOUT.trial_database)
    all_of(server, MIGRATION, LAYOUT.trial_database)
    return way_back(before, read_tables(server, LAYOUT.trial_database, by=before), 0.1)


def test_a_trial_tells_what_to_copy_what_to_drop_and_leaves_the_rest_out(server: MariadbServer) -> None:
    way = tried(server)
    assert way.copied == ("events", "users")
    assert way.added == {"mails": (("seen",), ("seen",))}
    assert way.new == ("news",)
    assert WayBack.of(way.told()) == way


def test_a_table_that_was_just_filled_is_as_large_as_its_file_whatever_was_last_estimated(
    server: MariadbServer,
) -> None:
    database = LAYOUT.trial_database
    filled = f"{database}.filled"
    server.rows(Statement(f"CREATE TABLE {filled} (id INT PRIMARY KEY, body LONGBLOB) STATS_AUTO_RECALC=0"))
    server.rows(Statement(f"INSERT INTO {filled} SELECT seq, REPEAT('x', 65000) FROM {database}.seq_1_to_64"))
    sizes = {str(row[0]): int(row[1]) for row in server.rows(tables_aside.sizes_of(database))}
    assert sizes["filled"] >= 64 * 65000


@pytest.mark.parametrize("small", [0, 2**30])
@pytest.mark.parametrize("done", [0, 3, 7])
def test_whatever_the_migration_came_to_rows_shapes_and_next_numbers_are_as_before(
    private: PrivateMariadb, server: MariadbServer, monkeypatch: pytest.MonkeyPatch, done: int, small: int
) -> None:
    monkeypatch.setattr("hosting.policy.way_back.SMALL_BYTES", small)
    way, before = tried(server), read_tables(server, LAYOUT.database)
    numbers = server.rows(tables_aside.sizes_of(LAYOUT.database))
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    customer = connected(private, LAYOUT.database, "secret")
    all_of(customer, ";\n".join(MIGRATION.split(";\n")[:done]) or "SELECT 1", LAYOUT.database)
    for _ in range(2):
        assert put_tables_back(server, LAYOUT, way)
    after = read_tables(server, LAYOUT.database)
    assert {name: (one.columns, one.keys, one.content) for name, one in after.items()} == {
        name: (one.columns, one.keys, one.content) for name, one in before.items()
    }
    assert {row[0]: row[2] for row in server.rows(tables_aside.sizes_of(LAYOUT.database))} == {
        row[0]: row[2] for row in numbers
    }
    check_shape(server, LAYOUT.database, before, "are others")


def test_the_migration_can_write_nothing_that_is_not_kept_and_a_try_is_noticed(
    private: PrivateMariadb, server: MariadbServer
) -> None:
    way = tried(server)
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    refused = server.rows(tables_aside.refusals())
    customer = connected(private, LAYOUT.database, "secret")
    assert customer.rows(Statement(f"SELECT COUNT(*) FROM {LAYOUT.database}.notes")) == ((2,),)
    for forbidden in ("DELETE FROM {db}.notes", "UPDATE {db}.mails SET uid=1", "DROP TABLE {db}.notes"):
        with contextlib.suppress(Exception):
            customer.rows(Statement(forbidden.format(db=LAYOUT.database)))
        assert server.rows(tables_aside.refusals()) != refused, forbidden
        refused = server.rows(tables_aside.refusals())
    assert server.rows(Statement(f"SELECT COUNT(*) FROM {LAYOUT.database}.notes")) == ((2,),)


def test_what_the_migration_changed_otherwise_than_on_the_copy_does_not_pass_for_what_was_before(
    private: PrivateMariadb, server: MariadbServer
) -> None:
    way = tried(server)
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    customer = connected(private, LAYOUT.database, "secret")
    customer.rows(Statement(f"ALTER TABLE {LAYOUT.database}.mails MODIFY uid SMALLINT"))
    with pytest.raises(DriftFound, match="more than on the copy"):
        put_tables_back(server, LAYOUT, way)


def test_what_a_large_table_got_beside_what_the_trial_told_goes_again(
    private: PrivateMariadb, server: MariadbServer
) -> None:
    way, before = tried(server), read_tables(server, LAYOUT.database)
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    got = "ALTER TABLE {db}.notes ADD more INT, ADD KEY more (more);\nALTER TABLE {db}.mails ADD odd INT"
    all_of(connected(private, LAYOUT.database, "secret"), got, LAYOUT.database)
    for _ in range(2):
        assert put_tables_back(server, LAYOUT, way)
    assert {name: one.content for name, one in read_tables(server, LAYOUT.database).items()} == {
        name: one.content for name, one in before.items()
    }
    check_shape(server, LAYOUT.database, before, "are others")


def test_what_the_product_says_at_each_run_is_not_refused_though_it_changed_nothing_on_the_copy(
    private: PrivateMariadb, server: MariadbServer
) -> None:
    before = read_tables(server, LAYOUT.trial_database)
    all_of(server, SAID_AT_EACH_RUN, LAYOUT.trial_database)
    after = read_tables(server, LAYOUT.trial_database, by=before)
    way = way_back(before, after, 0.1, ("boxes", "folders"))
    assert (way.copied, way.small, way.new, way.added) == ((), ("folders",), ("boxes",), {})
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    refused = server.rows(tables_aside.refusals())
    all_of(connected(private, LAYOUT.database, "secret"), SAID_AT_EACH_RUN, LAYOUT.database)
    assert server.rows(tables_aside.refusals()) == refused
    check_shape(server, LAYOUT.database, before, "are others")
    assert put_tables_back(server, LAYOUT, way)


def test_on_small_tables_the_migration_may_write_what_it_did_not_write_on_the_copy(
    private: PrivateMariadb, server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hosting.policy.way_back.SMALL_BYTES", 2**30)
    way, before = tried(server), read_tables(server, LAYOUT.database)
    assert (way.copied, way.small) == (("events", "users"), ("folders", "mails", "notes"))
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    refused = server.rows(tables_aside.refusals())
    connected(private, LAYOUT.database, "secret").rows(Statement(f"DELETE FROM {LAYOUT.database}.notes"))
    assert server.rows(tables_aside.refusals()) == refused
    assert put_tables_back(server, LAYOUT, way)
    assert read_tables(server, LAYOUT.database)["notes"].content == before["notes"].content


def test_what_customers_write_after_it_is_back_and_open_stays_whoever_goes_back_again(
    private: PrivateMariadb, server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hosting.policy.way_back.SMALL_BYTES", 2**30)
    way = tried(server)
    forget_kept(server, LAYOUT)  # where nothing was kept yet
    prepare_keeping(server, LAYOUT, way)
    keep_tables(server, LAYOUT, way)
    assert put_tables_back(server, LAYOUT, way)
    for _ in range(2):
        forget_kept(server, LAYOUT)
    server.rows(Statement(f"INSERT INTO {LAYOUT.database}.notes VALUES (77)"))
    assert not put_tables_back(server, LAYOUT, way)
    assert (77,) in server.rows(Statement(f"SELECT id FROM {LAYOUT.database}.notes"))


def test_what_was_not_kept_wholly_puts_nothing_back(server: MariadbServer) -> None:
    way = tried(server)
    server.rows(sql.create_database(LAYOUT.kept_database))
    server.rows(tables_aside.make_aside(LAYOUT.database, LAYOUT.kept_database, "users"))
    assert not put_tables_back(server, LAYOUT, way)
    assert server.rows(Statement(f"SELECT name FROM {LAYOUT.database}.users")) == (("anna",),)


def test_tables_of_another_shape_than_expected_are_named(server: MariadbServer) -> None:
    before = read_tables(server, LAYOUT.database)
    server.rows(Statement(f"ALTER TABLE {LAYOUT.database}.notes ADD told INT"))
    with pytest.raises(DriftFound, match="notes"):
        check_shape(server, LAYOUT.database, before, "have changed")
