"""A server's facts and its enrolment: what later jobs need is set or checked once (P02, P13; MOVES.md section 2)."""

from __future__ import annotations

import time
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.object_store import ObjectStore
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands import enrolment
from hosting.commands.database_dialects import DIALECTS
from hosting.commands.files import ensure_file
from hosting.commands.php_flavours import PHP_FLAVOURS
from hosting.commands.server_facts import parse_facts, read_facts
from hosting.commands.services import APACHE, reload
from hosting.errors import Refused
from hosting.policy.certificate import check_pair
from hosting.templates import render
from tasks.outgoing import outgoing_rules
from tasks.step import reading, step

if TYPE_CHECKING:
    from blocks.ssh_connection import SshConnection
    from hosting.policy.values import ServerFacts


class CertificateMissing(Refused):
    """There is no certificate for the servers' own names."""


@reading
def read_server_facts(server: ServerFacts) -> dict[str, Any]:
    """What a server is: system, file systems, programs, services; `clock_off` is its clock's difference in seconds."""
    asked = time.time()
    answer = load(SshHost).connection(server).run(read_facts(server.flavours))
    facts = parse_facts(answer.out)
    facts["clock_off"] = round(facts.pop("time", 0.0) - (asked + time.time()) / 2, 3)
    return facts


def enrolment_files(server: ServerFacts, number: int) -> dict[str, tuple[str, str]]:
    """Every file that enrolment writes: path → (content, mode); for the preview as well.

    Args:
        server: the server.
        number: its own number, unique in the service, that replication needs.

    Raises:
        CertificateMissing: the settings hold no certificate.
        Unreachable: the relay's name does not resolve.
    """
    settings = load(ServiceSettings)
    if not settings.certificate_pem or not settings.certificate_key_pem.get_secret_value():
        message = f"The settings hold no certificate for {server.host_name}."
        raise CertificateMissing(message, "Enter the zone's wildcard certificate and key, then run: phm up.")
    check_pair(settings.certificate_pem, settings.certificate_key_pem.get_secret_value(), server.host_name)
    php, (path, template) = PHP_FLAVOURS[server.flavours.php], DIALECTS[server.flavours.database].settings
    trust = settings.authorities_pem + load(ObjectStore).authorities_pem
    return {
        "/etc/tmpfiles.d/phm.conf": (enrolment.TMPFILES, "644"),
        "/etc/ssh/sshd_config.d/phm.conf": (enrolment.SSHD, "644"),
        "/etc/logrotate.d/phm": (enrolment.LOGROTATE, "644"),
        "/etc/cron.d/phm": (enrolment.LOGS_TURNED, "644"),
        "/etc/phm/authorities.pem": (trust, "644"),
        "/etc/phm/outgoing.nft": (outgoing_rules(server), "644"),
        "/etc/systemd/system/phm-outgoing.service": (render("server/outgoing.service.j2"), "644"),
        path: (render(template, number=number, host=server.name), "644"),
        **dict(php.files),
        "/etc/apache2/phm/certificate.pem": (settings.certificate_pem, "644"),
        "/etc/apache2/phm/certificate.key": (settings.certificate_key_pem.get_secret_value(), "600"),
        "/etc/apache2/sites-available/phm.conf": (render("apache/server.conf.j2", host_name=server.host_name), "644"),
    }


@step
def ensure_server_ready(server: ServerFacts, number: int) -> bool:
    """Everything that instances on a server rest on; run again it changes nothing."""
    ssh = load(SshHost).connection(server)
    files = enrolment_files(server, number)
    changed = ssh.run(enrolment.ensure_service_folders()).changed
    for path, (content, mode) in files.items():
        changed |= _ensure(ssh, path, content, mode)
    commands = [enrolment.ensure_run_folder(), enrolment.ensure_sshd_loaded(), enrolment.ensure_apache_modules()]
    if server.has_btrfs:
        commands.append(enrolment.ensure_btrfs_quota())
    commands += [
        enrolment.ensure_database_settings(number, server.flavours.database),
        enrolment.ensure_outgoing_rules(),
        *([reload(php)] if (php := PHP_FLAVOURS[server.flavours.php].service) else []),
        reload(APACHE, host=server.host_name),
    ]
    for command in commands:
        changed |= ssh.run(command).changed
    return changed


def _ensure(ssh: SshConnection, path: str, content: str, mode: str) -> bool:
    """One file of the enrolment; a key's content is never shown."""
    return ssh.run(
        ensure_file(Path(path), content, "root:root", mode, secrets=(content,) if mode == "600" else ())
    ).changed
