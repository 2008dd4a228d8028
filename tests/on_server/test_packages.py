"""apt and dpkg do what the job asks of them, to the version, and back (P14)."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from fleet.archive import Package
from hosting.commands.packages import parse_transaction, simulate_all, simulate_some, wanted_versions
from hosting.policy.server_updates import Change, Scope, SystemFacts, Word, objections
from tasks.on_server import packages
from tasks.on_server.job import Complaint, Progress
from tests.service.apt_root import AptRoot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("apt-get"), reason="apt and dpkg, as root, in a folder of their own"
)

SECURITY = ("Debian-Security:12/stable-security",)
OLD = [Package(name, "1.0") for name in ("fl-plain", "fl-old", "fl-lib", "fl-held", "fl-dep")]
NEW = [
    Package("fl-plain", "1.1"), Package("fl-held", "1.1"), Package("fl-lib", "2.0", ("Conflicts: fl-old",)),
    Package("fl-new", "1.0"), Package("fl-dep", "1.1", ("Depends: fl-new",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> AptRoot:
    """Five packages, one of them held."""
    folder = tmp_path_factory.mktemp("old")
    made = AptRoot(folder)
    made.offer(*OLD)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in made.environment.items():
            patched.setenv(name, value)
        patched.setattr(packages, "WEB_LOCK", folder / "web.lock")
        packages.apply(request({one.name: one.version for one in OLD}), Progress(folder))
    made.run("apt-mark", "hold", "fl-held")
    assert made.versions() == {one.name: "1.0" for one in OLD}
    return made


@pytest.fixture
def system(old: AptRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AptRoot:
    """A copy of them, which the job's programs find."""
    made = AptRoot(tmp_path, old)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(packages, "WEB_LOCK", tmp_path / "web.lock")
    monkeypatch.setattr(packages, "ARCHIVES", made.root / "var/cache/apt/archives")
    return made


def request(versions: dict[str, str], *remove: str, held: bool = False) -> dict[str, object]:
    return {"versions": versions, "remove": list(remove), "held": held}


def test_what_apt_would_do_is_read_to_the_version_and_the_archive(system: AptRoot) -> None:
    system.offer(*NEW)
    found = parse_transaction(system.answer(simulate_all()))
    assert sorted(found.changes, key=lambda one: one.name) == [
        Change("fl-dep", "1.0", "1.1", SECURITY),
        Change("fl-lib", "1.0", "2.0", SECURITY),
        Change("fl-new", "", "1.0", SECURITY),
        Change("fl-plain", "1.0", "1.1", SECURITY),
    ]
    assert (found.removals, found.kept_back) == (("fl-old",), ("fl-held",))
    assert wanted_versions(found, Scope.SECURITY) == {"fl-dep": "1.1", "fl-lib": "2.0", "fl-plain": "1.1"}
    past = parse_transaction(system.answer(simulate_all(ignore_holds=True)))
    assert "fl-held" in {one.name for one in past.changes}
    some = parse_transaction(system.answer(simulate_some({"fl-plain": "1.1"})))
    assert [one.name for one in some.changes] == ["fl-plain"]


def test_what_only_another_archive_offers_is_no_security_update(system: AptRoot) -> None:
    shutil.rmtree(system.root / "var/lib/apt/lists")  # apt minds that an archive calls itself otherwise
    system.offer(Package("fl-plain", "1.1"), label="Debian")
    found = parse_transaction(system.answer(simulate_all()))
    assert [one.name for one in found.changes] == ["fl-plain"]
    assert wanted_versions(found, Scope.SECURITY) == {}
    assert wanted_versions(found, Scope.FULL) == {"fl-plain": "1.1"}


