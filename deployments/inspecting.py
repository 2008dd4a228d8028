"""Certificates of strangers are inspected in a process of their own, whose time and memory are bounded (P31).

What an encrypted container holds inside another can't be foreseen. Files and passphrase go there by a pipe and the
answer comes back by one: nothing of a key is in an argument, the environment, a file or a log.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
from pydantic import SecretStr

from hosting.errors import ServiceError
from hosting.policy import certificate_rules as rules
from hosting.policy.certificate_chain import trusted_roots
from hosting.policy.customer_certificate import Bundle, Inspection, inspect
from hosting.policy.findings import Finding, Rule
from hosting.policy.own_domain import OwnDomain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.settings import Settings

WALL_SECONDS = 30.0
CPU_SECONDS = 20
"""Checking the longest key that is taken needs some ten."""
MEMORY_BYTES = 768 * 1024 * 1024
"""Of address space: Python and its libraries need a quarter of it."""

NICENESS = 10
"""The shop's notices and customers' pages go before a stranger's files."""

TOO_MUCH = 75
"""The process's exit code where its memory was not enough."""

RULES = {rule.code: rule for rule in vars(rules).values() if isinstance(rule, Rule)}


def trust_store(settings: Settings) -> bytes:
    """The authorities by which customers' certificates are judged: the settings' file, or those of browsers and ours.

    Raises:
        ServiceError: the file can't be read.
    """
    if not settings.trust_store:
        return Path(certifi.where()).read_bytes() + b"\n" + settings.authorities_pem.encode()
    try:
        return Path(settings.trust_store).read_bytes()
    except OSError as error:
        message = f"The trust store {settings.trust_store} can't be read ({type(error).__name__})."
        raise ServiceError(message, "Correct trust_store in settings.toml.") from error


def inspect_apart(
    files: Sequence[bytes], passphrase: SecretStr | None, domain: OwnDomain, trusted: bytes, now: datetime
) -> Inspection:
    """Look at everything that was handed over for a domain, in bounded time and memory.

    Args:
        files: in any order and form.
        passphrase: of the key, if it has one.
        domain: that the certificate is to cover.
        trusted: the authorities, PEM (`trust_store`).
        now: the moment, aware.

    Raises:
        ServiceError: the process could not do its work; what is too much for it is a finding.
    """
    asked = {
        "files": [_text(one) for one in files],
        "passphrase": None if passphrase is None else passphrase.get_secret_value(),
        "domain": [domain.ordered, domain.unicode, domain.ascii],
        "trusted": _text(trusted),
        "now": now.isoformat(),
    }
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__], input=json.dumps(asked).encode(), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=WALL_SECONDS, env=kept, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Inspection((rules.INSPECTION_COSTLY.found(),), None)
    if done.returncode < 0 or done.returncode == TOO_MUCH:
        return Inspection((rules.INSPECTION_COSTLY.found(),), None)
    if done.returncode:
        message = f"The files could not be looked at (exit code {done.returncode})."
        raise ServiceError(message, "See whether trust_store in settings.toml holds certificates.")
    return _read(json.loads(done.stdout))


def answer() -> None:
    """In the process itself: bounds first, then the work; everybody else goes before it."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        asked = json.load(sys.stdin.buffer)
        found = inspect(
            [base64.b64decode(one) for one in asked["files"]],
            None if asked["passphrase"] is None else SecretStr(asked["passphrase"]),
            OwnDomain(*asked["domain"]),
            trusted_roots(base64.b64decode(asked["trusted"])),
            datetime.fromisoformat(asked["now"]),
        )
        told = json.dumps(_told(found))
    except MemoryError:
        sys.exit(TOO_MUCH)
    sys.stdout.write(told)


def _text(content: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(content).decode()


def _told(found: Inspection) -> dict[str, Any]:
    """What was found, as it goes through the pipe."""
    bundle = found.bundle
    return {
        "findings": [
            [one.code, {name: ["at", fact.isoformat()] if isinstance(fact, datetime) else ["is", fact]
                        for name, fact in one.facts.items()}]
            for one in found.findings
        ],
        "bundle": None
        if bundle is None
        else {
            "leaf_pem": bundle.leaf_pem,
            "chain_pem": bundle.chain_pem,
            "key_pem": bundle.key_pem.get_secret_value(),
            "fingerprint": bundle.fingerprint,
            "not_after": bundle.not_after.isoformat(),
            "names": bundle.names,
            "issuer": bundle.issuer,
        },
    }  # fmt: skip


def _read(told: dict[str, Any]) -> Inspection:
    """The same back again."""
    findings = tuple(
        Finding(
            RULES[code],
            {name: datetime.fromisoformat(fact) if kind == "at" else fact for name, (kind, fact) in facts.items()},
        )
        for code, facts in told["findings"]
    )
    bundle = told["bundle"]
    if bundle is None:
        return Inspection(findings, None)
    return Inspection(
        findings,
        Bundle(
            leaf_pem=bundle["leaf_pem"],
            chain_pem=tuple(bundle["chain_pem"]),
            key_pem=SecretStr(bundle["key_pem"]),
            fingerprint=bundle["fingerprint"],
            not_after=datetime.fromisoformat(bundle["not_after"]).astimezone(UTC),
            names=tuple(bundle["names"]),
            issuer=bundle["issuer"],
        ),
    )


if __name__ == "__main__":
    answer()
