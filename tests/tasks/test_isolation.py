"""Instances of one server are closed to each other: files, databases, sessions, sockets, networks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.product.settings import DISABLED
from tasks.application import ask_php

if TYPE_CHECKING:
    from tests.service.customer import Site
    from tests.service_fixture import Service

    Neighbours = tuple[Site, Site]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

PROBE = """<?php
$try = static function (string $what): mixed {
    try { return eval("return $what;"); } catch (Throwable $error) { return get_class($error); }
};
$said = [];
foreach (json_decode(base64_decode($_GET['ask'])) as $what) { $said[$what] = @$try($what); }
echo 'SAID', json_encode($said, JSON_PARTIAL_OUTPUT_ON_ERROR);
"""


def php(service: Service, one: Site, *expressions: str) -> dict[str, Any]:
    """What PHP expressions give in an instance's own pool; the probe is put into its code as only root can."""
    import base64

    file = f"{one.layout.code}/phm-test-probe.php"
    ssh = load(SshHost).connection(service.server(one.instance.server_name))
    ask = base64.b64encode(json.dumps(expressions).encode()).decode()
    service.on(f"echo {base64.b64encode(PROBE.encode()).decode()} | base64 -d >{file}; chmod 644 {file}")
    try:
        answer = ask_php(ssh, one.layout, "phm-test-probe.php", f"ask={ask.replace('+', '%2B').replace('=', '%3D')}")
    finally:
        service.on(f"rm {file}")
    return dict(json.loads(answer.body.partition("SAID")[2]))


def as_user(service: Service, one: Site, command: str) -> int:
    """The exit code of a command run as an instance's Unix user, without PHP's own bounds."""
    done = service.fleet.run(one.instance.server_name, f"runuser -u {one.layout.user} -- timeout 5 {command}")
    return done.returncode


def test_php_reads_its_own_and_nothing_of_its_neighbour(service: Service, neighbours: Neighbours) -> None:
    mine, other = neighbours
    own = [
        f"is_string(file_get_contents('{mine.layout.settings}'))",
        f"is_array(scandir('{mine.layout.storage}'))",
        f"is_string(file_get_contents('{mine.layout.current}/index.php'))",
    ]
    foreign = [
        f"file_get_contents('{other.layout.settings}')",
        f"file_get_contents('{other.layout.storage}/config/driver.mysql.ini.php')",
        f"scandir('{other.layout.storage}')",
        f"scandir('{other.layout.scratch}/sessions')",
        f"file_get_contents('{other.layout.current}/index.php')",
        f"scandir('{other.layout.data.parent}')",
        f"file_get_contents('{other.layout.log}')",
        "file_get_contents('/etc/passwd')",
        "file_get_contents('/etc/phm/outgoing.nft')",
        "scandir('/srv/releases')",
        f"stream_socket_client('unix://{other.layout.socket}')",
    ]
    said = php(service, mine, *own, *foreign)
    assert [one for one in own if said[one] is not True] == []
    assert [one for one in foreign if said[one] is not False] == []


def test_php_can_t_leave_by_a_program_a_link_or_its_own_code(service: Service, neighbours: Neighbours) -> None:
    mine, _ = neighbours
    functions = [f"function_exists('{name}')" for name in DISABLED]
    writes = [
        f"file_put_contents('{mine.layout.current}/{name}', 'x')" for name in ("x.php", "index.php", "shared/x.php")
    ]
    writes += [
        f"file_put_contents('{mine.layout.storage}/{name}/x.php', 'x')"
        for name in ("filter_scripts", "autoupdate", "update")
    ]
    said = php(service, mine, *functions, *writes, "ini_set('open_basedir', '/')", "ini_get('display_errors')")
    assert [name for name, result in said.items() if result not in {False, "", "0", None}] == []


@pytest.mark.parametrize("place", ["settings", "storage", "data", "scratch", "log"])
def test_the_kernel_keeps_a_user_out_of_what_is_his_neighbour_s(
    service: Service, neighbours: Neighbours, place: str
) -> None:
    mine, other = neighbours
    reading = "cat" if place in {"settings", "log"} else "ls"
    assert as_user(service, mine, f"{reading} {getattr(mine.layout, place)}") == 0 or place == "log"
    assert as_user(service, mine, f"{reading} {getattr(other.layout, place)}") != 0


def test_the_kernel_keeps_a_user_out_of_the_service_s_own(service: Service, neighbours: Neighbours) -> None:
    mine, other = neighbours
    closed = [
        f"sh -c 'echo x | socat -u - UNIX-CONNECT:{other.layout.socket}'",
        "ls /srv/instances", "ls /srv/scratch", "ls /run/phm", "cat /etc/apache2/phm/certificate.key", "cat /var/log/apache2/phm-access.log",
        f"ls /var/lib/mysql/{other.layout.database}", "cat /root/.ssh/authorized_keys", f"touch {mine.layout.current}/x", f"touch {mine.layout.cron_file}",
        "mariadb -u root -e 'SELECT 1'", f"mariadb -u phm_{other.instance.name} -e 'SELECT 1'",
    ]  # fmt: skip
    assert [command for command in closed if as_user(service, mine, command) == 0] == []


