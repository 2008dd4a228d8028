"""The page on which a customer agrees on a time: tampered, expired, reused and foreign links, two at once (P24)."""

from __future__ import annotations

import logging
import re
import threading
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING

import anyio
import pytest
import time_machine

from deployments.web.agreement import Agreements
from deployments.web.app import create_app
from hosting.errors import Unreachable
from hosting.inventory import instances, move_moments, moves, offers, servers, work
from hosting.inventory.notices import MoneyMoved, Notice, NoticeType, OrderPlaced
from hosting.inventory.releases import current_release
from hosting.inventory.shop import take_notice
from hosting.policy.agreement_links import sign_link
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.maintenance import next_window
from hosting.policy.states import MoveState, OfferState, ServerState
from hosting.policy.terms import LANGUAGES, STANDARD
from hosting.policy.values import ServerFacts, ServerName
from hosting.templates.wording import span
from tests.deployments.web.conftest import Service, make_link, open_instance

if TYPE_CHECKING:
    import httpx
    from sqlalchemy.orm import Session

    from hosting.inventory.offer_rows import OfferFacts

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Offered:
    """An instance whose customer was offered times, and his browser."""

    def __init__(self, service: Service, name: str, offer: OfferFacts) -> None:
        self.service, self.name, self.offer = service, name, offer
        self.key = service.settings.sealing_key.get_secret_value()
        self.token = sign_link(self.key, offer.id, name, offer.answer_by)

    @property
    def now(self) -> OfferFacts:
        with self.service.inventory.reading() as session:
            return offers.offer_facts(session, self.offer.id)

    @property
    def moves(self) -> list[moves.MoveFacts]:
        with self.service.inventory.reading() as session:
            return moves.moves_of(session, self.name)

    def time(self, number: int) -> str:
        return self.offer.windows[number - 1].opens.isoformat()

    async def get(self, token: str = "", language: str = "") -> httpx.Response:
        async with self.service.client() as client:
            return await client.get(f"/agreement/{token or self.token}", headers={"accept-language": language})

    async def post(self, answer: str, words: str = "", token: str = "", form: str | None = None) -> httpx.Response:
        token = token or self.token
        seal = Agreements(self.service.inventory, self.key).seal(token) if form is None else form
        async with self.service.client() as client:
            fields = {"answer": answer, "words": words, "form": seal}
            return await client.post(f"/agreement/{token}", data=fields)


def second_server(session: Session) -> None:
    facts = ServerFacts(
        ServerName("app2"), "app2.phlymail.test", "10.77.0.12", 22, "ssh-ed25519 AAAB", "DE", dedicated=True,
        state=ServerState.ACTIVE, room_gib=500,
    )  # fmt: skip
    servers.add_server(session, facts, "test", datetime.now(UTC))


def offer_times(service: Service, name: str, **changes: object) -> Offered:
    now = datetime.now(UTC)
    with service.inventory.writing() as session:
        second_server(session)
        offer = offers.offer_windows(session, name, "app2", "full", by="olga", now=now, **changes)
    return Offered(service, name, offer)


@pytest.fixture
def offered(service: Service) -> Offered:
    return offer_times(service, open_instance(service.inventory))


def neighbour(service: Service) -> str:
    """Another customer's instance on the same server."""
    now = datetime.now(UTC)
    order = OrderPlaced("B-1", "C-2", "Other", "o@example.org", "en", 1, 0, 5890, "EUR")
    with service.inventory.writing() as session:
        take_notice(session, Notice("evt_3", NoticeType.ORDER_PLACED, now, "{}", order), now, "BE")
        money = MoneyMoved("B-1", 5890, "EUR", now)
        take_notice(session, Notice("evt_4", NoticeType.PAYMENT_RECEIVED, now, "{}", money), now, "BE")
        made = instances.reserve_instance(
            session, "B-1", lambda _pool, all_: all_[0], release=current_release(session), seal=str, now=now
        )
        instances.record_active(session, made.name, now, {})
    return made.name


