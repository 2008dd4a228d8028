"""An old installation taken over on a real server: from a customer's web server to an open instance, and back (P33)."""

from __future__ import annotations

import base64
import hashlib
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fleet.release import release_files
from flows.approve_import import approve_import, see_through
from flows.import_installation import import_installation
from flows.restore_instance import bring_in
from hosting.inventory import cases, imports
from hosting.inventory.session import in_transaction
from hosting.policy.imports import UNDER_WAY, ImportFacts, ImportState
from hosting.product.layout import InstanceLayout
from tasks.import_fetching import NotTaken, Opener
from tasks.import_going_live import close_for_import
from tasks.import_records import wish_of
from tests.on_server.archives import Z, zipped
from tests.product.old_installations import SALT, OldOne, packed
from tests.product.old_trees_by_the_book import TREES as BOOK
from tests.service.archive_source import HOST, NAME, archive_source
from tests.service.customer import site
from tests.service.flow_steps import steps_of
from tests.service.ftp_source import PASSWORD, ftp_source
from tests.service.plans import Fault, Outcome, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from hosting.inventory.cases import CaseFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.archive_source import Source
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

START = "flows.import_installation.import_installation"
APPROVE, UNDO, CALL_OFF = (f"flows.approve_import.{name}_import" for name in ("approve", "undo", "call_off"))
FINISH = "flows.approve_import.finish_imports"
BY = {"operator": "tester", "reason": "test"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    with archive_source(tmp_path_factory.mktemp("source")) as made:
        yield made


@dataclass
class Bench:
    """The service, a customer's web server, and an instance that he has booked."""

    service: Service
    source: Source
    instance: InstanceFacts

    def offer(self, old: OldOne, path: str = "/old.zip", form: str = "zip") -> str:
        """An old installation's archive, offered; its URL."""
        self.source.files[path] = packed(old.files() | {"dump.sql": old.dump()}, form)
        return self.source.url(path)

    def ask(self, url: str, *, password: str = "", login: str = "", **wish: Any) -> ImportFacts:
        """An import on record, as the console writes it."""
        asked = wish_of(Opener(url, password, login), self.instance.name, "test", **wish)
        return in_transaction(self.service.inventory, lambda session: imports.ask(session, asked, "tester", NOW()))

    def start(self, order: ImportFacts, fault: Fault | None = None) -> Outcome:
        return self.run(START, order, fault)

    def taken_in(self, order: ImportFacts) -> ImportFacts:
        """An import after its run."""
        outcome = self.start(order)
        assert outcome.completed, outcome
        return self.stands(order)

    def codes(self, order: ImportFacts) -> list[str]:
        """What was found about an import, by code."""
        return [finding["code"] for finding in self.stands(order).report["findings"]]

    def cases(self) -> list[CaseFacts]:
        with self.service.inventory.reading() as session:
            return cases.cases_of(session, f"instance:{self.instance.name}")

    def run(self, flow: str, order: ImportFacts, fault: Fault | None = None, at: datetime | None = None) -> Outcome:
        moment = at.timestamp() if at else 0
        return self.service.runner.run(Plan(flow=flow, fault=fault, parameters={"number": order.id, **BY}, at=moment))

    def stands(self, order: ImportFacts) -> ImportFacts:
        with self.service.inventory.reading() as session:
            return imports.import_facts(session, order.id)

    def left(self) -> str:
        """Whatever the server still has of imports and their drafts."""
        return self.service.on(LEFT, self.instance.server_name)

    def sql(self, question: str) -> list[list[str]]:
        """Rows of the instance's database."""
        database = InstanceLayout.of(self.instance).database
        said = self.service.on(
            f"mariadb --default-character-set=utf8mb4 -NBe {quoted(question)} {database}", self.instance.server_name
        )
        return [line.split("\t") for line in said.splitlines()]


def NOW() -> Any:  # noqa: N802
    from tasks.records import now

    return now()


LEFT = (
    "ls -d /srv/imports/* /srv/instances/*_* /srv/code/*_* /srv/scratch/*_* /etc/apache2/phm/instances/*_* 2>/dev/null; "
    "mariadb -NBe 'SHOW DATABASES' | grep -E '_[0-9]$|_new$'; getent passwd | grep -E '^phm-[a-z0-9]+_'; true"
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.fixture(scope="module")
def bench(service: Service, source: Source) -> Bench:
    instance = service.provision(accounts=5)
    return Bench(service, source, instance)


@pytest.fixture(autouse=True)
def nothing_under_way(bench: Bench) -> Iterator[None]:
    """What a test leaves under way when it fails is given up, so that it fails alone."""
    yield
    with bench.service.inventory.reading() as session:
        left = [one for one in imports.all_imports(session, bench.instance.name) if one.state in UNDER_WAY]
    for order in left:  # an import that has begun to go live is taken back; the dead run's lease is over then
        bench.run(UNDO if order.stamp else CALL_OFF, order, at=NOW() + timedelta(minutes=2))


def logs_in(bench: Bench, user: str, password: str) -> int:
    """What WebDAV says to a user."""
    mine = site(bench.service, bench.instance)
    with mine.client:
        return mine.ask("webdav.php/", "PROPFIND", auth=httpx.DigestAuth(user.encode(), password.encode())).status_code


def front_end(bench: Bench) -> int:
    """What the instance's own page says."""
    mine = site(bench.service, bench.instance)
    with mine.client:
        return mine.ask("", "GET").status_code


def test_an_old_installation_goes_from_the_customers_server_into_his_instance_and_back(bench: Bench) -> None:
    old = OldOne(users=3, mails=4)
    order = bench.ask(bench.offer(old))
    outcome = bench.start(order)
    assert outcome.completed, outcome
    built = bench.stands(order)
    assert built.state is ImportState.BUILT, outcome
    assert built.sha256 == hashlib.sha256(bench.source.files["/old.zip"]).hexdigest()
    rows = {row["what"]: (row["before"], row["after"]) for row in built.report["counts"]["rows"]}
    assert rows["user"] == (3, 3)
    assert rows["email_index"] == (12, 12)
    assert built.report["files"]["files"] == 15
    assert built.report["neutralised"] == {"fetched": 1}
    before = bench.service.salt(bench.instance)
    assert before != SALT  # the instance works on as it is

    outcome = bench.run(APPROVE, order)
    assert outcome.completed, outcome
    assert bench.stands(order).state is ImportState.LIVE
    assert bench.service.salt(bench.instance) == SALT
    assert logs_in(bench, "anna", "pw") == 207
    assert bench.sql("SELECT uri FROM phlymail_calendar_groups") == [[""]]
    data = InstanceLayout.of(bench.instance).data
    there = bench.service.on(f"cd {data}; find storage/user -type f -exec sha256sum {{}} +", bench.instance.server_name)
    sums = dict(reversed(line.split("  ")) for line in there.splitlines())
    wanted = {
        path.removeprefix("phlymail/"): hashlib.sha256(content).hexdigest()
        for path, content in old.files().items()
        if "storage/user/" in path
    }
    assert sums == wanted
    assert bench.left() == ""

    outcome = bench.run(UNDO, order)
    assert outcome.completed, outcome
    assert bench.stands(order).state is ImportState.UNDONE
    assert bench.service.salt(bench.instance) == before
    assert bench.sql("SELECT COUNT(*) FROM phlymail_user") == [["0"]]


def test_what_other_eyes_wrote_arrives_whole_and_no_mail_password_lies_in_clear(bench: Bench) -> None:
    """Twice encoded texts beside a shop's database, under a prefix of its own, and passwords as they were typed."""
    old = replace(BOOK[2], more_core={"accountpass_security": "cleartext"})
    bench.source.files["/book.zip"] = packed(old.files(), "zip")
    order = bench.taken_in(bench.ask(bench.source.url("/book.zip")))
    assert order.state is ImportState.BUILT, order.finding
    assert "clear_mail_passwords" in bench.codes(order)
    assert bench.run(APPROVE, order).completed
    assert bench.sql("SELECT uid, username FROM phlymail_user") == [["1", "anna"], ["4", "bernd"]]
    subjects = [[subject] for person in old.people for subject in person.mails]
    assert bench.sql("SELECT hsubject FROM phlymail_email_index ORDER BY idx") == subjects
    key, plain = b"pop.example.organna", b"x3Fh~"
    hidden = base64.b64encode(bytes((one + by) % 256 for one, by in zip(plain, key, strict=False))).decode()
    assert bench.sql("SELECT poppass FROM phlymail_profiles WHERE uid = 1") == [[hidden]]
    assert bench.sql("SELECT COUNT(*) FROM phlymail_profiles WHERE poppass LIKE '%x3Fh%'") == [["0"]]
    data = InstanceLayout.of(bench.instance).data
    said = bench.service.on(f"cat {data}/storage/config/*choices.ini.php", bench.instance.server_name)
    assert 'accountpass_security = "confused"' in said
    assert "allow_ip = 0" in said
    assert logs_in(bench, "anna", old.people[0].password) == 207
    told = {row["key"]: (row["old"], row["new"], row["why"]) for row in order.report["settings"]}
    assert told["config.allow_ip"] == ("1", "0", "locks_out")
    assert told["handlers.calendar"] == ("1", "1", "kept")
    assert bench.left() == ""
    assert bench.run(UNDO, order).completed


def test_a_look_tells_all_that_is_short_at_once_and_changes_nothing(bench: Bench) -> None:
    old = OldOne(users=9, extra={"frontend/themes/Blau/main.css": b"a {}"})
    order = bench.taken_in(bench.ask(bench.offer(old), only_check=True))
    assert order.state is ImportState.CHECKED
    assert bench.codes(order) == ["accounts_short", "modifications_found"]
    assert "has 9 users, 5 accounts are booked: 4 are missing" in order.finding
    assert (order.report["outcome"], order.report["missing_accounts"]) == ("refused", 4)
    assert bench.left() == ""
    assert bench.cases() == []
    assert bench.sql("SELECT COUNT(*) FROM phlymail_user") == [["0"]]


def test_changed_files_of_a_registered_release_are_told(bench: Bench) -> None:
    """The release of the tests is registered; what the customer changed in it stays behind, and he is told what."""
    changes = {"index.php": b"<?php // mine", "shared/lib/own.php": b"<?php", "handlers/shop/api.php": b"<?php"}
    old = OldOne("Free", users=1, extra=release_files() | changes)
    url = bench.offer(old)
    order = bench.taken_in(bench.ask(url, only_check=True))
    assert order.report["compared"] is True
    further = ["added: shared/lib/functions.php", "added: shared/lib/own.php"]  # the stand-in has no such file
    assert order.report["modifications"] == ["handler shop", "changed: index.php", *further]
    assert "changed: index.php" in order.finding


def test_an_archive_that_changed_since_the_look_is_refused(bench: Bench) -> None:
    url = bench.offer(OldOne(users=1))
    looked = bench.taken_in(bench.ask(url, only_check=True))
    bench.offer(OldOne(users=2))
    order = bench.taken_in(bench.ask(url, told_sha256=looked.sha256))
    assert (order.state, bench.codes(order)) == (ImportState.REFUSED, ["checksum_differs"])
    assert bench.left() == ""


def test_what_nobody_can_mend_alone_goes_to_a_person_with_a_letter_begun(bench: Bench) -> None:
    old = OldOne(users=1)
    bench.source.files["/half.zip"] = packed(old.files(), "zip")
    order = bench.taken_in(bench.ask(bench.source.url("/half.zip")))
    assert (order.state, bench.codes(order)[0]) == (ImportState.CASE, "dump_missing")
    (case,) = bench.cases()
    assert case.kind == "import for an offer"
    assert case.facts["recognised"] == "unknown" or case.facts["recognised"].startswith("MessageCenter")
    assert "ohne Weiteres" in case.facts["letter"]
    assert bench.left() == ""


def test_over_a_clear_way_comes_only_an_archive_with_a_password(bench: Bench) -> None:
    old = OldOne("Lite", 3, prefix="pm", users=2, encoding="latin1")
    files = old.files() | {"dump.sql": old.dump()}
    entries = [Z(path.encode(), content, flags=0x800, password=b"geheim") for path, content in files.items()]
    bench.source.files["/locked.zip"] = zipped(*entries)
    url = bench.source.plain_url("/locked.zip")
    wrong = bench.taken_in(bench.ask(url, password="falsch"))
    assert wrong.state is ImportState.REFUSED
    assert bench.codes(wrong)[0] in {"wrong_password", "password_or_damage"}
    order = bench.taken_in(bench.ask(url, password="geheim"))
    assert (order.state, order.report["recognised"]) == (ImportState.BUILT, "Lite 3.01.05")
    assert "old_encryption" in bench.codes(order)
    assert order.report["counts"]["unsure"]  # an umlaut in a name of latin1 belongs to the digest
    assert bench.run(CALL_OFF, order).completed
    assert bench.left() == ""


def test_by_ftp_comes_only_an_archive_with_a_password(bench: Bench, tmp_path: Path) -> None:
    """From a real FTP server; without a password nothing is even asked for."""
    old = OldOne("Lite", 4, users=1)
    files = old.files() | {"dump.sql": old.dump()}
    entries = [Z(path.encode(), content, flags=0x800, password=b"geheim") for path, content in files.items()]
    (tmp_path / "open.zip").write_bytes(packed(files, "zip"))
    (tmp_path / "locked.zip").write_bytes(zipped(*entries))
    with ftp_source(tmp_path, HOST) as ftp:
        with pytest.raises(NotTaken) as refused:
            bench.ask(ftp.url("/open.zip"), login=PASSWORD)
        assert [finding.code for finding in refused.value.findings] == ["unsecured"]
        assert ftp.heard == []
        wish = {"password": "geheim", "login": PASSWORD, "only_check": True}
        clear = bench.taken_in(bench.ask(ftp.url("/open.zip"), **wish))
        good = bench.taken_in(bench.ask(ftp.url("/locked.zip"), **wish))
    assert (clear.report["outcome"], "not_all_encrypted" in bench.codes(clear)) == ("refused", True)
    assert (good.report["outcome"], good.report["recognised"]) == ("go", "Lite 4.02.08")
    assert PASSWORD not in str(good)
    assert bench.left() == ""


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://127.0.0.1/x", "unsecured"), ("https://127.0.0.1/x", "inner_address"),
        ("https://169.254.169.254/latest/meta-data", "inner_address"), ("https://[::1]/x", "inner_address"),
        ("file:///etc/passwd", "scheme_not_offered"), ("https://inner.example/x", "inner_address"),
        ("https://0x7f.1/x", "odd_address"), ("https://localhost/x", "inner_name"), ("/loop", "redirects"),
        ("//10.0.0.1/x", "inner_address"), ("https://mixed.example/x", "inner_address"),
    ],
)  # fmt: skip
def test_no_redirect_leads_inside(bench: Bench, target: str, code: str) -> None:
    """Names are asked for on the server: one with an inner address among others leads nowhere."""
    lines = "10.0.0.7 inner.example\n10.77.0.1 mixed.example\n127.0.0.1 mixed.example"
    bench.source.redirects |= {"/away": target, "/loop": "/loop"}
    with bench.service.broken(
        f"printf '{lines}\n' >>/etc/hosts", "sed -i '/inner.example\\|mixed.example/d' /etc/hosts"
    ):
        order = bench.taken_in(bench.ask(bench.source.url("/away"), only_check=True))
    assert bench.codes(order) == [code]
    assert bench.left() == ""


