"""SSH and MariaDB on a real server: pinned keys, bounded waits, answers kept apart from losses."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import HostKeyChanged, SshHost
from hosting.commands.command import Command, script
from hosting.commands.locks import hold
from hosting.commands.mariadb import Statement
from hosting.errors import StepFailed, Unreachable
from hosting.policy.values import ServerName
from hosting.product.layout import InstanceLayout
from tasks.move_database import summing, sums_by_table, sums_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blocks.ssh_connection import SshConnection
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

MIB = 2**20
OWN_END = 'p=$$; until [ "$(ps -o comm= $p)" = sshd ]; do p=$(ps -o ppid= $p | tr -d " "); done; kill -9 $p; sleep 20'
KILL = script("kill", OWN_END)
"""It kills the server's own end of the connection."""


@pytest.fixture
def ssh(service: Service) -> Iterator[SshConnection]:
    with load(SshHost).own_connection(service.server()) as connection:
        yield connection


def test_much_goes_in_and_comes_out_whole(ssh: SshConnection) -> None:
    answer = ssh.run(Command("wc", ("sh", "-c", "wc -c; head -c 3145728 /dev/zero | tr '\\0' x"), stdin=b"y" * 5 * MIB))
    count, _, rest = answer.out.partition("\n")
    assert (int(count), len(rest), set(rest)) == (5 * MIB, 3 * MIB, {"x"})


def test_much_on_both_outputs_does_not_block(ssh: SshConnection) -> None:
    text = "head -c 3145728 /dev/zero | tr '\\0' e >&2; head -c 3145728 /dev/zero | tr '\\0' o"
    answer = ssh.run(script("both", text, seconds=30))
    assert (len(answer.out), len(answer.err)) == (3 * MIB, 3 * MIB)


def test_a_command_that_takes_too_long_is_no_answer(ssh: SshConnection) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"sleep on app\d took longer than 1 s"):
        ssh.run(Command("sleep", ("sleep", "30"), seconds=1))
    assert time.monotonic() - began < 10
    assert not ssh.alive


def test_an_exit_code_is_told_with_the_last_lines(ssh: SshConnection) -> None:
    with pytest.raises(StepFailed) as caught:
        ssh.run(script("try", "echo one; echo secret two >&2; exit 7", secrets=("secret",)), "Do this.")
    assert str(caught.value) == f"try failed on {ssh.server.name} with exit code 7. [**** two | one] Do this."


def test_of_commands_in_a_row_the_one_that_failed_is_told(ssh: SshConnection) -> None:
    first, last = script("first", "cat; echo changed", stdin=b"in\n"), script("last", "touch /run/phm/never")
    told = script("second", "echo secret two >&2; exit 7", secrets=("secret",))
    with pytest.raises(StepFailed) as caught:
        ssh.run_in_a_row(first, told, last, do="Do this.")
    assert str(caught.value) == f"second failed on {ssh.server.name} with exit code 7. [**** two] Do this."
    assert caught.value.exit_code == 7
    assert ssh.ask(Command("test", ("test", "-e", "/run/phm/never"))).exit_code == 1
    assert [answer.changed for answer in ssh.run_in_a_row(first, Command("true", ("true",)))] == [True, False]


def test_a_connection_that_is_lost_during_a_row_is_a_loss(ssh: SshConnection) -> None:
    with pytest.raises(Unreachable, match=r"The connection to app\d was lost during true and kill"):
        ssh.run_in_a_row(Command("true", ("true",)), KILL)


def test_a_connection_that_is_expected_is_the_one_that_is_given(service: Service) -> None:
    block = load(SshHost)
    block.connection(service.server()).close()
    block.expect(service.server())
    given = block.connection(service.server())
    assert given.run(Command("true", ("true",))).exit_code == 0
    assert block.connection(service.server()) is given


def test_whoever_expects_a_connection_is_not_told_that_there_is_none(service: Service) -> None:
    block, nowhere = load(SshHost), replace(service.server(), name=ServerName("nowhere"), ssh_port=2222)
    block.expect(nowhere)
    with pytest.raises(Unreachable, match="does not answer by SSH"):
        block.connection(nowhere)


def test_a_killed_connection_is_a_loss_and_the_next_one_is_new(service: Service) -> None:
    block = load(SshHost)
    first = block.connection(service.server())
    with pytest.raises(Unreachable, match=r"The connection to app\d was lost"):
        first.run(KILL)
    second = block.connection(service.server())
    assert second is not first
    assert second.run(Command("true", ("true",))).exit_code == 0
    assert block.connection(service.server()) is second