# --- what it is for ---


async def test_the_page_shows_the_times_and_stays_open_however_often_it_is_fetched(offered: Offered) -> None:
    for _ in range(3):
        page = await offered.get()
        assert page.status_code == 200
        assert re.findall(r'name="answer" type="radio" value="([^"]+)"', page.text) == [
            *[offered.time(number) for number in range(1, 5)], "others", "decline",
        ]  # fmt: skip
        assert f"https://app1.phlymail.test/{offered.name}/" in page.text
        assert "Ohne Ihre Antwort geschieht nichts" in page.text
    async with offered.service.client() as client:
        assert (await client.head(f"/agreement/{offered.token}")).status_code == 200
    assert offered.now == offered.offer


async def test_the_form_as_the_browser_sends_it_is_taken(offered: Offered) -> None:
    seal = re.search(r'name="form" value="([^"]+)"', (await offered.get()).text)
    assert seal is not None
    assert (await offered.post(offered.time(1), form=unescape(seal[1]))).status_code == 200
    assert offered.now.state is OfferState.ACCEPTED


async def test_an_accepted_time_is_a_planned_move_and_its_page_says_so(offered: Offered) -> None:
    page = await offered.post(offered.time(2))
    assert page.status_code == 200
    assert "Der Termin steht fest" in page.text
    [move] = offered.moves
    window = offered.offer.windows[1]
    assert (move.state, move.agreed_by, move.due_at) == (MoveState.PLANNED, "customer", window.opens)
    with offered.service.inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(move.id))
    assert asked is not None
    assert asked.due_at == window.opens


async def test_after_an_answer_due_work_is_dispatched_at_once(offered: Offered) -> None:
    poked = threading.Event()
    service = offered.service
    service.app = create_app(service.settings, service.inventory, poked.set, lambda *_: None)
    await offered.post(offered.time(1))
    assert await anyio.to_thread.run_sync(poked.wait, 10)


@pytest.mark.parametrize(("answer", "state", "words"), [
    ("others", OfferState.OTHERS_ASKED, "Sie möchten andere Termine"),
    ("decline", OfferState.DECLINED, "Sie lehnen den Umzug ab"),
])  # fmt: skip
async def test_other_answers_move_nothing_and_keep_the_customers_words(
    offered: Offered, answer: str, state: OfferState, words: str
) -> None:
    page = await offered.post(answer, "nach <b>Weihnachten</b>,\r\nbitte \u202e!")
    assert page.status_code == 200
    assert words in page.text
    assert "nach &lt;b&gt;Weihnachten&lt;/b&gt;, bitte !" in page.text
    assert (offered.now.state, offered.now.answer) == (state, "nach <b>Weihnachten</b>, bitte !")
    assert offered.moves == []


@pytest.mark.parametrize(("language", "words"), [("de", "Wann soll Ihre Instanz"), ("en", "When shall your instance")])
async def test_the_page_speaks_the_customers_language(service: Service, language: str, words: str) -> None:
    offered = offer_times(service, open_instance(service.inventory, language))
    for asked in LANGUAGES:
        page = await offered.get(language=asked)
        assert words in page.text
        assert page.headers["content-language"] == language


async def test_the_page_says_what_happens_without_an_answer(service: Service) -> None:
    name = open_instance(service.inventory)
    offered = offer_times(service, name, without_answer=WithoutAnswer.MOVE)
    assert "Ohne Ihre Antwort zieht Ihre Instanz zum ersten Termin um" in (await offered.get()).text


# --- links that open nothing ---


