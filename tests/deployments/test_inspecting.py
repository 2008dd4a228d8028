"""Files of strangers are inspected in a process of their own, in bounded time, and no key is anywhere on the way (P31)."""

from __future__ import annotations

import io
import json
import subprocess
from typing import Any

import pytest
from pydantic import SecretStr

from deployments import inspecting
from deployments.inspecting import inspect_apart
from hosting.errors import ServiceError
from hosting.policy import certificate_rules as rules
from hosting.policy.certificate_chain import trusted_roots
from hosting.policy.customer_certificate import inspect
from hosting.policy.own_domain import OwnDomain
from tests.policy.certificates import GOOD, HOST, MIDDLE, NOW, ROOT, site

DOMAIN = OwnDomain(HOST, HOST, HOST)
FILES = {
    "good": [GOOD.pem, MIDDLE.pem, GOOD.key_pem()],
    "without chain": [GOOD.pem, GOOD.key_pem()],
    "with a passphrase": [GOOD.pem, MIDDLE.pem, GOOD.key_pem("Geheim")],
    "expired": [(old := site(HOST, by=MIDDLE, starts=-100, days=50)).pem, MIDDLE.pem, old.key_pem()],
    "ends soon": [(soon := site(HOST, by=MIDDLE, days=30)).pem, MIDDLE.pem, soon.key_pem()],
    "nothing": [],
    "noise": [b"\x00\xff" * 500, b"-----BEGIN CERTIFICATE-----\n!!!"],
}


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_the_process_says_what_the_inspection_says(files: list[bytes]) -> None:
    apart = inspect_apart(files, SecretStr("Geheim"), DOMAIN, ROOT.pem, NOW)
    here = inspect(files, SecretStr("Geheim"), DOMAIN, trusted_roots(ROOT.pem), NOW)
    assert [(one.code, dict(one.facts)) for one in apart.findings] == [
        (one.code, dict(one.facts)) for one in here.findings
    ]
    assert apart.bundle == here.bundle


def test_everybody_else_goes_before_an_inspection(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    asked: list[int] = []
    monkeypatch.setattr(inspecting.os, "nice", asked.append)
    monkeypatch.setattr(inspecting.resource, "setrlimit", lambda *_: None)
    given = {"files": [], "passphrase": None, "domain": [HOST] * 3, "trusted": "", "now": NOW.isoformat()}
    given["trusted"] = inspecting._text(ROOT.pem)
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(given).encode()))
    monkeypatch.setattr(inspecting.sys, "stdin", stdin)
    inspecting.answer()
    assert asked == [10]
    assert json.loads(capsys.readouterr().out)["bundle"] is None


def test_nothing_of_a_key_or_passphrase_is_in_arguments_environment_or_what_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[Any, Any]] = []
    real = subprocess.run

    def spied(argv: list[str], **more: Any) -> Any:
        seen.append((argv, more["env"]))
        return real(argv, **more)

    monkeypatch.setattr(inspecting.subprocess, "run", spied)
    monkeypatch.setenv("PHM_HOME", "/elsewhere")
    found = inspect_apart(FILES["with a passphrase"], SecretStr("Geheim"), DOMAIN, ROOT.pem, NOW)
    assert found.bundle is not None
    (argv, env), key = seen[0], GOOD.key_pem().decode().splitlines()[1]
    for secret in ("Geheim", key):
        assert secret not in repr((argv, env, found))
    assert "PHM_HOME" not in env


@pytest.mark.parametrize("ended", [-9, -24, inspecting.TOO_MUCH])
def test_what_is_too_much_is_a_finding(monkeypatch: pytest.MonkeyPatch, ended: int) -> None:
    monkeypatch.setattr(inspecting.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], ended, b"", b""))
    found = inspect_apart(FILES["good"], None, DOMAIN, ROOT.pem, NOW)
    assert [one.rule for one in found.findings] == [rules.INSPECTION_COSTLY]
    assert found.bundle is None


def test_time_is_bounded_by_the_clock_and_by_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "WALL_SECONDS", 0.05)
    found = inspect_apart(FILES["good"], None, DOMAIN, ROOT.pem, NOW)
    assert [one.rule for one in found.findings] == [rules.INSPECTION_COSTLY]
    bounds = (
        "import resource as r, deployments.inspecting as i, io, sys; sys.stdin = io.TextIOWrapper(io.BytesIO(b'x'))\n"
    )
    bounds += "try: i.answer()\nexcept ValueError: print(r.getrlimit(r.RLIMIT_CPU), r.getrlimit(r.RLIMIT_AS)[0])"
    said = subprocess.run([inspecting.sys.executable, "-c", bounds], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["(20,", "20)", str(inspecting.MEMORY_BYTES)]


def test_a_trust_store_without_certificates_is_the_service_s_own_fault() -> None:
    with pytest.raises(ServiceError, match="trust_store"):
        inspect_apart(FILES["good"], None, DOMAIN, b"nothing", NOW)
