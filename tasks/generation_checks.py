"""Generations looked through on their servers; one that is spoilt is marked, so that a full backup takes its place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from hosting.errors import ServiceError, Unreachable
from hosting.inventory import deeds, instances, recovery_points, servers
from hosting.inventory.backup_views import CHECKED, all_backups
from hosting.inventory.session import in_transaction
from hosting.policy.backup_checks import LastCheck, NextCheck, check_seconds, newest_kept, next_checks
from hosting.policy.states import GenerationState
from hosting.policy.values import InstanceName
from tasks.jobs import JobComplained, end_job, run_job
from tasks.letters import local, tell_findings
from tasks.records import inventory, now
from tasks.retention import in_use
from tasks.snapshots import reading_request
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import ServerFacts

NOT_CHECKED = "generation not checked"
"""The deed of a check that could not be made."""

GOOD = "good"


class FoundDamaged(ServiceError):
    """Generations are spoilt, or could not be looked through."""


@dataclass(frozen=True)
class Checked:
    """What a check came to: spoilt or not, or why it could not be made."""

    check: NextCheck
    finding: str = ""
    damaged: bool = False
    seconds: float = 0.0


@reading
def read_checks() -> list[tuple[ServerFacts, list[NextCheck]]]:
    """What is to be checked this night, by the server on which the instance is; nothing that somebody works on."""
    with inventory().reading() as session:
        found = {one.instance.name: one for one in all_backups(session, now())}
        newest = {name: kept for name, one in found.items() if (kept := newest_kept(one.generations, one.points))}
        chosen: defaultdict[str, list[NextCheck]] = defaultdict(list)
        for check in next_checks(newest, last_checks(session), now(), last_failures(session)):
            name = check.generation.instance_name
            if not in_use(session, name):
                chosen[found[name].instance.server_name].append(check)
        return [(servers.server_facts(session, name), checks) for name, checks in sorted(chosen.items())]


def last_checks(session: Session) -> dict[InstanceName, LastCheck]:
    """The last check of each instance that was ever checked, and which in number it was."""
    last: dict[InstanceName, LastCheck] = {}
    for deed in deeds.deeds_called(session, CHECKED):
        name = InstanceName(deed.subject.removeprefix(instances.subject_of("")))
        last[name] = LastCheck(deed.at, last[name].count + 1 if name in last else 1)
    return last


def last_failures(session: Session) -> dict[InstanceName, datetime]:
    """When the last try ended of each instance whose last check could not be made."""
    failed: dict[InstanceName, datetime] = {}
    for deed in deeds.deeds_called(session, CHECKED, NOT_CHECKED):
        name = InstanceName(deed.subject.removeprefix(instances.subject_of("")))
        failed.pop(name, None)
        if deed.what == NOT_CHECKED:
            failed[name] = deed.at
    return failed


@task(name="check_on", cache_policy=NO_CACHE, persist_result=False)
def check_on(server: ServerFacts, checks: Sequence[NextCheck]) -> list[Checked]:
    """The checks of one server, one after another; what does not answer one would not answer the next: it is left."""
    results = []
    for check in checks:
        try:
            results.append(check_generation(server, check))
        except ServiceError as error:
            run_logger().error("%s: %s", check.generation.id, error)  # one sentence is what helps here
            results.append(_not_checked(check, str(error)))
            if isinstance(error, Unreachable):
                break
    return results


def check_generation(server: ServerFacts, check: NextCheck) -> Checked:
    """A generation looked through and recorded as good, or marked as damaged.

    Raises:
        Unreachable: server or store do not answer.
        StepFailed: restic could not look.
    """
    generation, id_ = check.generation, f"check-{check.generation.id}"
    request = reading_request(generation) | {"part": check.part, "parts": check.parts}
    end_job(server, id_)
    try:
        result = run_job(server, id_, "check-generation", request, seconds=check_seconds(check))
    except JobComplained as error:
        if error.kind != "damaged":
            raise
        return _damaged(check, error.what)
    seconds = float(result["seconds"])
    told = {"generation": generation.id, "part": check.part, "parts": check.parts, "seconds": seconds}
    subject = instances.subject_of(generation.instance_name)
    in_transaction(
        inventory(), lambda session: deeds.record(session, deeds.SERVICE, CHECKED, subject, evidence=told, now=now())
    )
    return Checked(check, seconds=seconds)


def _not_checked(check: NextCheck, why: str) -> Checked:
    """Why it could not be made; recorded, so that it keeps no other generation from its check."""
    id_, subject = check.generation.id, instances.subject_of(check.generation.instance_name)
    told = {"generation": id_}
    in_transaction(
        inventory(),
        lambda session: deeds.record(session, deeds.SERVICE, NOT_CHECKED, subject, why=why, evidence=told, now=now()),
    )
    return Checked(check, why)


def _damaged(check: NextCheck, finding: str) -> Checked:
    """Nothing is added to it any more; the next run begins a new one."""
    id_ = check.generation.id
    run_logger().error("%s is damaged: %s", id_, finding)
    in_transaction(
        inventory(),
        lambda session: recovery_points.mark_generation(session, id_, GenerationState.DAMAGED, finding, now()),
    )
    return Checked(check, finding, damaged=True)


@reading
def report_checks(results: Sequence[Checked]) -> None:
    """Every generation that was looked through, as a table."""
    rows = [
        {
            "instance": one.check.generation.instance_name,
            "generation": one.check.generation.id,
            "part read": f"{one.check.part} of {one.check.parts}",
            "seconds": f"{one.seconds:.1f}",
            "finding": one.finding or GOOD,
        }
        for one in results
    ]
    create_table_artifact(key="backups-checked", table=rows, description=f"Generations checked {local(now())} (P20)")


@reading
def tell_damaged(results: Sequence[Checked]) -> None:
    """A letter to the operators for each generation that was found damaged."""
    for one in results:
        if one.damaged:
            generation = one.check.generation
            finding = {
                "subject": f"generation {generation.id}",
                "sentence": f"It is damaged: {one.finding}",
                "do": "The next run makes a full backup in its place; docs/runbooks/backups.md tells the rest.",
            }
            title = f"Backups: a generation of instance {generation.instance_name} is damaged"
            tell_findings(f"damaged:{generation.id}", title, [finding])


def check_all_sound(results: Sequence[Checked]) -> None:
    """See that every generation that was to be checked is sound.

    Raises:
        FoundDamaged: some are not, or could not be looked through.
    """
    found = [one for one in results if one.finding]
    if found:
        names = ", ".join(one.check.generation.id for one in found)
        message = f"{len(found)} of {len(results)} generations are damaged or could not be checked: {names}."
        raise FoundDamaged(f"{message} The first reason: {found[0].finding}", "See docs/runbooks/backups.md.")
