from __future__ import annotations

import logging
import re
import threading
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest
import time_machine

from deployments.web.first_access import PURPOSE, FirstAccess
from deployments.web.passwords import Objection, objection_to
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import alone, deeds, leases, links, releases, roll_outs
from hosting.inventory.links import LinkUsed
from hosting.inventory.roll_out_rows import RollOutOrder
from hosting.policy.roll_outs import UpdateState
from hosting.policy.terms import LANGUAGES
from hosting.policy.values import ReleaseFacts, ReleaseId
from tests.deployments.web.conftest import Service, make_link, open_instance

if TYPE_CHECKING:
    import httpx

    from hosting.inventory.session import Inventory

pytestmark = pytest.mark.anyio

GOOD = "drei bunte Pferde"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def get(service: Service, token: str, language: str = "") -> httpx.Response:
    async with service.client() as client:
        return await client.get(f"/access/{token}", headers={"accept-language": language})


async def post(service: Service, token: str, password: str = GOOD, again: str | None = None) -> httpx.Response:
    async with service.client() as client:
        form = {"username": "admin", "password": password, "again": password if again is None else again}
        return await client.post(f"/access/{token}", data=form)


def used(service: Service, token: str) -> bool:
    try:
        with service.inventory.reading() as session:
            links.find_link(session, token, datetime.now(UTC))
    except LinkUsed:
        return True
    return False


async def test_the_page_shows_address_and_name_and_stays_valid_however_often_it_is_fetched(service: Service) -> None:
    name = open_instance(service.inventory)
    token = make_link(service.inventory, name)
    for _ in range(3):
        page = await get(service, token)
        assert page.status_code == 200
        assert f"https://app1.phlymail.test/{name}/" in page.text
        assert 'value="admin"' in page.text
    async with service.client() as client:
        assert (await client.head(f"/access/{token}")).status_code == 200
    assert not used(service, token)


async def test_the_password_is_set_and_the_link_is_used_up(service: Service) -> None:
    name = open_instance(service.inventory)
    token = make_link(service.inventory, name)
    page = await post(service, token)
    assert page.status_code == 200
    assert "Ihr Kennwort ist festgelegt" in page.text
    assert f"https://app1.phlymail.test/{name}/config.php" in page.text
    assert service.instances.passwords == [(name, GOOD)]
    assert used(service, token)
    again = await post(service, token, "ein anderes Kennwort")
    assert again.status_code == 410
    assert "schon benutzt" in again.text
    assert (await get(service, token)).status_code == 410
    assert service.instances.passwords == [(name, GOOD)]
    with service.inventory.reading() as session:
        assert "first password set" in [deed.what for deed in deeds.deeds_of(session, f"instance:{name}")]
        assert leases.lease_of(session, name) is None


@pytest.mark.parametrize(("language", "words"), [("de", "Ihr Kennwort festlegen"), ("en", "Choose your password")])
async def test_the_page_speaks_the_customers_language_whatever_the_browser_asks_for(
    service: Service, language: str, words: str
) -> None:
    token = make_link(service.inventory, open_instance(service.inventory, language))
    for asked in LANGUAGES:
        page = await get(service, token, asked)
        assert words in page.text
        assert f'<html lang="{language}">' in page.text
        assert page.headers["content-language"] == language


@pytest.mark.parametrize(
    ("asked", "language"), [("", "de"), ("en-GB,de;q=0.5", "en"), ("fr, en", "en"), ("xx", "de"), ("," * 500, "de")]
)
async def test_a_link_that_leads_nowhere_is_told_in_the_browsers_language(
    service: Service, asked: str, language: str
) -> None:
    page = await get(service, "no-such-token", asked)
    assert page.status_code == 404
    assert f'<html lang="{language}">' in page.text


async def test_an_expired_link_says_what_to_do(service: Service) -> None:
    token = make_link(service.inventory, open_instance(service.inventory), timedelta(seconds=-1))
    for page in (await get(service, token), await post(service, token)):
        assert page.status_code == 410
        assert "Antworten Sie auf unseren Brief" in page.text
    assert service.instances.passwords == []


async def test_a_link_for_something_else_opens_nothing(service: Service) -> None:
    name = open_instance(service.inventory)
    with service.inventory.writing() as session:
        token = links.make_link(session, name, "something else", datetime.now(UTC), timedelta(days=1))
    assert (await get(service, token)).status_code == 404
    assert (await post(service, token)).status_code == 404


@pytest.mark.parametrize("token", ["x", "x" * 3000, "%00", "%0d%0aSet-Cookie:a=b", "..%2f..", "%F0%9F%98%80", "%ff"])
async def test_any_token_gets_a_page_and_no_accident(service: Service, token: str) -> None:
    for page in (await get(service, token), await post(service, token)):
        assert page.status_code == 404
        assert "set-cookie" not in page.headers


