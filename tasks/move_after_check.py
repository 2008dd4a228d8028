"""The comparison after the switch: what the target held then, summed up there whatever becomes of the run (P24).

A database that is too large to be compared in the stop is held by a job of the target's as it is at the switch, and is
compared with the source's, which nobody writes to any more. No move is through without it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import replication, server_link
from hosting.inventory import cases, instances, moves
from hosting.inventory.moves import COMPARED, DIFFERS
from hosting.inventory.session import in_transaction
from tasks.jobs import end_job, left_result
from tasks.move_database import NotTheSame, columns_of, compare, rows_of, summing, sums_by_table
from tasks.move_jobs import Job
from tasks.move_records import after_check_key
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from sqlalchemy.orm import Session

    from tasks.move_records import Move


def sums_job_of(instance: str) -> str:
    """The one job that sums up a move's database on its target."""
    return f"move-sums-{instance}"


@contextlib.contextmanager
def ready_to_hold(move: Move, *, wanted: bool) -> Iterator[None]:
    """The job that is to hold the target's database is begun, so that in the stop nothing begins."""
    if wanted:
        id_, name = sums_job_of(move.name), move.layout.database
        end_job(move.target, id_)
        with mariadb_of(load(SshHost).connection(move.target)) as database:
            columns, _ = columns_of(database, name)
        asked = {"database": name, "sql": replication.sums(name, columns).sql, **_signs(move)}
        job = Job(move.target, id_, "move-sums", asked)
        job.start()
        job.wait_ready()
    yield


@reading
def hold_target(move: Move) -> None:
    """The target's database is held as it is now, before the first change of the customer's there.

    Raises:
        Unreachable: the target does not answer, or the job does not.
    """
    signs = server_link.hold_moment(move.work / "hold", move.work / "held")
    load(SshHost).connection(move.target).run(signs)


@reading
def record_after_check(move: Move) -> None:
    """Both sides compared row by row as they were at the switch, unless that was done; a difference is for a person.

    Where the target was restarted meanwhile, what it held is lost: then its present rows are compared.

    Raises:
        Unreachable: one of the servers does not answer.
    """
    with inventory().reading() as session:
        if {COMPARED, DIFFERS} & set(moves.move_facts(session, move.facts.id).evidence):
            return
    held = left_result(move.target, sums_job_of(move.name))
    name = move.layout.database
    with summing(move.source, name) as source, summing(move.target, name) as target:
        here = sums_by_table(source, name)
        there = sums_by_table(target, name) if held is None else rows_of(held["rows"], columns_of(target, name)[1])
    try:
        found: Mapping[str, Any] = {COMPARED: compare(here, there, move.target.name)}
    except NotTheSame as error:
        lost = "" if held else " What it held at the switch is lost, so that its rows of now were compared."
        found = {DIFFERS: f"{error}{lost}"}
    in_transaction(inventory(), lambda session: _record(session, move, found))


def _signs(move: Move) -> dict[str, str]:
    """The files by which the job is told to hold, and says that it does."""
    return {"awaited": str(move.work / "hold"), "held": str(move.work / "held")}


def _record(session: Session, move: Move, found: Mapping[str, Any]) -> None:
    """What came of it; a difference is put before a person, once."""
    at = now()
    moves.add_evidence(session, move.facts.id, found)
    if DIFFERS in found:
        summary = f"The move of {move.name} from {move.source.name} to {move.target.name}: {found[DIFFERS]}"
        key, subject = after_check_key(move.facts.id), instances.subject_of(move.name)
        cases.raise_case(session, key, cases.NOT_DONE, subject, summary, facts={"move": move.facts.id}, now=at)