@pytest.mark.parametrize("stdin", [b"", b"not read"])
def test_many_threads_share_one_connection(service: Service, stdin: bytes) -> None:
    block, found = load(SshHost), []

    def ask(number: int) -> None:
        ssh = block.connection(service.server())
        found.append(ssh.run(Command("echo", ("echo", str(number)), stdin)).out.strip())

    for _ in range(10):  # commands that end at once, while the next ones are sent
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(map(int, found)) == list(range(20))
        found.clear()


def test_a_command_that_is_killed_is_no_lost_connection(ssh: SshConnection) -> None:
    with pytest.raises(StepFailed, match=r"kill failed on app\d with exit code 137\."):
        ssh.run(script("kill", "kill -9 $$"))
    assert ssh.alive


def test_an_answer_that_breaks_off_is_no_answer(ssh: SshConnection) -> None:
    text = "yes | head -c 50000000; " + OWN_END
    with pytest.raises(Unreachable, match=r"The connection to app\d was lost during yes\."):
        ssh.run(script("yes", text))


def test_another_host_key_is_never_accepted_whatever_was_known_before(service: Service) -> None:
    right = service.server()
    load(SshHost).connection(right)
    key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    for _ in range(2):
        with pytest.raises(HostKeyChanged), load(SshHost).own_connection(replace(right, host_key=key)):
            pytest.fail("it was let in")


def test_a_port_that_is_closed_is_told_at_once(service: Service) -> None:
    began = time.monotonic()
    where = r"app\d \(10\.77\.0\.\d+:2222\)"
    with (
        pytest.raises(Unreachable, match=rf"{where} does not answer by SSH \(\w+\)\."),
        load(SshHost).own_connection(replace(service.server(), ssh_port=2222)),
    ):
        pytest.fail("somebody answered")
    assert time.monotonic() - began < 6


def test_a_lock_is_let_go_when_the_connection_ends(service: Service) -> None:
    lock = PurePosixPath("/run/phm/test.lock")
    with load(SshHost).own_connection(service.server()) as one, one.holding(hold(lock, 1), "held"):
        with (
            load(SshHost).own_connection(service.server()) as two,
            pytest.raises(StepFailed) as caught,
            two.holding(hold(lock, 1), "held"),
        ):
            pytest.fail("both hold it")
        assert "another process works on it" in str(caught.value)
    with load(SshHost).own_connection(service.server()) as three, three.holding(hold(lock, 5), "held"):
        pass


def test_a_statement_that_is_refused_tells_its_text_and_no_value(ssh: SshConnection) -> None:
    with mariadb_of(ssh) as database, pytest.raises(StepFailed) as caught:
        database.rows(Statement("SELECT * FROM mysql.nothing WHERE a = %s", ("geheim",)))
    assert str(caught.value) == (
        f"MariaDB on {ssh.server.name} refused a statement with error 1146. [SELECT * FROM mysql.nothing WHERE a = %s] "
        "Look at the server, then run again: it goes on from there."
    )
    assert caught.value.__cause__ is None


def test_a_database_that_goes_away_may_heal(service: Service, ssh: SshConnection) -> None:
    with mariadb_of(ssh) as database:
        mine = database.value(Statement("SELECT CONNECTION_ID()"))
        service.on(f"mariadb -e 'KILL {mine}'")
        with pytest.raises(Unreachable, match=r"The database of app\d went away\."):
            database.rows(Statement("SELECT 1"))


@pytest.mark.parametrize(("seconds", "answered"), [(1.0, False), (30.0, True)])
def test_a_statement_may_keep_silent_as_long_as_its_connection_is_told(
    ssh: SshConnection, seconds: float, *, answered: bool
) -> None:
    with mariadb_of(ssh, seconds=seconds) as database:
        if answered:
            assert database.value(Statement("SELECT SLEEP(3)")) == 0
        else:
            with pytest.raises(Unreachable, match="went away"):
                database.value(Statement("SELECT SLEEP(3)"))


def test_a_database_is_summed_up_the_same_at_once_and_table_by_table(service: Service, ssh: SshConnection) -> None:
    name = InstanceLayout.of(service.provision()).database
    with mariadb_of(ssh) as plain, summing(service.server(), name) as by_table:
        found = sums_of(plain, name)
        assert len(found) > 50
        assert sums_by_table(by_table, name) == found
