"""Everything of an instance on a real server, into the real store, out by a link that ends; killed at each step (P41)."""

from __future__ import annotations

import hashlib
import io
import mailbox
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from blocks.backup_store import BackupStore
from blocks.loading import load
from deployments.web.app import create_app
from flows.export_instance import archived, export_instance
from hosting.inventory import deeds, exports
from hosting.inventory.session import in_transaction
from hosting.policy.exports import ExportState
from hosting.policy.terms import STANDARD
from tasks.on_server.exporting.mbox import unquoted
from tasks.records import now
from tests.service.flow_steps import steps_of
from tests.service.mailbox_data import Mailbox, fill
from tests.service.plans import Fault, Outcome, Plan

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.policy.exports import ExportFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

FLOW, WITHDRAW = "flows.export_instance.export_instance", "flows.export_instance.withdraw_exports"
BY = {"operator": "tester", "reason": "test"}
STEPS = [
    name
    for name in steps_of(export_instance.fn, archived)
    if not name.startswith(("ask_for_", "read_", "record_operator"))
]
"""What is asked for stands in the records before, and what only reads has nothing to lose."""

LINK = re.compile(r"(/export/\S+)")


@dataclass
class Bench:
    """The service, and an instance with two users."""

    service: Service
    made: Mailbox

    @property
    def name(self) -> str:
        return self.made.instance.name

    def run(self, fault: Fault | None = None, **request: Any) -> Outcome:
        return self.service.runner.run(Plan(flow=FLOW, fault=fault, parameters={**BY, **request}))

    def withdraw(self, fault: Fault | None = None, days: float = 0) -> Outcome:
        at = (now() + timedelta(days=days)).timestamp() if days else 0.0
        return self.service.runner.run(Plan(flow=WITHDRAW, fault=fault, parameters=BY, at=at))

    def latest(self) -> ExportFacts:
        with self.service.inventory.reading() as session:
            return exports.all_exports(session, self.name)[-1]

    def letters(self, order: ExportFacts) -> list[str]:
        """The letters of an export, by their texts."""
        address = f"{self.made.instance.order_reference.lower()}@kunde.test"
        found = [one.text for one in self.service.fleet.mails(address) if "/export/" in one.text]
        return [text for text in found if f"/export/{order.id}-" in text]

    def ask(self, path: str) -> httpx.Response:
        """What the service's own pages answer."""
        import asyncio

        async def asked() -> httpx.Response:
            app = create_app(self.service.settings, self.service.inventory, None, lambda *_: None)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page.test") as client:
                return await client.get(path)

        return asyncio.run(asked())

    def stored(self) -> list[str]:
        """Whatever the store has of exports of the instance, hidden or not, and uploads that nobody ended."""
        store = load(BackupStore)
        prefix = f"exports/{self.name}/"
        told: Any = store.client.list_object_versions(Bucket=store.bucket, Prefix=prefix)
        begun: Any = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=prefix)
        found = [*told.get("Versions", ()), *told.get("DeleteMarkers", ()), *begun.get("Uploads", ())]
        return [one["Key"] for one in found]

    def left_on_server(self) -> str:
        return self.service.on(
            "ls /run/phm/jobs 2>/dev/null | grep export; ls -d /tmp/*export* 2>/dev/null; true",
            self.made.instance.server_name,
        )


@pytest.fixture(scope="module")
def bench(service: Service) -> Bench:
    instance = service.provision(accounts=2)
    return Bench(service, fill(service, instance, users=("anna", "bert"), mails=3, files=3))


def fetched(bench: Bench, order: ExportFacts) -> dict[str, zipfile.ZipFile]:
    """The archives by the letter's link, as a customer fetches them; by user."""
    [letter] = bench.letters(order)
    found = LINK.search(letter)
    assert found is not None
    page = bench.ask(found[1])
    assert page.status_code == 200
    links = re.findall(r'href="(/export/[^"]+)"', page.text)
    archives = {}
    for archive, link in zip(order.archives, links, strict=True):
        leads = bench.ask(link)
        assert leads.status_code == 303
        store = load(BackupStore)
        answer = httpx.get(leads.headers["location"], verify=trust(store), trust_env=False)
        assert answer.status_code == 200
        assert f"phlymail-{bench.name}-{archive.user}.zip" in answer.headers["content-disposition"]
        assert hashlib.sha256(answer.content).hexdigest() == archive.sha256
        archives[archive.user] = zipfile.ZipFile(io.BytesIO(answer.content))
    return archives


def trust(store: BackupStore) -> Any:
    import ssl

    context = ssl.create_default_context()
    if store.authorities_pem:
        context.load_verify_locations(cadata=store.authorities_pem)
    return context