def test_packages_come_to_their_versions_and_back_again(system: AptRoot, tmp_path: Path) -> None:
    before = system.versions()
    system.offer(*NEW)
    wanted = {"fl-plain": "1.1", "fl-dep": "1.1", "fl-new": "1.0"}
    done = packages.apply(request(wanted), Progress(tmp_path))
    assert done == {"packages": ["fl-plain", "fl-dep", "fl-new"]}
    assert system.versions() == {**before, **wanted}
    assert packages.apply(request(wanted), Progress(tmp_path)) == done  # once more changes nothing
    back = packages.put_back({"versions": {"fl-plain": "1.0", "fl-dep": "1.0"}}, Progress(tmp_path))
    assert back == {"back": ["fl-dep", "fl-plain"], "not_found": []}
    assert {**system.versions(), "fl-new": "1.0"} == {**before, "fl-new": "1.0"}


def test_what_was_installed_automatically_stays_so(system: AptRoot, tmp_path: Path) -> None:
    system.run("apt-mark", "auto", "fl-plain")
    system.offer(*NEW)
    packages.apply(request({"fl-plain": "1.1"}), Progress(tmp_path))
    assert system.run("apt-mark", "showauto").split() == ["fl-plain"]


def test_a_version_that_nobody_offers_any_more_is_told(system: AptRoot, tmp_path: Path) -> None:
    system.offer(*NEW)
    packages.apply(request({"fl-plain": "1.1"}), Progress(tmp_path))
    (system.archive / "fl-plain_1.0_all.deb").unlink()
    system.offer()
    back = packages.put_back({"versions": {"fl-plain": "1.0"}}, Progress(tmp_path))
    assert back == {"back": [], "not_found": ["fl-plain"]}
    kept = system.root / "var/cache/apt/archives"
    system.offer(Package("fl-plain", "1.0"))
    shutil.move(system.archive / "fl-plain_1.0_all.deb", kept / "fl-plain_1.0_all.deb")
    system.offer()
    back = packages.put_back({"versions": {"fl-plain": "1.0"}}, Progress(tmp_path))  # from what apt once fetched
    assert back == {"back": ["fl-plain"], "not_found": []}
    assert system.versions()["fl-plain"] == "1.0"


def test_nothing_is_removed_and_nothing_held_is_changed_unless_it_is_said(system: AptRoot, tmp_path: Path) -> None:
    before = system.versions()
    system.offer(*NEW)
    for wanted in ({"fl-lib": "2.0"}, {"fl-held": "1.1"}):
        with pytest.raises(Complaint, match="apt-get ended with 100"):
            packages.apply(request(wanted), Progress(tmp_path))
    assert system.versions() == before
    packages.apply(request({"fl-lib": "2.0"}, "fl-old"), Progress(tmp_path))
    packages.apply(request({"fl-held": "1.1"}, held=True), Progress(tmp_path))
    after = system.versions()
    assert (after["fl-lib"], after["fl-held"], after.get("fl-old")) == ("2.0", "1.1", None)


def test_a_package_that_can_not_be_set_up_is_told_with_its_reason_and_finished_by_the_next_run(
    system: AptRoot, tmp_path: Path
) -> None:
    flag = tmp_path / "may-go-on"
    broken = Package("fl-plain", "1.1", scripts={"postinst": f"#!/bin/sh\n[ -e {flag} ]\n"})
    system.offer(broken, *NEW[1:])
    with pytest.raises(Complaint, match="fl-plain") as complaint:
        packages.apply(request({"fl-plain": "1.1"}), Progress(tmp_path))
    assert complaint.value.kind == "packages not installed"
    flag.touch()
    packages.apply(request({"fl-dep": "1.1", "fl-new": "1.0"}), Progress(tmp_path))
    assert system.versions()["fl-plain"] == "1.1"


def test_the_objections_are_those_to_what_apt_told(system: AptRoot) -> None:
    system.offer(*NEW)
    found = parse_transaction(system.answer(simulate_all(ignore_holds=True)))
    facts = SystemFacts("debian 12", "6.1", "6.1", False, "b", system.versions(), frozenset({"fl-held"}))
    assert objections(facts, found) == [
        "It would remove fl-old. (--word removals)",
        "It would change what is held: fl-held. (--word held)",
    ]
    assert objections(facts, found, {Word.REMOVALS, Word.HELD}) == []
