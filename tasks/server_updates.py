"""A server's packages brought up to date: looked at, tried on paper, done by a job, proven from outside, or taken back.

The job on the server goes on where the connection is cut or this program is killed. What was begun stands in the
inventory, so that the next run follows the job to its end and proves or takes back what it did (P14, P15).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from blocks.web_probe import web_probe
from hosting.commands import packages
from hosting.errors import ServiceError, StepFailed, Unreachable
from hosting.inventory import deeds, server_updates
from hosting.inventory.server_updates import UPDATED, BegunUpdate
from hosting.inventory.session import in_transaction
from hosting.policy.server_updates import (
    Scope,
    SystemFacts,
    Transaction,
    Word,
    check_can_begin,
    grown_ill,
    is_restarted,
    is_untouched,
)
from hosting.product.proof import HEALTH, SHOWN, differs
from tasks.jobs import JobComplained, end_job, left_result, run_job
from tasks.probes import url_of
from tasks.progress import progress_of
from tasks.records import inventory, now
from tasks.step import reading, run_logger, step

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from blocks.web_probe import WebProbe
    from hosting.policy.values import InstanceFacts, ServerFacts

JOB_SECONDS = 3600.0
WELL_SECONDS = 90.0
"""So long a server has to be as well as it was before an update."""

LOOK_SECONDS = 2.0
SIDE_BY_SIDE = 8
WORK = "apply-packages"
PUT_BACK = "put-back-packages"
TAKEN_BACK = "server update taken back"
WEB = "https"
"""The name under which the web server itself is looked after, whatever is on it."""


class UpdateTakenBack(StepFailed):
    """An update made something ill, or could not be made; what could be put back is put back."""

    def __init__(self, server: str, what: str) -> None:
        super().__init__(what, f"Look at it, then settle the case (phm case list) or update {server} again.")


class NotBack(StepFailed):
    """A server did not come back from its reboot."""

    def __init__(self, server: str, boot: str, seconds: float) -> None:
        self.boot = boot
        message = f"{server} is not back {seconds:.0f} s after its reboot."
        super().__init__(message, "Look at its console at the provider; its instances are away until it is back.")


@reading
def refresh_lists(server: ServerFacts) -> None:
    """What the archives offer is known anew.

    Raises:
        Unreachable: an archive does not answer.
        StepFailed: apt can't ask them.
    """
    load(SshHost).connection(server).run(packages.refresh_lists())


@reading
def read_system(server: ServerFacts) -> SystemFacts:
    """What a server runs on."""
    return packages.parse_system(load(SshHost).connection(server).run(packages.read_system()).out)


@reading
def preview_update(server: ServerFacts, scope: Scope, words: Collection[Word] = ()) -> Transaction:
    """What apt would do; nothing is changed."""
    ssh, holds = load(SshHost).connection(server), Word.HELD in words
    offered = packages.parse_transaction(ssh.run(packages.simulate_all(ignore_holds=holds)).out)
    if scope is Scope.FULL:
        return offered
    wanted = packages.wanted_versions(offered, scope)
    if not wanted:
        return Transaction(kept_back=offered.kept_back)
    return packages.parse_transaction(ssh.run(packages.simulate_some(wanted, ignore_holds=holds)).out)


@reading
def check_ready(server: ServerFacts) -> None:
    """See that every instance has a fresh backup, and that nobody works on one.

    Raises:
        NotNow: something stands in the way.
    """
    at = now()
    with inventory().reading() as session:
        backups = server_updates.last_backups(session, server.name, at)
        worked_on = server_updates.worked_on(session, server.name, at)
    check_can_begin(server.name, backups, worked_on, at)


@reading
def is_left(server: ServerFacts) -> bool:
    """Whether a run has begun an update and not brought it to its end."""
    with inventory().reading() as session:
        return server_updates.left_update(session, server.name) is not None


@reading
def read_left(server: ServerFacts) -> BegunUpdate | None:
    """The update that a run has begun and not brought to its end, taken up by this one; its job is waited for.

    Raises:
        NotNow: somebody works on an instance, as he may once the update has stood still for long.
    """

    def take_up(session: Session) -> BegunUpdate | None:
        at, left = now(), server_updates.left_update(session, server.name)
        if left is None:
            return None
        check_can_begin(server.name, {}, server_updates.worked_on(session, server.name, at), at)
        return server_updates.take_up(session, left, at)

    left = in_transaction(inventory(), take_up)
    if left is not None:
        for work in (WORK, PUT_BACK):
            left_result(server, job_id(left, work))
            end_job(server, job_id(left, work))
    return left


@reading
def read_health(server: ServerFacts) -> dict[str, str]:
    """What is wrong with each instance, each unit and the web server, as the world sees them; "" where nothing is."""
    with inventory().reading() as session:
        open_now = server_updates.open_instances(session, server.name)
    settings = load(ServiceSettings)
    with (
        web_probe(settings.trust, tuple(settings.resolvers)) as web,
        ThreadPoolExecutor(SIDE_BY_SIDE) as pool,
    ):
        told = [WEB, *(str(one.name) for one in open_now)]
        asked = [partial(_wrong_with_web, web, server), *(partial(_wrong_with, web, server, one) for one in open_now)]
        found = dict(zip(told, pool.map(lambda ask: ask(), asked), strict=True))
    units = load(SshHost).connection(server).run(packages.read_units(*packages.units_of(server.flavours))).out
    return {**found, **packages.parse_units(units)}


@reading
def begin_update(
    server: ServerFacts, key: str, planned: Transaction, facts: SystemFacts, words: Collection[Word] = ()
) -> BegunUpdate:
    """What is begun is recorded, with how well all was before; the server takes no new instance."""
    before = read_health.fn(server)
    begin = partial(server_updates.begin, server=server.name, key=key, planned=planned, before=before, now=now())
    return in_transaction(inventory(), partial(begin, held=Word.HELD in words, packages=facts.packages))


@reading
def has_changed_nothing(server: ServerFacts, begun: BegunUpdate) -> bool:
    """Whether all that an update is about is as it was before."""
    facts = packages.parse_system(load(SshHost).connection(server).run(packages.read_system()).out)
    return is_untouched(facts, begun.versions, begun.old, begun.removals)


@step
def apply_packages(server: ServerFacts, begun: BegunUpdate) -> bool:
    """The packages are in their new versions.

    Raises:
        JobComplained: apt could not do it.
        Unreachable: the server did not answer for too long; the job goes on.
    """
    request = {"versions": dict(begun.versions), "remove": list(begun.removals), "held": begun.held}
    with progress_of(f"packages-{server.name}", server.name) as told:
        run_job(server, job_id(begun, WORK), WORK, request, seconds=JOB_SECONDS, told=told)
    return True


@step
def restart_what_was_replaced(server: ServerFacts) -> bool:
    """No unit that may be restarted runs what is no more on the disk, and what has to run runs."""
    ssh = load(SshHost).connection(server)
    stale = packages.parse_system(ssh.run(packages.read_system()).out).stale_units
    units = [unit for unit in stale if is_restarted(unit)]
    if units:
        ssh.run(packages.restart_units(*units))
    return ssh.run(packages.ensure_units_run(*packages.units_of(server.flavours))).changed or bool(units)


@reading
def what_grew_ill(server: ServerFacts, before: Mapping[str, str]) -> dict[str, str]:
    """What was well before and is not now, once it has had its time; empty where all is as it was.

    An instance that was suspended, closed or moved since is no business of the update any more.
    """
    deadline = time.monotonic() + WELL_SECONDS
    while True:
        try:
            health = read_health.fn(server)
            ill = grown_ill(_still_here(server, before), health)
        except Unreachable as error:
            ill = {"server": str(error)}
        if not ill or time.monotonic() > deadline:
            return ill
        time.sleep(LOOK_SECONDS)


@reading
def record_updated(server: ServerFacts, begun: BegunUpdate, stop_seconds: float | None, by: str) -> float:
    """The update is done, proven, and no reason to halt any more; the seconds that it took."""
    at = now()
    seconds = round((at - begun.since).total_seconds(), 1)
    evidence = {"seconds": seconds, "stop_seconds": stop_seconds, "removed": list(begun.removals)}

    def done(session: Session) -> None:
        server_updates.end(session, begun, UPDATED, evidence, by=by, now=at)
        server_updates.settle_halts(session, server.name, deeds.SERVICE, "It was updated.", at)

    in_transaction(inventory(), done)
    return seconds


@reading
def record_not_made(begun: BegunUpdate, why: str, by: str) -> None:
    """Nothing was changed; the server takes instances again."""
    evidence = {"why": why}
    in_transaction(
        inventory(),
        lambda session: server_updates.end(session, begun, server_updates.NOT_MADE, evidence, by=by, now=now()),
    )


@reading
def take_back(server: ServerFacts, begun: BegunUpdate, why: str, by: str) -> str:
    """Packages are back at their versions where those can be got, and held there; a person is told all of it.

    Returns:
        What was done, in a few sentences.
    """
    ssh = load(SshHost).connection(server)
    in_transaction(inventory(), lambda session: server_updates.begin_back(session, begun, why, now()))
    run_logger().error("%s: the update is taken back: %s", server.name, why)
    try:
        versions = {**begun.old, **begun.removed}
        back = run_job(server, job_id(begun, PUT_BACK), PUT_BACK, {"versions": versions}, seconds=JOB_SECONDS)
        if back["back"]:
            ssh.run(packages.hold_packages(*back["back"]))
        said = f"Back at their versions, and held: {', '.join(back['back']) or 'none'}."
        if back["not_found"]:
            said += f" Not to be had any more: {', '.join(back['not_found'])}."
    except JobComplained as error:
        said = f"The packages could not be put back: {error.what}"
    said += _left_otherwise(read_system.fn(server), begun)
    try:
        restart_what_was_replaced.fn(server)
    except StepFailed as error:
        said += f" {error}"
    ill = what_grew_ill.fn(server, begun.before)
    now_it_is = f"Still ill: {' '.join(dict.fromkeys(ill.values()))}" if ill else "All is as well as it was before."
    message = f"The update of {server.name} was taken back: {why} {said} {now_it_is}"

    def told(session: Session) -> None:
        facts = {"versions": dict(begun.versions), "old": dict(begun.old), "ill": ill}
        server_updates.end(session, begun, TAKEN_BACK, {"why": why, "said": said, "ill": ill}, by=by, now=now())
        server_updates.halt(session, server.name, message, facts=facts, now=now())

    in_transaction(inventory(), told)
    return message


def _still_here(server: ServerFacts, before: Mapping[str, str]) -> dict[str, str]:
    """What was seen before, without the instances that customers use no more, or not here."""
    with inventory().reading() as session:
        return server_updates.without_gone(session, server.name, before)


def _left_otherwise(facts: SystemFacts, begun: BegunUpdate) -> str:
    """What is not as it was although an update was taken back, in a sentence each: nobody is to look for it."""
    there = {name.partition(":")[0] for name in facts.packages}
    gone = [name for name in begun.removals if name.partition(":")[0] not in there]
    new = [name for name in begun.versions if name not in begun.old and name.partition(":")[0] in there]
    said = f" Removed by it, and still gone: {', '.join(gone)}." if gone else ""
    return said + (f" New with it, and still there: {', '.join(new)}." if new else "")


def job_id(begun: BegunUpdate, work: str) -> str:
    """What a job of an update is called: the same for each run that goes on with it."""
    return f"{work}-{begun.server}-{begun.since:%Y%m%d%H%M%S}"


def halt_updates(server: ServerFacts, error: ServiceError) -> bool:
    """The clock updates no further server until a person has looked at this one; whether nobody has yet."""
    facts = {"boot": error.boot} if isinstance(error, NotBack) else {}
    halt = partial(server_updates.halt, server=server.name, why=str(error), facts=facts, now=now())
    return in_transaction(inventory(), halt).settled_at is None


def _wrong_with_web(web: WebProbe, server: ServerFacts) -> str:
    """Whether the web server answers under the server's own name; what it answers is no matter."""
    try:
        web.ask("GET", f"https://{server.host_name}/")
    except ServiceError as error:
        return f"The web server of {server.name} does not answer: {error.what}"
    return ""


def _wrong_with(web: WebProbe, server: ServerFacts, instance: InstanceFacts) -> str:
    """What is wrong with an instance: its login page and its API tell; nothing is written by it."""
    url = url_of(server, instance)
    try:
        page = web.ask("GET", url)
        if wrong := differs(SHOWN[0], page.status_code, page.text):
            return f"{instance.name}: {wrong}."
        status = web.ask("GET", url + HEALTH).status_code
    except ServiceError as error:
        return f"{instance.name} does not answer: {error.what}"
    return "" if status == HTTPStatus.UNAUTHORIZED else f"{instance.name}: /{HEALTH} answers {status}."