def test_a_name_is_asked_for_once_and_its_certificate_is_checked(bench: Bench) -> None:
    bench.offer(OldOne(users=1))
    with bench.service.broken(
        f"echo '{HOST} {NAME} other.example' >>/etc/hosts", "sed -i '/other.example/d' /etc/hosts"
    ):
        good = bench.taken_in(bench.ask(bench.source.url("/old.zip", NAME), only_check=True))
        bad = bench.taken_in(bench.ask(bench.source.url("/old.zip", "other.example"), only_check=True))
    assert (good.report["outcome"], bench.codes(bad)) == ("go", ["certificate_bad"])


def test_a_source_that_breaks_off_is_gone_on_with_by_the_same_run(bench: Bench) -> None:
    old = OldOne(users=1, extra={"storage/user/1/files/1.a": random.Random(1).randbytes(100_000)})
    url = bench.offer(old, "/slow.tar.gz", "tar.gz")
    bench.source.breaks["/slow.tar.gz"] = [2000, 3000]
    order = bench.taken_in(bench.ask(url, only_check=True))
    assert order.sha256 == hashlib.sha256(bench.source.files["/slow.tar.gz"]).hexdigest()
    asked = [range_ for path, range_ in bench.source.asked if path == "/slow.tar.gz"]
    assert asked == ["", "bytes=2000-", "bytes=5000-"]


