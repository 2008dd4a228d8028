"""Every secret that there is around one instance, and where any of them could show."""

from __future__ import annotations

import base64
import contextlib
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.runtime.environment import Places, api_login
from hosting.product.accounts import digest
from hosting.product.layout import ROOT_ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

SIGNED = re.compile(rb"X-Amz-Signature=[0-9a-f]{16,}")
SESSION = re.compile(rb"PHPSESSID=[-,A-Za-z0-9]{10,}")
"""Secrets that nobody keeps: they are known by their form."""

SAMPLER = r"""
import glob, sys, time
seen, end = set(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not glob.glob("/run/phm/sampled"):
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(name, "rb") as file:
                said = file.read()
        except OSError:
            continue
        if said not in seen and b"phm-sampler" not in said:
            seen.add(said)
with open("/run/phm/samples", "wb") as file:
    file.write(b"\n".join(seen).replace(b"\0", b" "))
"""
SAMPLE_SECONDS = 240

HOST_PLACES = {
    "the host's journal": "journalctl --no-pager -o export",
    "the host's logs": "find /var/log -type f -not -path '*/journal/*' -exec cat {} +",
    "the host's temporary files": "find /tmp /var/tmp /run/phm -type f -not -name samples -exec cat {} +",
    "the host's process list": "cat /run/phm/samples",
}


def secrets_of(service: Service, instance: InstanceFacts) -> dict[str, str]:
    """The service's secrets, and those of one instance, by what they are."""
    settings = service.settings
    key_lines = settings.ssh.private_key.get_secret_value().splitlines()
    certificate_lines = settings.certificate_key_pem.get_secret_value().splitlines()
    salt = service.salt(instance)
    root = service.secret(instance, "root_admin")
    mail = service.fleet.mails(f"{instance.order_reference.lower()}@kunde.test")[-1].text
    token = re.search(r"/access/(\S+)", mail)
    assert token is not None
    return {
        "database password": service.secret(instance, "database"),
        "root administrator's password": root,
        "root administrator's digest": digest(ROOT_ADMIN, salt, root),
        "salt": salt,
        "access token": token[1],
        "webhook secret": settings.web.shop_secrets[0].get_secret_value().removeprefix("whsec_"),
        "Prefect's password": api_login(Places(service.home)).partition(":")[2],
        "sealing key": settings.sealing_key.get_secret_value(),
        "SSH key": key_lines[len(key_lines) // 2],
        "certificate's key": certificate_lines[len(certificate_lines) // 2],
        "store's secret": settings.store.secret_key.get_secret_value(),
    }


def found_in(content: bytes, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets in a text."""
    found = [name for name, secret in secrets.items() if secret.encode() in content]
    found += ["a signed link"] if SIGNED.search(content) else []
    return found + (["a session of the product"] if SESSION.search(content) else [])


def everywhere(service: Service) -> dict[str, bytes]:
    """What each place holds in which no secret may show."""
    places = {name: base64.b64decode(service.on(f"({command}) | base64 -w0")) for name, command in HOST_PLACES.items()}
    for name, folder in (
        ("Prefect's database and results", service.home / "prefect"),
        ("the services' logs", service.home / "log"),
    ):
        places[name] = b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
    places["what the runs said"] = service.runner.log.read_bytes()
    places["the local process list"] = b""
    return places


@contextlib.contextmanager
def sampled_processes(service: Service) -> Iterator[list[bytes]]:
    """Process lists of the host and of this machine, looked at without a pause; the local one is what is given."""
    local: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    local.add(file.read_bytes().replace(b"\0", b" "))

    command = f"rm -f /run/phm/sampled; exec python3 -c '{SAMPLER}' {SAMPLE_SECONDS} phm-sampler"
    remote = threading.Thread(
        target=service.fleet.run, args=(service.host, command), kwargs={"seconds": SAMPLE_SECONDS + 10}
    )
    near = threading.Thread(target=watch, daemon=True)
    remote.start()
    near.start()
    time.sleep(1)
    result: list[bytes] = []
    try:
        yield result
    finally:
        done.set()
        near.join()
        result.extend(local)
        service.on("touch /run/phm/sampled")
        remote.join()
        service.on("rm /run/phm/sampled")