async def test_a_tampered_link_opens_nothing(offered: Offered) -> None:
    number, end, signature = offered.token.split("-", 2)
    flipped = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    tampered = [
        f"{number}-{end}-{flipped}", f"{number}-{int(end) + 86400}-{signature}", f"{int(number) + 1}-{end}-{signature}",
        f"{number}-{end}-{signature}x", f"{number}-{end}-", f"0{number}-{end}-{signature}", number, "x" * 3000, "%00", "%ff",
    ]  # fmt: skip
    for token in tampered:
        for page in (await offered.get(token), await offered.post(offered.time(1), token=token, form="x")):
            assert page.status_code == 404
            assert "Diesen Link gibt es nicht" in page.text
    assert offered.now == offered.offer


async def test_a_link_can_not_be_turned_into_another_instances(service: Service) -> None:
    mine = offer_times(service, open_instance(service.inventory))
    neighbour_name = neighbour(service)
    with service.inventory.writing() as session:
        other = offers.offer_windows(session, neighbour_name, "app2", "full", by="olga", now=datetime.now(UTC))
    number, end, signature = mine.token.split("-", 2)
    foreign = f"{other.id}-{end}-{signature}"
    assert (number, other.instance_name) == (str(mine.offer.id), neighbour_name)
    assert (await mine.get(foreign)).status_code == 404
    assert (await mine.post("decline", token=foreign)).status_code == 404
    signed_for_me = sign_link(mine.key, other.id, mine.name, other.answer_by)  # the number of an inventory brought back
    assert (await mine.get(signed_for_me)).status_code == 404
    theirs = Offered(service, neighbour_name, other)
    page = await theirs.get()
    assert page.status_code == 200
    assert mine.name not in page.text
    stolen_form = re.search(r'name="form" value="([^"]+)"', (await mine.get()).text)
    assert stolen_form is not None
    assert (await theirs.post("decline", form=stolen_form[1])).status_code == 422
    assert theirs.now == other


async def test_an_expired_link_opens_nothing_and_says_what_to_do(offered: Offered) -> None:
    short = sign_link(offered.key, offered.offer.id, offered.name, datetime.now(UTC) - timedelta(seconds=1))
    for token, at in ((short, 0 * DAY), (offered.token, 5 * DAY), (offered.token, 400 * DAY)):
        with time_machine.travel(datetime.now(UTC) + at, tick=True):
            for page in (await offered.get(token), await offered.post(offered.time(1), token=token)):
                assert page.status_code == 410
                assert "Dieser Link gilt nicht mehr" in page.text
    assert offered.moves == []


async def test_a_used_link_shows_what_was_answered_and_changes_nothing(offered: Offered) -> None:
    await offered.post(offered.time(1))
    before, [move] = offered.now, offered.moves
    again = await offered.get()
    assert again.status_code == 200
    assert "Der Termin steht fest" in again.text
    for answer in (offered.time(2), "decline", "others", "nonsense"):
        page = await offered.post(answer)
        assert page.status_code == 409
        assert "schon beantwortet" in page.text
    assert (offered.now, offered.moves) == (before, [move])
    with offered.service.inventory.writing() as session:
        later = next_window(move.due_at + 2 * DAY, STANDARD.move_window).opens
        move_moments.postpone(session, offered.name, later, "asked by phone", by="olga", now=datetime.now(UTC))
    assert span(later, later + STANDARD.move_window, "de") in (await offered.get()).text
    with time_machine.travel(datetime.now(UTC) + 30 * DAY, tick=True):
        assert (await offered.get()).status_code == 200


async def test_of_two_browsers_at_once_one_is_heard_and_both_see_the_same(offered: Offered) -> None:
    pages: list[httpx.Response] = []

    async def send(number: int) -> None:
        pages.append(await offered.post(offered.time(number % 4 + 1)))

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(send, number)
    assert sorted(page.status_code for page in pages) == [200, *[409] * 7]
    told = {re.search(r"zieht um: ([^<]+)\.</p>", page.text)[1] for page in pages}  # type: ignore[index]
    assert len(told) == len(offered.moves) == 1


