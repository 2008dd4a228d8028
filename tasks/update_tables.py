"""The tables of an instance as an update sees them: kept, changed by the migration, put back (P17)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from hosting.commands import mariadb, replication, tables_aside
from hosting.errors import DriftFound, StepFailed
from hosting.policy.way_back import Table, WayBack, differing

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


def keep_tables(database: MariadbServer, layout: InstanceLayout, way: WayBack) -> None:
    """What the migration changes lies aside, the same as it is; what it may touch else, it may only add to.

    Raises:
        StepFailed: a copy is not the same.
    """
    name, aside = layout.database, layout.kept_database
    database.rows(tables_aside.unlogged())
    numbers = {str(table): int(number) for table, _, number in database.rows(tables_aside.sizes_of(name))}
    database.rows(mariadb.drop_database(aside))
    database.rows(mariadb.create_database(aside))
    for table in way.copied:
        database.run(tables_aside.copy_aside(name, aside, table, numbers[table]))
    if way.copied:
        here = read_tables(database, name, summed=way.copied)
        there = read_tables(database, aside)
        if any(here[table].content != there[table].content for table in way.copied):
            message = f"What was copied aside of {layout.name} is not the same as what it was copied from."
            raise StepFailed(message, "Nothing was changed; report this.")
    database.rows(tables_aside.mark_whole(aside))
    narrowed = tables_aside.narrow_rights(name, name, {*way.copied, *way.new}, way.added)
    database.run(narrowed)


def put_tables_back(database: MariadbServer, layout: InstanceLayout, way: WayBack) -> bool:
    """The tables as they were, whatever the migration came to; whether anything had to be put back.

    Raises:
        DriftFound: what was kept is not there any more, or it did not come out as it was.
    """
    name, aside = layout.database, layout.kept_database
    database.rows(tables_aside.unlogged())
    kept = {str(row[0]) for row in database.rows(tables_aside.sizes_of(aside))}
    if tables_aside.WHOLE not in kept:
        return False  # it was not through with keeping, so that nothing was changed
    waiting = [table for table in way.copied if table in kept]
    if waiting:
        database.run(tables_aside.put_back(name, aside, waiting))
    database.run(tables_aside.drop_new(name, way.new))
    now = read_tables(database, name, summed=())
    for table, (columns, keys) in way.added.items():
        found = now[table]
        extra = [one for one in columns if one in {column[0] for column in found.columns}]
        more = [one for one in keys if one in {key[0] for key in found.keys}]
        database.run(tables_aside.drop_added(name, table, extra, more))
    return True


def check_shape(database: MariadbServer, name: str, wanted: Mapping[str, Table], when: str) -> None:
    """See that a database has the tables, columns and keys that it should.

    Raises:
        DriftFound: it hasn't; names the tables.
    """
    found = read_tables(database, name, summed=())
    if others := differing(wanted, found):
        message = f"The tables of {name} {when}: {', '.join(others[:5])}."
        raise DriftFound(message, "Look at them; nothing that was kept is deleted.")
