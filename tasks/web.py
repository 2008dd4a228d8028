"""An instance's PHP pool and Apache site."""

from __future__ import annotations

import hashlib
import hmac
from email.utils import parseaddr
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands.application import AUTHORITIES
from hosting.commands.files import ensure_file, ensure_gone, ensure_log
from hosting.commands.php_flavours import fastcgi
from hosting.commands.services import APACHE, PHP_FPM, install, wait_for_socket
from hosting.policy.limits import LIMITS
from hosting.policy.states import InstanceState
from hosting.product.layout import InstanceLayout
from hosting.product.settings import php_values
from hosting.templates import render
from tasks.step import step

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts

SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
FOR_OPERATOR = "The old state is back; look at the message, then run again."


def trusted() -> str:
    """The file of the authorities by which a server that passes on checks the next one's certificate."""
    return AUTHORITIES if load(ServiceSettings).authorities_pem else SYSTEM_AUTHORITIES


def site_values(server: ServerFacts, instance: InstanceFacts, *, local_only: bool = False) -> dict[str, object]:
    """What the site's, the pool's and the cron job's templates say about an instance."""
    layout = InstanceLayout.of(instance)
    return {
        "name": instance.name,
        "order": instance.order_reference,
        "host_name": server.host_name,
        "local_only": local_only,
        "suspended": suspended_values(instance) if is_suspended(instance) and not local_only else None,
        "user": layout.user,
        "socket": layout.socket,
        "fastcgi": fastcgi(server.flavours, layout),
        "code_root": layout.current.parent,
        "current": layout.current,
        "scratch": layout.scratch,
        "gate": layout.gate,
        "gate_keeper": layout.gate_keeper,
        "php": php_values(str(layout.current.parent), str(layout.data), str(layout.scratch), str(layout.log)),
        "php_ini": layout.php_ini,
        "limits": LIMITS,
    }


def is_suspended(instance: InstanceFacts) -> bool:
    """Whether nobody but the service's own proofs is let in; the data stay, and are backed up."""
    return instance.state is InstanceState.SUSPENDED


def suspension_token(instance: InstanceFacts) -> str:
    """By which the service's own probes are let into a suspended instance: its moves and restores are proven, too."""
    key = load(ServiceSettings).sealing_key.get_secret_value().encode()
    return hmac.new(key, f"suspended:{instance.name}".encode(), "sha256").hexdigest()[:32]


def suspended_values(instance: InstanceFacts) -> dict[str, str]:
    """What the site of a suspended instance says, and by what it knows a probe; a server holds no more than a hash."""
    token = hashlib.sha1(suspension_token(instance).encode(), usedforsecurity=False).hexdigest()
    return {"token_sha1": token, "ask": parseaddr(load(MailRelay).sender)[1]}


@step
def ensure_php_pool(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's own PHP-FPM pool: own user, own session folder, own limits."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    pool = render("php/pool.conf.j2", **site_values(server, instance))
    answers = ssh.run_in_a_row(
        ensure_log(layout.log, f"{layout.user}:adm", "640"),
        ensure_file(layout.gate_keeper, render("php/gate.php.j2", gate=layout.gate.name)),
        install(PHP_FPM, layout.pool_file, pool),
        wait_for_socket(layout.socket),
        do=FOR_OPERATOR,
    )
    return any(answer.changed for answer in answers)


@step
def ensure_site(server: ServerFacts, instance: InstanceFacts, *, local_only: bool = False) -> bool:
    """The instance's site: tested before the reload, asked for an answer after it, else taken back (P03, P10).

    A copy's site is for requests from the server itself alone; that of a suspended instance says so to everybody.
    """
    layout = InstanceLayout.of(instance)
    site = render("apache/instance.conf.j2", **site_values(server, instance, local_only=local_only))
    command = install(APACHE, layout.site_file, site, host=server.host_name)
    return load(SshHost).connection(server).run(command, FOR_OPERATOR).changed


@step
def ensure_cron(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The product's cron master, every minute, as the instance's user and under the same PHP limits.

    None of an instance that is suspended: it fetches no mail, and sends none.
    """
    ssh, layout = load(SshHost).connection(server), InstanceLayout.of(instance)
    if is_suspended(instance):
        return ssh.run(ensure_gone(layout.cron_file)).changed
    values = site_values(server, instance)
    answers = ssh.run_in_a_row(
        ensure_file(layout.php_ini, render("php/cli.ini.j2", **values)),
        ensure_file(layout.cron_file, render("server/cron.j2", **values)),
    )
    return any(answer.changed for answer in answers)