def test_poison_of_files_database_and_settings_is_left_behind(bench: Bench) -> None:
    old = OldOne(
        users=2,
        extra={
            "storage/filter_scripts/evil.php": b"<?php",
            "storage/user/1/files/evil.php": b"<?php",
            "storage/user/1/files/.htaccess": b"x",
            "installer.php": b"<?php",
        },
        settings={"core": {"sendmail": "/bin/sh -c id"}, "path": {"lib": "/tmp/evil"}},
    )
    order = bench.taken_in(bench.ask(bench.offer(old)))
    assert bench.run(APPROVE, order).completed
    data = InstanceLayout.of(bench.instance).data
    found = bench.service.on(
        f"find {data}/storage/user {data}/storage/filter_scripts -name '*.php' -o -name .htaccess",
        bench.instance.server_name,
    )
    assert found == ""
    said = bench.service.on(
        f"cat {data}/storage/config/choices.ini.php {data}/choices.ini.php", bench.instance.server_name
    )
    assert "/bin/sh" not in said
    assert "/tmp/evil" not in said
    changed = {row["key"] for row in order.report["settings"] if row["why"] != "kept"}
    assert {"core.sendmail", "path.lib", "core.debugging_level"} <= changed
    assert bench.sql("SELECT username, is_root FROM phlymail_admin ORDER BY username") == [
        ["admin", "no"], ["provider", "yes"],
    ]  # fmt: skip