def check_whole(bench: Bench, archives: dict[str, zipfile.ZipFile], folder: Path) -> None:
    """Each user's mails and files, byte for byte, and nobody else's."""
    for name, uid in bench.made.uids.items():
        with archives[name] as archive:
            assert archive.testzip() is None
            files = {
                one: archive.read(one)
                for one in archive.namelist()
                if one.startswith("files/") and not one.endswith("/")
            }
            assert files == {
                f"files/{path}".replace("&", "&"): raw for (user, path), raw in bench.made.files.items() if user == name
            }
            box = mailbox.mbox(archive.extract("mail/Posteingang.mbox", folder / name), create=False)
            mails = Counter(unquoted(box.get_bytes(key).split(b"\n", 2)[2]) for key in box.keys())  # noqa: SIM118  # not its iteration
            wanted = [raw for path, raw in bench.made.mails.items() if path.startswith(f"storage/user/{uid}/")]
            assert Counter(raw.rstrip() for raw in mails.elements()) == Counter(raw.rstrip() for raw in wanted)
            assert archive.read("contacts/contacts-vcard-4.0.vcf").count(b"BEGIN:VCARD") == 1 + len(wanted)


def test_a_customer_fetches_everything_by_the_link_of_the_letter_until_it_ends(bench: Bench, tmp_path: Path) -> None:
    looked = bench.run(instance=bench.name, dry_run=True)
    assert looked.completed, looked
    assert "2 users (anna, bert)" in looked.message
    assert bench.stored() == []
    outcome = bench.run(instance=bench.name)
    assert outcome.completed, outcome
    order = bench.latest()
    assert order.state is ExportState.READY
    assert [one.user for one in order.archives] == ["anna", "bert"]
    check_whole(bench, fetched(bench, order), tmp_path)
    assert bench.latest().fetched_at is not None
    assert bench.left_on_server() == ""
    # nobody but the link's holder, and nobody once it is over
    token = LINK.search(bench.letters(order)[0])
    assert token is not None
    assert bench.ask(token[1][:-1] + ("A" if token[1][-1] != "A" else "B")).status_code == 404
    assert bench.ask(f"{token[1]}/99").status_code == 404
    assert bench.withdraw().completed
    assert len(bench.stored()) == 2
    assert not bench.withdraw(Fault("withdraw_export", "before"), days=STANDARD.export_days + 0.1).completed
    assert bench.withdraw(days=STANDARD.export_days + 0.1).completed
    assert bench.stored() == []
    assert bench.ask(token[1]).status_code == 410
    gone = bench.latest()
    assert (gone.state, {one.user for one in gone.archives}) == (ExportState.WITHDRAWN, {""})
    with bench.service.inventory.reading() as session:
        told = {one.what: one.evidence for one in deeds.deeds_of(session, exports.subject_of(order.id))}
    assert told["export withdrawn"]["objects"] == 2


def test_one_user_alone_is_exported_and_a_name_that_nobody_has_is_refused(bench: Bench) -> None:
    refused = bench.run(instance=bench.name, user="nobody")
    assert refused.error == "NoSuchUser"
    assert "anna, bert" in refused.message
    with bench.service.inventory.writing() as session:
        exports.call_off(session, bench.latest().id, "tester", "test", now())
    outcome = bench.run(instance=bench.name, user="bert")
    assert outcome.completed, outcome
    assert [one.user for one in bench.latest().archives] == ["bert"]


def test_a_run_killed_at_each_step_is_gone_on_with_and_nothing_is_told_twice(bench: Bench, tmp_path: Path) -> None:
    bench.service.runner.run(
        Plan(flow=FLOW, fault=Fault("read_users", "before"), parameters={**BY, "instance": bench.name})
    )
    order = bench.latest()
    for step in STEPS:
        killed = bench.run(Fault(step, "after" if step == "make_archive" else "before"), number=order.id)
        assert killed.state == "Killed", (step, killed)
    outcome = bench.run(number=order.id)
    assert outcome.completed, outcome
    order = bench.latest()
    check_whole(bench, fetched(bench, order), tmp_path)
    assert len(bench.letters(order)) == 1
    assert len(bench.stored()) == len(set(bench.stored()))
    assert bench.left_on_server() == ""
    in_transaction(bench.service.inventory, lambda session: exports.end_now(session, order.id, "tester", "test", now()))
    assert bench.withdraw(days=STANDARD.export_days + 1).completed
    assert bench.stored() == []


def test_an_export_goes_on_while_the_run_that_began_it_is_dead(bench: Bench, tmp_path: Path) -> None:
    """Killed right after the server has its job: the job ends by itself, and the next run takes its archive up."""
    killed = bench.run(Fault("make_archive", "command", command=4), instance=bench.name)
    assert killed.state == "Killed"
    order = bench.latest()
    assert order.archives == ()
    assert bench.run(number=order.id).completed
    check_whole(bench, fetched(bench, bench.latest()), tmp_path)