def test_a_database_user_sees_and_changes_his_own_database_alone(service: Service, neighbours: Neighbours) -> None:
    mine, other = neighbours
    password = service.secret(mine.instance, "database")

    def sql(statement: str, user: str = mine.layout.database) -> tuple[int, str]:
        client = f'mariadb --defaults-extra-file=/dev/stdin -u {user} -NBe "{statement}"'
        done = service.fleet.run(mine.instance.server_name, client, text_in=f"[client]\npassword={password}\n")
        return done.returncode, done.stdout

    assert sql("SHOW DATABASES") == (0, f"information_schema\n{mine.layout.database}\n")
    assert sql(f"SELECT COUNT(*) > 0 FROM {mine.layout.database}.phlymail_admin") == (0, "1\n")
    refused = [
        f"SELECT * FROM {other.layout.database}.phlymail_admin", "SELECT * FROM mysql.user", "SELECT * FROM mysql.global_priv", "SELECT LOAD_FILE('/etc/passwd') + 1 FROM mysql.db",
        "SELECT 1 INTO OUTFILE '/var/lib/mysql-files/x'", "CREATE DATABASE phm_x", "CREATE USER x@localhost", "SHOW BINARY LOGS",
        f"GRANT SELECT ON {mine.layout.database}.* TO {other.layout.database}@localhost", f"CREATE FUNCTION {mine.layout.database}.f() RETURNS INT RETURN 1",
        "SET GLOBAL general_log = 1",
    ]  # fmt: skip
    assert [statement for statement in refused if sql(statement)[0] == 0] == []
    assert sql("SELECT LOAD_FILE('/etc/passwd')") == (0, "NULL\n")
    assert sql("SELECT 1", other.layout.database)[0] != 0
    wildcard = other.layout.database.replace("_", "X", 1)
    assert sql(f"CREATE DATABASE {wildcard}")[0] != 0


def test_a_session_of_one_instance_is_none_in_another(neighbours: Neighbours) -> None:
    mine, other = neighbours
    query = f"config.php?PHPSESSID={mine.session}&action=users"
    cookies = "; ".join(f"{name}={value}" for name, value in mine.client.cookies.items())
    assert 'name="pass"' not in mine.ask(query).text
    answer = mine.web.ask("GET", other.url + query, headers={"Cookie": cookies})
    assert 'name="pass"' in answer.text


def test_a_user_of_one_instance_is_none_in_another(neighbours: Neighbours) -> None:
    mine, other = neighbours
    assert mine.ask(mine.file("anna", "letter.txt"), auth=mine.digest("anna")).text == "anna's own words"
    for file in (mine.file("anna", "letter.txt"), mine.file("berta", "letter.txt")):
        assert other.ask(file, auth=mine.digest("anna")).status_code in {401, 403, 404}


REACHED = {"the relay": "10.77.0.1/25", "the resolver": "10.77.0.1/53"}
CLOSED = {
    "a server's SSH": "10.77.0.12/22", "another server's SSH": "10.77.0.11/22", "its own database": "127.0.0.1/3306", "its own SSH": "127.0.0.1/22",
    "its own web server": "127.0.0.1/443", "the object store": "10.77.0.1/19003", "the mails": "10.77.0.1/8025",
    "another server's web": "10.77.0.11/443", "IPv6 loopback": "::1/22",
}  # fmt: skip


@pytest.mark.parametrize("target", REACHED)
def test_an_instance_reaches_what_it_needs(service: Service, neighbours: Neighbours, target: str) -> None:
    assert as_user(service, neighbours[0], f"bash -c '</dev/tcp/{REACHED[target]}'") == 0


@pytest.mark.parametrize("target", CLOSED)
def test_an_instance_reaches_nothing_inside(service: Service, neighbours: Neighbours, target: str) -> None:
    before = rejected(service)
    assert as_user(service, neighbours[0], f"bash -c '</dev/tcp/{CLOSED[target]}'") not in {
        0,
        124,
    }  # at once, not by silence
    assert rejected(service) > before


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "192.168.0.1", "172.31.255.255", "100.64.0.1", "10.255.0.1", "127.1.2.3", "224.0.0.1"],
)
def test_inner_addresses_that_no_route_leads_to_here_are_closed_too(service: Service, address: str) -> None:
    assert "inner4" in service.on(f"nft get element inet phm_outgoing inner4 '{{ {address} }}'")


def test_the_world_is_no_inner_address(service: Service) -> None:
    done = service.fleet.run(service.host, "nft get element inet phm_outgoing inner4 '{ 203.0.113.7 }'")
    assert done.returncode != 0


def test_the_network_s_rules_are_for_instances_alone(service: Service) -> None:
    ssh = f"{service.server().address}/22"  # its own: another session may have cut others off
    for target in (ssh, CLOSED["its own database"], CLOSED["its own web server"]):
        assert service.on(f"timeout 5 bash -c '</dev/tcp/{target}' && echo reached") == "reached\n"


def test_the_rules_are_there_after_a_restart(service: Service) -> None:
    assert service.on("systemctl is-enabled phm-outgoing.service") == "enabled\n"


def rejected(service: Service) -> int:
    """How many packets the rules for instances have turned away."""
    rules = json.loads(service.on("nft -j list table inet phm_outgoing"))["nftables"]
    counters = [
        part["counter"]["packets"] for one in rules for part in one.get("rule", {}).get("expr", []) if "counter" in part
    ]
    return int(sum(counters))