def test_a_newer_archive_is_taken_over_again(bench: Bench) -> None:
    """The customer went on working on his old system."""
    url = bench.offer(OldOne(users=2, mails=2))
    first = bench.taken_in(bench.ask(url))
    bench.offer(OldOne(users=3, mails=5))
    second = bench.taken_in(bench.ask(url))
    assert bench.stands(first).state is ImportState.CALLED_OFF
    assert bench.run(APPROVE, second).completed
    assert bench.sql("SELECT COUNT(*) FROM phlymail_email_index") == [["15"]]
    third = bench.taken_in(bench.ask(url))
    assert bench.run(APPROVE, third).completed
    assert bench.left() == ""
    assert bench.run(UNDO, third).completed
    assert bench.sql("SELECT COUNT(*) FROM phlymail_email_index") == [["15"]]


READING = ("read_", "find_", "compare_", "check_", "prove_", "record_operator")
"""What only looks has nothing to lose, but the job that opens an archive."""

OTHER_ENDS = {
    "ask_for_import", "record_checked", "record_case", "record_refused", "tell_customer_refused",
}  # fmt: skip
"""What a run does that does not come to a draft, or where one was asked for by a form."""

NOT_ON_THE_WAY_IN = {"drop_draft", "record_draft_removed", "tell_customer_imported"}
"""What a run does there only where an import before it left a draft, or once it is live."""


