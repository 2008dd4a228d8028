"""What differs between the state that serves and the one that a move left on its source, counted on both (P24)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands import kept_state, replication
from hosting.policy.kept_source import PARTS, Loss, difference, differing_parts, files_differing
from tasks.move_database import Sums, columns_of, summing, sums_by_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blocks.mariadb_server import MariadbServer
    from hosting.policy.values import ServerFacts
    from hosting.product.layout import InstanceLayout


@dataclass(frozen=True)
class State:
    """An instance's database on one of the two servers.

    Args:
        server: to ask it.
        name: the database's.
        columns: of each table.
        sums: of each table: rows, sums over them, and what its columns are.
    """

    server: MariadbServer
    name: str
    columns: Mapping[str, Sequence[str]]
    sums: Sums

    @classmethod
    def of(cls, server: MariadbServer, name: str) -> State:
        """The state as it is now."""
        return cls(server, name, columns_of(server, name)[0], sums_by_table(server, name))

    def parts(self, table: str) -> dict[int, tuple[int, ...]]:
        """Of each part of a table that has rows: how many, and sums over them."""
        if table not in self.columns:
            return {}
        found = self.server.rows(replication.parts(self.name, table, self.columns[table], PARTS))
        return {int(part): tuple(map(int, of)) for part, *of in found}

    def marks(self, table: str, parts: Sequence[int]) -> list[str]:
        """A mark for each row in some parts of a table."""
        if table not in self.columns:
            return []
        found = self.server.rows(replication.marks(self.name, table, self.columns[table], PARTS, parts))
        return [str(mark) for (mark,) in found]


def count_loss(serving: ServerFacts, keeper: ServerFacts, layout: InstanceLayout, minutes: int) -> Loss:
    """Rows and files that differ between the present state and the kept one.

    Each table has a statement of its own, and the time that a database of its size may take; of one that differs only
    what differs is read row by row, so much at once as memory bears.

    Raises:
        Unreachable: a server does not answer.
    """
    name = layout.database
    with ThreadPoolExecutor() as pool, summing(serving, name) as present, summing(keeper, name) as kept:
        files = files_differing(*pool.map(_files, (serving, keeper), repeat(layout)))
        states = tuple(pool.map(State.of, (present, kept), repeat(name)))
        known = sorted({table for state in states for table in state.sums})
        tables = [table for table in known if states[0].sums.get(table) != states[1].sums.get(table)]
        rows_lost = rows_back = 0
        for table in tables:
            now, then = pool.map(State.parts, states, repeat(table))
            for group in differing_parts(now, then):
                lost, back = difference(*pool.map(State.marks, states, repeat(table), repeat(group)))
                rows_lost, rows_back = rows_lost + lost, rows_back + back
    return Loss(minutes, rows_lost, rows_back, tuple(tables), *files)


def _files(server: ServerFacts, layout: InstanceLayout) -> dict[str, tuple[int, str]]:
    """What a server has of an instance's files."""
    return kept_state.parse_files(load(SshHost).connection(server).run(kept_state.list_files(layout.data)).out)
