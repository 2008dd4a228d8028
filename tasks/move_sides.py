"""The two ends of a move: the target made ready, the source closed and left, one of them open at a time (P10, P24)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replacing, replication, sites
from hosting.commands.files import ensure_gone, read_if_there
from hosting.commands.server_link import admit, dismiss, ensure_key, take_writes
from hosting.commands.services import APACHE, PHP_FPM, install, uninstall
from hosting.commands.storage import parse_free, read_free, used_bytes
from hosting.commands.system_users import ensure_no_user
from hosting.errors import DriftFound
from hosting.policy.move_plan import Sizes
from hosting.policy.placement import is_there
from hosting.templates import render
from tasks.former_homes import pass_on_side_by_side
from tasks.jobs import end_job
from tasks.move_after_check import sums_job_of
from tasks.move_database import drop_database, end_following, let_in_again
from tasks.move_database import job_of as database_job
from tasks.move_files import end_files_jobs
from tasks.passing_on import pass_on, ready_to_pass_on
from tasks.step import reading, step
from tasks.web import FOR_OPERATOR, ensure_cron, ensure_site

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts
    from tasks.move_records import Move

RETRY_SECONDS = 5
GERMAN = "Ihre phlyMail-Installation zieht gerade auf einen anderen Server um und ist in wenigen Sekunden zurück."
ENGLISH = "Your phlyMail is moving to another server and will be back in a few seconds."
DISKS = ("/srv", "/var/lib/mysql")
OLDER = (
    "Nothing was taken away. If the inventory came from a backup, it is older than a move. "
    "What all servers have: phm move found-switched {name} --reason …."
)


@reading
def read_sizes(move: Move) -> Sizes:
    """What has to go over, and the room that it finds."""
    source, target = load(SshHost).connection(move.source), load(SshHost).connection(move.target)
    with mariadb_of(source) as database:
        held = int(database.value(mariadb.database_bytes(move.layout.database)))
    files = int(source.run(used_bytes(move.layout.data, btrfs=move.source.has_btrfs)).out)
    return Sizes(held, files, parse_free(DISKS, target.run(read_free(*DISKS)).out))


@reading
def read_sides(move: Move) -> dict[str, Any]:
    """What the servers themselves say that could stand in the way: `unmoved`, `replicating`."""
    ssh = load(SshHost)
    with mariadb_of(ssh.connection(move.source)) as database:
        unmoved = int(database.value(replication.count_unmoved(move.layout.database)))
    with mariadb_of(ssh.connection(move.target)) as database:
        replicating = bool(database.rows(replication.slaves()))
    return {"unmoved": unmoved, "replicating": replicating}


@reading
def check_not_switched(move: Move) -> None:
    """See that the source has not passed the instance on: an inventory from a backup may be older than a switch.

    Raises:
        DriftFound: it has, so that the instance's state is on the server that it passes on to.
    """
    if to := sites.passed_on_to(_site_on(move.source, move)):
        message = f"{move.source.name} passes requests for {move.name} on to {to}: it is not there any more."
        raise DriftFound(message, OLDER.format(name=move.name))


@step
def ensure_way(move: Move) -> bool:
    """The target reaches the source by a key of this move alone."""
    block = load(SshHost)
    public = block.connection(move.target).run(ensure_key(move.name, move.source, block.user)).out.strip()
    return block.connection(move.source).run(admit(move.name, move.target, public)).changed


@step
def ensure_can_pass_on(move: Move) -> bool:
    """The source's Apache has what it needs to pass requests on, before anything is closed."""
    return ready_to_pass_on(move.source)


@step
def ensure_target_closed(move: Move) -> bool:
    """The target answers 503 for the instance; where it was before, it goes on to pass requests on."""
    if move.target_was_home:
        return False
    return _close(move.target, move)


@step
def close_source(move: Move) -> bool:
    """The source answers 503 with a page that says why, and begins no cron job.

    So does a target that was a home before, and passed requests on to the source until now: then both can be opened
    side by side, and no request goes in a circle meanwhile.
    """
    changed = load(SshHost).connection(move.source).run(ensure_gone(move.layout.cron_file)).changed
    servers = [move.source, move.target] if move.target_was_home else [move.source]
    with ThreadPoolExecutor() as pool:
        return any(list(pool.map(lambda server: _close(server, move), servers))) or changed


@step
def end_source_processes(move: Move) -> bool:
    """What the instance was at is ended, once its database is closed; where there is btrfs its folder takes no more."""
    return _stop_writing(move)