@pytest.mark.parametrize(("failure", "line"), [
    (Unreachable("app1 does not answer.", "Look at it."), "app1 does not answer. Look at it."),
    (StepFailed("mysql failed.", "Look.", exit_code=1, last_lines="a\nb"), "mysql failed. [a b] Look."),
])  # fmt: skip
async def test_a_server_that_does_not_answer_leaves_the_link_valid(
    service: Service, caplog: pytest.LogCaptureFixture, failure: Exception, line: str
) -> None:
    name = open_instance(service.inventory)
    token = make_link(service.inventory, name)
    service.instances.failure = failure
    page = await post(service, token)
    assert page.status_code == 503
    assert "retry-after" in page.headers
    assert "Ihr Link bleibt gültig" in page.text
    assert line in caplog.text
    assert not used(service, token)
    service.instances.failure = None
    assert (await post(service, token)).status_code == 200
    assert service.instances.passwords == [(name, GOOD)]


async def test_a_crash_between_password_and_link_leaves_the_customer_a_way_in(service: Service) -> None:
    """The process dies right after the server took the password: the link is still valid once the lease has run out."""
    name = open_instance(service.inventory)
    token = make_link(service.inventory, name)
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    with service.inventory.writing() as session:
        leases.acquire(session, name, "first-access:of-a-dead-process", "first password", now=now, ttl=minute)
    page = await post(service, token)
    assert page.status_code == 503
    assert not used(service, token)
    with time_machine.travel(now + minute, tick=True):
        assert (await post(service, token)).status_code == 200
    assert used(service, token)


def test_of_two_who_try_at_once_one_sets_the_password(inventory: Inventory) -> None:
    name = open_instance(inventory)
    token = make_link(inventory, name)
    inside, go_on = threading.Event(), threading.Event()
    passwords: list[str] = []

    def slow(_instance: str, password: str) -> None:
        inside.set()
        assert go_on.wait(10)
        passwords.append(password)

    access = FirstAccess(inventory, slow)
    first = threading.Thread(target=access.set_first_password, args=(token, "the first password"))
    first.start()
    assert inside.wait(10)
    with pytest.raises(leases.LeaseHeld):
        access.set_first_password(token, "the second password")
    go_on.set()
    first.join(10)
    with pytest.raises(LinkUsed):
        access.set_first_password(token, "the third password")
    assert passwords == ["the first password"]


