"""`fleet.json`: all that others need to use the fleet; readable by its owner only, for it holds secrets."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fleet import certificates, ssh, state
from fleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fleet.hosts import Hosts
    from fleet.places import Places
    from fleet.plan import HostPlan, Plan

TSIG_ALGORITHM = "hmac-sha256"
TSIG_NAME = "phm-fleet"
KEY_BYTES = 32

StoreKey = dict[str, str]
"""`access_key` and `secret_key`."""


@dataclass(frozen=True)
class Secrets:
    """The fleet's secrets, made once and kept with it.

    Args:
        access_key: of the object store's administrator.
        secret_key: the same one's.
        tsig: key for changing the zone, in base64.
        writers: each host's own key for the store, with which it adds backups but removes none.
        reader: the key for the store with which backups are restored; it writes nothing.
    """

    access_key: str
    secret_key: str
    tsig: str
    writers: dict[str, StoreKey]
    reader: StoreKey


def ensure_secrets(file: Path, hosts: Iterable[str]) -> Secrets:
    """The fleet's secrets; made at the first start, and what a host or a newer fleet needs beside them when it does."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    writers = kept.get("writers", {})
    made = Secrets(
        access_key=kept.get("access_key") or store_key()["access_key"],
        secret_key=kept.get("secret_key") or store_key()["secret_key"],
        tsig=kept.get("tsig") or base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        writers={**writers, **{name: store_key() for name in hosts if name not in writers}},
        reader=kept.get("reader") or store_key(),
    )
    if asdict(made) != kept:
        write_private(file, asdict(made))
    return made


def store_key() -> StoreKey:
    """A new key for the object store."""
    return {"access_key": secrets.token_hex(10).upper(), "secret_key": secrets.token_hex(20)}


def ensure_certificates(plan: Plan, places: Places) -> None:
    """The CA, the certificate of the zone's names and that of the object store."""
    folder = places.certificates
    certificates.ensure_authority(folder)
    certificates.ensure_leaf(folder, "wildcard", [f"*.{plan.zone}", plan.zone])
    certificates.ensure_leaf(folder, "s3", [f"s3.{plan.zone}"], [plan.gateway])
    certificates.ensure_escrow(folder)


def publish(hosts: Hosts) -> dict[str, Any]:
    """Write `fleet.json` anew and pin the hosts' keys; returns the file's content."""
    pin(hosts)
    content = describe(hosts)
    write_private(hosts.places.description, content)
    hand_over(hosts.places)
    return content


def pin(hosts: Hosts) -> None:
    """Write the hosts' present keys to the known_hosts file."""
    with state.locked(hosts.places.home, "pin.lock"):
        pinned = {str(host.address): hosts.host_key(host) for host in hosts.all_made()}
        ssh.write_known_hosts(hosts.places.known_hosts, pinned)


def hand_over(places: Places) -> None:
    """Let the person who called sudo read what he needs to use the fleet."""
    caller = os.environ.get("SUDO_UID")
    if caller and os.geteuid() == 0:
        keys = (places.certificates / name for name in ("wildcard.key", "escrow.key"))
        for file in (places.description, places.operator_key, *keys):
            shutil.chown(file, int(caller))


def read(places: Places) -> dict[str, Any]:
    """The content of `fleet.json`.

    Raises:
        FleetError: the fleet was never started, or by somebody else.
    """
    try:
        content: dict[str, Any] = json.loads(places.description.read_text())
    except FileNotFoundError:
        raise FleetError("The fleet has not been started.", "Start it with `phm fleet up`.") from None
    except PermissionError:
        raise FleetError(f"{places.description} belongs to another user.", "Run `sudo phm fleet up`.") from None
    return content


def describe(hosts: Hosts) -> dict[str, Any]:
    """The fleet as others use it."""
    plan, places = hosts.plan, hosts.places
    kept = ensure_secrets(places.secrets, plan.names)
    authority = str(places.certificates / "ca.pem")
    return {
        "zone": plan.zone,
        "subnet": str(plan.subnet),
        "gateway": str(plan.gateway),
        "hosts": [describe_host(hosts, host) for host in hosts.all_made()],
        "ssh": {
            "user": "root",
            "port": 22,
            "private_key": str(places.operator_key),
            "known_hosts": str(places.known_hosts),
        },
        "ca": authority,
        "wildcard": {
            "certificate": str(places.certificates / "wildcard.pem"),
            "key": str(places.certificates / "wildcard.key"),
        },
        "escrow": {
            "certificate": str(places.certificates / "escrow.pem"),
            "key": str(places.certificates / "escrow.key"),
        },
        "dns": {
            "address": str(plan.gateway),
            "port": plan.dns_port,
            "tsig_name": TSIG_NAME,
            "tsig_algorithm": TSIG_ALGORITHM,
            "tsig_secret": kept.tsig,
        },
        "s3": {
            "endpoint": f"https://{plan.gateway}:{plan.store.https_port}",
            "ca": authority,
            "region": plan.store.region,
            "bucket": plan.store.bucket,
            "access_key": kept.access_key,
            "secret_key": kept.secret_key,
            "writers": kept.writers,
            "reader": kept.reader,
        },
        "smtp": {"host": str(plan.gateway), "port": plan.smtp_port},
        "sink_url": f"http://{plan.gateway}:{plan.sink_port}",
    }


def describe_host(hosts: Hosts, host: HostPlan) -> dict[str, str]:
    """One server as others reach it."""
    return {
        "name": host.name,
        "fqdn": f"{host.name}.{hosts.plan.zone}",
        "address": str(host.address),
        "host_key": hosts.host_key(host),
        "srv": host.srv,
    }


def write_private(file: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that only its owner can read; a reader sees the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(content, indent=2) + "\n")
    partial.rename(file)