async def test_a_withdrawn_offer_and_one_that_was_overtaken_say_so(offered: Offered) -> None:
    service, now = offered.service, datetime.now(UTC)
    with service.inventory.writing() as session:
        moves.plan_move(session, offered.name, "app2", "phone", "olga", now + DAY, without_backup=False, now=now)
    for page in (await offered.get(), await offered.post(offered.time(1))):
        assert page.status_code == 410
        assert "nicht mehr zur Wahl" in page.text
    with service.inventory.writing() as session:
        offers.withdraw_offer(session, offered.name, "other plans", by="olga", now=now)
    assert (await offered.get()).status_code == 410
    assert len(offered.moves) == 1


async def test_a_first_access_link_opens_no_agreement_and_the_other_way_round(offered: Offered) -> None:
    access = make_link(offered.service.inventory, offered.name)
    assert (await offered.get(access)).status_code == 404
    async with offered.service.client() as client:
        assert (await client.get(f"/access/{offered.token}")).status_code == 404


# --- forms ---


@pytest.mark.parametrize(("answer", "form", "sentence"), [
    ("", None, "Wählen Sie eine der Antworten aus."),
    ("accept", None, "Wählen Sie eine der Antworten aus."),
    ("2026-12-01T22:00", None, "Wählen Sie eine der Antworten aus."),
    ("2020-12-01T21:00:00+00:00", None, "Dieser Termin steht nicht mehr zur Wahl."),
    ("decline", "", "Das Formular war unvollständig."),
    ("decline", "x" * 43, "Das Formular war unvollständig."),
])  # fmt: skip
async def test_a_wrong_form_comes_back_with_a_sentence_and_the_customers_words(
    offered: Offered, answer: str, form: str | None, sentence: str
) -> None:
    page = await offered.post(answer, "meine Worte", form=form)
    assert page.status_code == 422
    assert sentence in page.text
    assert '<div class="wrong" role="alert"' in page.text
    assert "<title>Fehler: " in page.text
    assert ">meine Worte</textarea>" in page.text
    assert offered.now == offered.offer


@pytest.mark.parametrize(("body", "content_type", "status"), [
    (b"answer=" + b"x" * 9000, "application/x-www-form-urlencoded", 413),
    (b"{}", "application/json", 415),
    (b"answer=%ff%fe", "application/x-www-form-urlencoded", 422),
    (b"", "application/x-www-form-urlencoded", 422),
])  # fmt: skip
async def test_forms_of_another_kind_are_refused(offered: Offered, body: bytes, content_type: str, status: int) -> None:
    async with offered.service.client() as client:
        page = await client.post(f"/agreement/{offered.token}", content=body, headers={"content-type": content_type})
    assert page.status_code == status
    assert offered.now == offered.offer


# --- the surroundings ---


async def test_each_page_keeps_its_address_to_itself_and_runs_nothing(offered: Offered) -> None:
    for page in (
        await offered.get(), await offered.post(""), await offered.post(offered.time(1)), await offered.get(),
        await offered.get("17-1764610200-x"),
    ):  # fmt: skip
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "form-action 'self'" in policy
        assert "set-cookie" not in page.headers
        assert "<script" not in page.text
        assert offered.token not in page.text


async def test_no_token_gets_into_a_log(offered: Offered, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the test's own client logs what it asks for
    await offered.get()
    await offered.post("others", "mein Geheimnis")
    await offered.post("others")
    assert offered.token not in caplog.text
    assert "mein Geheimnis" not in caplog.text


async def test_an_inventory_that_does_not_answer_makes_the_page_ask_for_patience(
    offered: Offered, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise Unreachable("The inventory does not answer.", "Look at it.")

    monkeypatch.setattr(offers, "offer_facts", broken)
    page = await offered.get()
    assert page.status_code == 503
    assert "retry-after" in page.headers
    assert "Mit Ihrer Instanz hat das nichts zu tun" in unescape(page.text) or "nothing to do" in page.text
    assert "The inventory does not answer. Look at it." in caplog.text