async def test_a_run_that_works_on_the_instance_makes_the_page_ask_for_patience(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    name = open_instance(service.inventory)
    token = make_link(service.inventory, name)
    with service.inventory.writing() as session:
        leases.acquire(session, name, "run-1", "move", now=datetime.now(UTC), ttl=timedelta(minutes=1))
    assert (await post(service, token)).status_code == 503
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    with service.inventory.reading() as session:
        lease = leases.lease_of(session, name)
    assert lease is not None
    assert lease.owner == "run-1"


async def test_nothing_is_set_on_what_stands_half_updated_since_it_could_go_back(service: Service) -> None:
    name, at = open_instance(service.inventory), datetime.now(UTC)
    token = make_link(service.inventory, name)
    later = ReleaseFacts(ReleaseId("cd" * 32), 405, "4.04.71", "free", 1)
    with service.inventory.writing() as session:
        releases.add_release(session, later, "test", at)
        roll_outs.begin(session, RollOutOrder(later.id, "newer", urgent=True), "test", at)
        for state in (UpdateState.PREPARING, UpdateState.STOPPED):
            roll_outs.record_state(session, 1, name, state, at)
    page = await post(service, token)
    assert (page.status_code, service.instances.passwords) == (503, [])
    assert not used(service, token)
    with service.inventory.writing() as session:
        roll_outs.record_state(session, 1, name, UpdateState.OPENED, at)
    assert (await post(service, token)).status_code == 200
    assert service.instances.passwords == [(name, GOOD)]


async def test_nothing_is_set_while_the_server_is_updated(service: Service) -> None:
    name = open_instance(service.inventory)
    token, minute = make_link(service.inventory, name), timedelta(minutes=1)
    with service.inventory.writing() as session:
        alone.take_server(session, "app1", "run 9", "update", now=datetime.now(UTC), ttl=minute)
    assert (await post(service, token)).status_code == 503
    assert not used(service, token)
    assert service.instances.passwords == []


# --- the password ---


@pytest.mark.parametrize(("password", "again", "objection"), [
    ("", "", Objection.MISSING),
    ("elf Zeichen", "elf Zeichen", Objection.TOO_SHORT),
    ("zwölf Zeich.", "zwölf Zeich.", None),
    ("aB3! " * 25 + "xyz", "aB3! " * 25 + "xyz", None),  # 128
    ("aB3! " * 25 + "wxyz", "aB3! " * 25 + "wxyz", Objection.TOO_LONG),
    ("pferde \U0001f600 bunt", "pferde \U0001f600 bunt", Objection.UNUSABLE_SIGNS),
    ("drei bunte\x00Pferde", "drei bunte\x00Pferde", Objection.UNUSABLE_SIGNS),
    ("drei bunte\nPferde", "drei bunte\nPferde", Objection.UNUSABLE_SIGNS),
    (" drei bunte Pferde", " drei bunte Pferde", Objection.BLANK_AT_END),
    ("drei bunte Pferde ", "drei bunte Pferde ", Objection.BLANK_AT_END),
    ("adminADMINadmin", "adminADMINadmin", Objection.IS_THE_NAME),
    ("k3v9k3v9k3v9", "k3v9k3v9k3v9", Objection.IS_THE_NAME),
    ("admin mag Pferde", "admin mag Pferde", None),
    ("aaaaaaaaaaaa", "aaaaaaaaaaaa", Objection.TOO_SIMPLE),
    ("121212121212", "121212121212", Objection.TOO_SIMPLE),
    ("drei bunte Pferde", "drei bunte Pferd\u0435", Objection.NOT_THE_SAME),  # the last is Cyrillic
    ("drei bunte Pferde", "", Objection.NOT_THE_SAME),
])  # fmt: skip
def test_which_passwords_are_taken(password: str, again: str, objection: Objection | None) -> None:
    assert objection_to(password, again, ("admin", "k3v9")) is objection


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("objection", Objection)
async def test_each_objection_has_a_sentence_that_leads_to_its_field(
    service: Service, language: str, objection: Objection
) -> None:
    token = make_link(service.inventory, open_instance(service.inventory, language))
    password, again = {
        Objection.MISSING: ("", ""), Objection.TOO_SHORT: ("drei Pferd",) * 2, Objection.TOO_LONG: ("aB3!" * 40,) * 2,
        Objection.UNUSABLE_SIGNS: ("bunte \U0001f600 Pferde",) * 2, Objection.BLANK_AT_END: ("bunte Pferde  ",) * 2,
        Objection.IS_THE_NAME: ("adminadminadmin",) * 2, Objection.TOO_SIMPLE: ("a" * 12,) * 2,
        Objection.NOT_THE_SAME: (GOOD, "anders als zuvor"),
    }[objection]  # fmt: skip
    page = await post(service, token, password, again)
    assert page.status_code == 422
    assert '<div class="wrong" role="alert"' in page.text
    field = "again" if objection is Objection.NOT_THE_SAME else "password"
    assert re.search(rf'<a href="#{field}">\w[^<]+\.</a>', page.text)
    assert re.search(rf'<input id="{field}"[^>]+aria-invalid="true"', page.text)
    assert re.search(r"<title>(Fehler|Error): ", page.text)
    assert not password or password not in unescape(page.text)
    assert service.instances.passwords == []
    assert not used(service, token)


async def test_what_is_typed_reaches_the_instance_as_typed(service: Service) -> None:
    name = open_instance(service.inventory)
    password = "Ä+ß&=%20 \"'<é>\\ €"
    assert (await post(service, make_link(service.inventory, name), password)).status_code == 200
    assert service.instances.passwords == [(name, password)]


# --- the surroundings ---


async def test_each_page_keeps_its_address_to_itself_and_runs_nothing(service: Service) -> None:
    token = make_link(service.inventory, open_instance(service.inventory))
    for page in (
        await get(service, token),
        await post(service, token, ""),
        await post(service, token),
        await get(service, token),
    ):
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert "set-cookie" not in page.headers
        assert "<script" not in page.text
        assert token not in page.text


async def test_neither_token_nor_password_gets_into_a_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the test's own client logs what it asks for
    token = make_link(service.inventory, open_instance(service.inventory))
    service.instances.failure = Unreachable("app1 does not answer.")
    await get(service, token)
    await post(service, token)
    service.instances.failure = None
    await post(service, token)
    await post(service, token)
    assert token not in caplog.text
    assert GOOD not in caplog.text


@pytest.mark.parametrize(("body", "content_type", "status"), [
    (b"password=" + b"x" * 9000, "application/x-www-form-urlencoded", 413),
    (b"{}", "application/json", 415),
    (b"password=%ff%fe&again=%ff", "application/x-www-form-urlencoded", 422),
    (b"\xff\xfe", "application/x-www-form-urlencoded", 422),
    (b"a=1&" * 100, "application/x-www-form-urlencoded", 422),
    (b"", "application/x-www-form-urlencoded", 422),
])  # fmt: skip
async def test_forms_of_another_kind_are_refused(service: Service, body: bytes, content_type: str, status: int) -> None:
    token = make_link(service.inventory, open_instance(service.inventory))
    async with service.client() as client:
        page = await client.post(f"/access/{token}", content=body, headers={"content-type": content_type})
    assert page.status_code == status
    assert not used(service, token)


def test_the_flow_makes_links_for_this_page() -> None:
    from tasks.records import ACCESS

    assert ACCESS == PURPOSE