def places(*functions: Callable[..., Any], but: Collection[str] = ()) -> list[str]:
    """The tasks after which a run is killed: all of its flow that leave something behind."""
    return [
        name for name in steps_of(*functions)
        if name == "read_installation" or not (name.startswith(READING) or name in {*OTHER_ENDS, *but})
    ]  # fmt: skip


KILLED = {
    START: places(import_installation.fn, see_through, but=NOT_ON_THE_WAY_IN),
    APPROVE: places(approve_import.fn, close_for_import, bring_in),
}


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("flow", "task"), [(flow, task) for flow, tasks in KILLED.items() for task in tasks])
def test_a_run_that_is_killed_is_gone_on_with(bench: Bench, flow: str, task: str) -> None:
    killed_and_gone_on_with(bench, flow, task)


def test_a_run_that_is_killed_on_its_way_in_is_gone_on_with(bench: Bench) -> None:
    killed_and_gone_on_with(bench, START, "fill_draft")
    killed_and_gone_on_with(bench, APPROVE, "replace_database")


def killed_and_gone_on_with(bench: Bench, flow: str, task: str) -> None:
    """A run killed after a task; the next one brings the import to its end."""
    order = bench.ask(bench.offer(OldOne(users=2)))
    fault = Fault(task, "after")
    if flow == START:
        assert bench.start(order, fault).state == "Killed"
        order = bench.taken_in(order)
        assert bench.run(APPROVE, order).completed
    else:
        order = bench.taken_in(order)
        assert bench.run(APPROVE, order, fault).state == "Killed"
        after = NOW() + timedelta(minutes=2)  # the dead run's lease is over
        outcome = bench.service.runner.run(Plan(flow=FINISH, at=after.timestamp()))
        assert outcome.completed, outcome
        assert bench.start(order).completed  # what was not begun yet, and what follows from its end
    assert bench.stands(order).state is ImportState.LIVE
    assert logs_in(bench, "anna", "pw") == 207
    assert bench.left() == ""
    if flow == APPROVE:  # it went live after now: no import of before could be undone under it
        taken_back = bench.run(UNDO, order, at=NOW() + timedelta(minutes=4))
        assert taken_back.completed, taken_back


