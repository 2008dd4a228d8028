"""The tables of an instance as an update sees them: kept, changed by the migration, put back (P17)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hosting.commands import mariadb, replication, tables_aside
from hosting.errors import DriftFound, StepFailed
from hosting.policy.way_back import Table, WayBack, added, differing, shape_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from blocks.mariadb_server import MariadbServer
    from hosting.product.layout import InstanceLayout


def read_tables(
    database: MariadbServer, name: str, *, by: Mapping[str, Table] | None = None, summed: Collection[str] | None = None
) -> dict[str, Table]:
    """All tables of a database.

    Args:
        database: the server.
        name: of the database.
        by: sums are made over the columns that these had; over all, if it is left out.
        summed: sums of these tables alone, which reads all that is in them; of all, if it is left out.
    """
    columns, keys = defaultdict[str, list[tuple[Any, ...]]](list), defaultdict[str, list[tuple[Any, ...]]](list)
    for table, *rest in database.rows(tables_aside.columns_of(name)):
        columns[table].append(tuple(rest))
    for table, *rest in database.rows(tables_aside.keys_of(name)):
        keys[table].append(tuple(rest))
    sizes = {str(table): int(size) for table, size, _ in database.rows(tables_aside.sizes_of(name))}
    over = {}
    for table in sizes:
        there = [str(column[0]) for column in columns[table]]
        wanted = there if by is None or table not in by else [str(column[0]) for column in by[table].columns]
        if (summed is None or table in summed) and set(wanted) <= set(there):
            over[table] = wanted
    rows = database.rows(replication.sums(name, over)) if over else ()
    content = {str(table): tuple(int(one) for one in found) for table, *found in rows}
    return {
        table: Table(tuple(columns[table]), tuple(keys[table]), content.get(table), size)
        for table, size in sizes.items()
    }


def prepare_keeping(database: MariadbServer, layout: InstanceLayout, way: WayBack) -> None:
    """Before the stop: empty tables for what is kept, and the rights on single tables that are left in it.

    Of the tables that stay where they are the empty ones tell what columns and keys they had.
    """
    name, aside = layout.database, layout.kept_database
    database.rows(tables_aside.unlogged())
    database.rows(mariadb.drop_database(aside))
    database.rows(mariadb.create_database(aside))
    numbers = next_numbers(database, name)
    for table in way.kept:
        database.rows(tables_aside.make_aside(name, aside, table))
        if numbers[table] > 1:
            database.rows(tables_aside.set_next_number(aside, table, numbers[table]))
    others = sorted(set(numbers) - set(way.kept))
    database.run(tables_aside.make_aside(name, aside, table) for table in others)
    database.run(tables_aside.grant_single(name, name, (*way.kept, *way.new), others))


def keep_tables(database: MariadbServer, layout: InstanceLayout, way: WayBack) -> None:
    """What the migration may change lies aside, the same as it is; of the rest it may not write a row.

    Raises:
        StepFailed: a copy is not the same.
    """
    name, aside = layout.database, layout.kept_database
    database.rows(tables_aside.unlogged())
    database.rows(tables_aside.begin())
    database.run(tables_aside.copy_aside(name, aside, table) for table in way.kept)
    database.rows(tables_aside.commit())
    here, there = next_numbers(database, name), next_numbers(database, aside)
    for table in way.kept:
        if here[table] != there[table]:
            database.rows(tables_aside.set_next_number(aside, table, here[table]))
    if same(database, name, aside, way.kept) != set(way.kept):
        message = f"What was copied aside of {layout.name} is not the same as what it was copied from."
        raise StepFailed(message, "Nothing was changed; report this.")
    database.rows(tables_aside.mark_whole(aside))
    database.rows(tables_aside.narrow_rights(name, name))


def put_tables_back(database: MariadbServer, layout: InstanceLayout, way: WayBack) -> bool:
    """The tables as they were, whatever the migration came to; whether anything had to be put back.

    Columns and keys that came go again, whether the trial told of them or not.

    Raises:
        DriftFound: columns or keys that were there are others, in a way that the trial did not tell.
    """
    name, aside = layout.database, layout.kept_database
    database.rows(tables_aside.unlogged())
    kept = {str(row[0]) for row in database.rows(tables_aside.sizes_of(aside))}
    if tables_aside.WHOLE not in kept:
        return False  # it was not through with keeping, so that nothing was changed
    unchanged = same(database, name, aside, [one for one in way.small if one in kept])
    waiting = [one for one in way.kept if one in kept and one not in unchanged]
    if waiting:
        database.run(tables_aside.put_back(name, aside, waiting))
    database.run(tables_aside.drop_new(name, way.new))
    now = read_tables(database, name, summed=())
    stayed = {one: was for one, was in read_tables(database, aside, summed=()).items() if one not in way.kept}
    for table in sorted(set(stayed) & set(now)):
        database.run(tables_aside.drop_added(name, table, *added(stayed[table], now[table])))
    if way.shape and shape_of(read_tables(database, name, summed=())) != way.shape:
        message = f"{name} has not the columns and keys of before: its migration changed more than on the copy."
        raise DriftFound(message, f"It stays closed; restore its last point: phm restore {layout.name}.")
    return True


def forget_kept(database: MariadbServer, layout: InstanceLayout) -> None:
    """All is back, and whoever comes is served: what is still kept is never put back again."""
    database.rows(tables_aside.unlogged())
    if database.rows(mariadb.find_database(layout.kept_database)):
        database.run(tables_aside.drop_new(layout.kept_database, (tables_aside.WHOLE,)))


def next_numbers(database: MariadbServer, name: str) -> dict[str, int]:
    """The next number that each table gives; 0 where it gives none."""
    return {str(table): int(number) for table, _, number in database.rows(tables_aside.sizes_of(name))}


def same(database: MariadbServer, name: str, aside: str, tables: Collection[str]) -> set[str]:
    """Which of these tables are the same in both databases: form, rows, and what is in them."""
    if not tables:
        return set()
    here, there = (read_tables(database, one, summed=tables) for one in (name, aside))
    numbers = next_numbers(database, name), next_numbers(database, aside)
    return {
        one for one in tables
        if one in here and one in there and replace(here[one], size=0) == replace(there[one], size=0)
        and numbers[0][one] == numbers[1][one]
    }  # fmt: skip


def check_shape(database: MariadbServer, name: str, wanted: Mapping[str, Table], when: str) -> None:
    """See that a database has the tables, columns and keys that it should.

    Raises:
        DriftFound: it hasn't; names the tables.
    """
    found = read_tables(database, name, summed=())
    if others := differing(wanted, found):
        message = f"The tables of {name} {when}: {', '.join(others[:5])}."
        raise DriftFound(message, "Look at them; nothing that was kept is deleted.")