@step
def open_target(move: Move) -> bool:
    """The target serves, and the source and every earlier home pass on to it; all of them side by side.

    Until it is open the target is closed (`close_source`), so that whoever is passed on to it waits as before. A
    home that does not answer is asked again at the end of the move.
    """
    with ThreadPoolExecutor(1) as pool:
        passing = pool.submit(pass_on_side_by_side, move, move.target, [])
        changed = ensure_site.fn(move.target, move.instance).changed
        return passing.result() or changed


@step
def ensure_source_fenced(move: Move) -> bool:
    """Nothing of the instance runs or may be changed on the source any more: it is kept as it was."""
    ssh = load(SshHost).connection(move.source)
    changed = ssh.run(ensure_gone(move.layout.cron_file)).changed
    with mariadb_of(ssh) as database:
        database.run(replication.lock_out(move.layout.database))
    return _stop_writing(move) or changed


@step
def ensure_way_closed(move: Move) -> bool:
    """No key, tunnel, replication or job of the move is left on either server, as far as they are not retired."""
    changed = end_following(move)
    end_jobs(move)
    for server in filter(is_there, (move.target, move.source)):
        ssh = load(SshHost).connection(server)
        changed |= ssh.run(dismiss(move.name)).changed
        changed |= ssh.run(replacing.drop_folders(move.work)).changed
    return changed


@step
def reopen_source(move: Move) -> bool:
    """The source serves as before: the move is undone, first of all for the customer."""
    let_in_again(move)
    if move.source.has_btrfs:
        load(SshHost).connection(move.source).run(take_writes(move.layout.data, taken=True))
    changed = ensure_site.fn(move.source, move.instance).changed
    return ensure_cron.fn(move.source, move.instance).changed or changed


@step
def clear_target(move: Move) -> bool:
    """Nothing of the instance is left on the target; where it was before, that still passes requests on.

    Raises:
        DriftFound: the target serves the instance.
    """
    if sites.serves(_site_on(move.target, move)):
        raise DriftFound(
            f"{move.target.name} serves {move.name}, which was to move there.", OLDER.format(name=move.name)
        )
    end_jobs(move)
    if move.target_was_home:
        pass_on(move.target, move.instance, move.source)
    else:
        load(SshHost).connection(move.target).run(uninstall(APACHE, move.layout.site_file))
    return drop_side(move.target, move)


@step
def retire_source(move: Move) -> bool:
    """What was kept on the source is gone; it passes requests on for the life of the contract (P10).

    Raises:
        DriftFound: the source serves the instance.
    """
    if sites.serves(_site_on(move.source, move)):
        raise DriftFound(f"{move.source.name} serves {move.name}, which has left it.", OLDER.format(name=move.name))
    return drop_side(move.source, move)


def end_jobs(move: Move) -> None:
    """No job of the move is left on either server."""
    for id_ in (database_job(move.name), sums_job_of(move.name)):
        if is_there(move.target):
            end_job(move.target, id_)
    end_files_jobs(move)


def drop_side(server: ServerFacts, move: Move) -> bool:
    """Nothing of the instance on a server but what answers for its address."""
    ssh, layout = load(SshHost).connection(server), move.layout
    changed = False
    for command in (
        uninstall(PHP_FPM, layout.pool_file),
        replacing.end_processes(layout.user),
        ensure_gone(layout.cron_file, layout.php_ini, layout.log),
        replacing.drop_folders(move.work, layout.data, layout.code.parent, layout.scratch),
        ensure_no_user(layout.user),
    ):
        changed |= ssh.run(command).changed
    return drop_database(server, move) or changed


def _stop_writing(move: Move) -> bool:
    """Nothing that runs on the source goes on, and nothing new writes into the folder."""
    ssh = load(SshHost).connection(move.source)
    commands = [replacing.end_processes_of_now(move.layout.user)]
    if move.source.has_btrfs:
        commands.append(take_writes(move.layout.data, taken=False))
    return any(answer.changed for answer in ssh.run_in_a_row(*commands))


def _site_on(server: ServerFacts, move: Move) -> str:
    """The instance's site on a server; empty where there is none."""
    return load(SshHost).connection(server).run(read_if_there(move.layout.site_file)).out


def _close(server: ServerFacts, move: Move) -> bool:
    """The page that says why, in force."""
    page = render(
        "apache/closed.conf.j2", name=move.name, host_name=server.host_name, retry_seconds=RETRY_SECONDS,
        german=GERMAN, english=ENGLISH,
    )  # fmt: skip
    command = install(APACHE, move.layout.site_file, page, host=server.host_name)
    return load(SshHost).connection(server).run(command, FOR_OPERATOR).changed