def test_an_undo_that_is_killed_is_gone_on_with(bench: Bench) -> None:
    """The instance is closed meanwhile, and nobody else works on it."""
    order = bench.taken_in(bench.ask(bench.offer(OldOne(users=2))))
    before = bench.sql("SELECT COUNT(*) FROM phlymail_user")
    assert bench.run(APPROVE, order).completed
    assert bench.run(UNDO, order, Fault("put_back", "after")).state == "Killed"
    assert bench.stands(order).state is ImportState.UNDOING
    after = NOW() + timedelta(minutes=2)  # the dead run's lease is over
    outcome = bench.service.runner.run(Plan(flow=FINISH, at=after.timestamp()))
    assert outcome.completed, outcome
    assert bench.stands(order).state is ImportState.UNDONE
    assert bench.sql("SELECT COUNT(*) FROM phlymail_user") == before
    assert front_end(bench) == HTTPStatus.OK
    assert bench.left() == ""


@pytest.mark.parametrize("task", ["begin_going_live", "take_draft", "replace_database", "replace_folder"])
def test_an_import_that_stopped_on_its_way_can_be_taken_back(bench: Bench, task: str) -> None:
    before = bench.sql("SELECT COUNT(*) FROM phlymail_user"), bench.service.salt(bench.instance)
    order = bench.taken_in(bench.ask(bench.offer(OldOne(users=4))))
    assert bench.run(APPROVE, order, Fault(task, "after")).state == "Killed"
    outcome = bench.run(UNDO, order)
    assert outcome.completed, outcome
    assert bench.stands(order).state is ImportState.UNDONE
    assert (bench.sql("SELECT COUNT(*) FROM phlymail_user"), bench.service.salt(bench.instance)) == before
    assert bench.left() == ""


def test_an_instance_that_does_not_answer_its_proof_is_taken_back(bench: Bench) -> None:
    order = bench.taken_in(bench.ask(bench.offer(OldOne(users=4))))
    before = bench.sql("SELECT COUNT(*) FROM phlymail_user")
    closed = "nft add table inet no_web; nft 'add chain inet no_web in { type filter hook input priority -9; }'; "
    closed += "nft add rule inet no_web in iifname != lo tcp dport 443 reject with tcp reset"  # it answers itself
    with bench.service.broken(closed, "nft delete table inet no_web"):
        outcome = bench.run(APPROVE, order)
    assert not outcome.completed
    assert bench.stands(order).state is ImportState.CALLED_OFF
    assert bench.sql("SELECT COUNT(*) FROM phlymail_user") == before
    assert front_end(bench) == HTTPStatus.OK
    assert bench.left() == ""


def test_a_state_that_does_not_pass_its_proof_is_taken_back(bench: Bench) -> None:
    order = bench.taken_in(bench.ask(bench.offer(OldOne(users=1))))
    before = bench.sql("SELECT COUNT(*) FROM phlymail_user")
    draft = bench.service.on("ls -d /srv/instances/*_*", bench.instance.server_name).strip()
    bench.service.on(
        f"mariadb -e \"UPDATE phlymail_admin SET pw_digesta1='x' WHERE is_root='yes'\" phm_{draft.rpartition('/')[2]}",
        bench.instance.server_name,
    )
    outcome = bench.run(APPROVE, order)
    assert not outcome.completed
    assert bench.stands(order).state is ImportState.CALLED_OFF
    assert bench.sql("SELECT COUNT(*) FROM phlymail_user") == before
    assert bench.left() == ""


def test_a_draft_goes_with_its_archive_once_its_days_are_over_but_not_on_its_way(bench: Bench) -> None:
    drop, later = "flows.restore_beside.drop_old_copies", NOW() + timedelta(days=8)
    order = bench.taken_in(bench.ask(bench.offer(OldOne(users=1))))
    assert bench.run(APPROVE, order, Fault("record_approved", "after")).state == "Killed"
    assert bench.service.runner.run(Plan(flow=drop, at=later.timestamp())).completed
    assert bench.start(order).completed
    assert bench.stands(order).state is ImportState.LIVE
    left = bench.ask(bench.offer(OldOne(users=1)))
    assert bench.start(left, Fault("record_built", "after")).state == "Killed"  # its archive lies there still
    assert "/srv/imports/" in bench.left()
    assert bench.service.runner.run(Plan(flow=drop, at=later.timestamp())).completed
    assert bench.left() == ""


def test_what_an_import_laid_aside_goes_once_its_days_are_over(bench: Bench) -> None:
    order = bench.taken_in(bench.ask(bench.offer(OldOne(users=1))))
    assert bench.run(APPROVE, order).completed
    later = NOW() + timedelta(days=8)
    outcome = bench.service.runner.run(Plan(flow="flows.expire_backups.expire_backups", at=later.timestamp()))
    assert outcome.completed, outcome
    aside = bench.service.on(
        f"ls -d /srv/backup/{bench.instance.name}-*-* 2>/dev/null || true", bench.instance.server_name
    )
    assert aside == ""
    assert bench.stands(order).aside_gone_at
    assert "can't be put back" in bench.run(UNDO, order).message
