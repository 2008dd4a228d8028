"""The board's pages: who gets in, what they show, and that nothing can be done by them."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING

import httpx
import pytest
import time_machine

from deployments.web.board_app import Doors, create_board_app
from deployments.web.board_pages import FORM_COOKIE, SESSION_COOKIE
from deployments.web.login_attempts import BY_NAME_MOST
from hosting.inventory import deeds
from hosting.inventory.operator_logins import remove_password, set_password
from hosting.inventory.session import Inventory
from hosting.policy.board_sessions import IDLE_MOST, SESSION_MOST, BoardSession, write_session
from hosting.policy.operator_passwords import hash_password
from hosting.settings import BoardSettings
from tests.deployments.web.conftest import settings_for
from tests.service.board_page import OPERATOR, PASSWORD, let_in
from tests.service.fleet_records import HOSTILE, fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.applications import Starlette

    from hosting.settings import Settings

pytestmark = pytest.mark.anyio

NOW = datetime(2036, 11, 27, 5, 0, tzinfo=UTC)  # after the password was set
SEAL = re.compile(r'name="form" value="([^"]+)"')


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Board:
    """The application, and a browser's cookies kept by hand: httpx would not send Secure ones without TLS."""

    app: Starlette
    inventory: Inventory
    settings: Settings

    @asynccontextmanager
    async def browser(self, cookie: str = "") -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 40_000))
        headers = {"cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else {}
        async with httpx.AsyncClient(transport=transport, base_url="https://board.test", headers=headers) as client:
            yield client

    async def log_in(self, name: str = OPERATOR, password: str = PASSWORD, **more: str) -> httpx.Response:
        async with self.browser() as client:
            seal = SEAL.findall((await client.get("/login")).text)[0]
            return await client.post("/login", data={"form": seal, "name": name, "password": password, **more})

    async def session(self) -> str:
        return cookie_in(await self.log_in())

    async def get(self, cookie: str, path: str = "/") -> httpx.Response:
        async with self.browser(cookie) as client:
            return await client.get(path)


def cookie_in(answer: httpx.Response) -> str:
    """The session that an answer begins or stamps; empty if it does neither."""
    return answer.cookies.get(SESSION_COOKIE, "")


@pytest.fixture
def board(inventory: Inventory) -> Board:
    settings = settings_for(str(inventory.url), ("whsec_" + "A" * 32,))
    settings = settings.model_copy(update={"board": BoardSettings(prefect_url="https://prefect.test")})
    let_in(inventory)
    return Board(create_board_app(settings, inventory), inventory, settings)


async def test_without_a_session_nothing_is_shown_and_the_way_leads_to_the_login(board: Board) -> None:
    for cookie in ("", "olga", "a.b.c", "x" * 3000):
        answer = await board.get(cookie)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert answer.text == ""


async def test_an_operator_logs_in_and_sees_the_board(board: Board) -> None:
    answer = await board.log_in(refresh="on")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = await board.get(cookie_in(answer))
    assert page.status_code == 200
    assert "Log olga out" in page.text
    assert '<meta http-equiv="refresh" content="60; url=/?by=itself">' in page.text
    with board.inventory.reading() as session:
        assert [deed.what for deed in deeds.deeds_of(session, "operator:olga")][-1] == "board opened"


async def test_cookies_are_for_this_host_alone_unseen_by_scripts_and_never_sent_from_elsewhere(board: Board) -> None:
    async with board.browser() as client:
        form = (await client.get("/login")).headers.get_list("set-cookie")
    assert len(form) == 1
    assert form[0].startswith(f"{FORM_COOKIE}=")
    said = (await board.log_in()).headers.get_list("set-cookie")
    begun = next(one for one in said if one.startswith(f"{SESSION_COOKIE}="))
    for cookie in (form[0], begun):
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)
    assert f"max-age={int(SESSION_MOST.total_seconds())}" in begun.lower()


@pytest.mark.parametrize(("name", "password"), [
    (OPERATOR, "drei bunte Hunde"), ("erna", PASSWORD), ("", PASSWORD), (OPERATOR, ""), (OPERATOR, "x" * 4000),
    ("x" * 4000, PASSWORD), ("OLGA", PASSWORD), ("' OR 1=1 --", PASSWORD), ("\x00", "\udcff".encode("utf-8", "replace").decode()),
])  # fmt: skip
async def test_who_is_not_known_by_name_and_password_is_told_no_more_than_that(
    board: Board, name: str, password: str
) -> None:
    answer = await board.log_in(name, password)
    assert answer.status_code == 401
    assert "Name and password don&#39;t belong together." in answer.text
    assert cookie_in(answer) == ""
    assert not password or f'value="{password}"' not in answer.text


async def test_passwords_are_guessed_at_a_bounded_rate_and_the_right_one_is_refused_too_then(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(BY_NAME_MOST):
        assert (await board.log_in(password="wrong")).status_code == 401
    for password in ("wrong", PASSWORD):
        answer = await board.log_in(password=password)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 901
        assert "phm status" in answer.text
        assert cookie_in(answer) == ""
    assert "from 192.0.2.7" in caplog.text
    assert "wrong" not in caplog.text
    assert OPERATOR not in caplog.text  # what is typed as a name is a password now and then


async def test_a_login_that_was_not_sent_from_the_form_is_refused(board: Board) -> None:
    data = {"name": OPERATOR, "password": PASSWORD}
    async with board.browser() as client:
        assert (await client.post("/login", data=data)).status_code == 403
        seal = SEAL.findall((await client.get("/login")).text)[0]
        client.cookies.clear()
        assert (await client.post("/login", data={**data, "form": seal})).status_code == 403
    async with board.browser() as other:
        await other.get("/login")
        answer = await other.post("/login", data={**data, "form": seal})
    assert answer.status_code == 403
    assert cookie_in(answer) == ""


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_the_board_is_for_reading_alone(board: Board, method: str) -> None:
    cookie = await board.session()
    async with board.browser(cookie) as client:
        answer = await client.request(method, "/")
        assert (answer.status_code, answer.headers["allow"], answer.text) == (405, "GET", "")
        if method != "POST":
            assert (await client.request(method, "/login")).status_code == 405
            assert (await client.request(method, "/logout")).status_code == 405
        assert (await client.get("/logout")).status_code == 405


async def test_a_session_ends_when_nobody_looks_and_the_pages_own_refreshing_is_no_look(board: Board) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        cookie = await board.session()
        clock.shift(timedelta(minutes=40))
        by_itself = await board.get(cookie, "/?by=itself")
        assert (by_itself.status_code, cookie_in(by_itself)) == (200, "")
        seen = cookie_in(await board.get(cookie))
        assert seen
        clock.shift(timedelta(minutes=40))
        assert (await board.get(cookie)).status_code == 303
        assert (await board.get(seen, "/?by=itself")).status_code == 200
        clock.shift(IDLE_MOST)
        assert (await board.get(seen, "/?by=itself")).status_code == 303


async def test_a_session_ends_after_twelve_hours_however_often_it_is_looked_at(board: Board) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        cookie, looks = await board.session(), 0
        while (answer := await board.get(cookie)).status_code == 200:
            cookie, looks = cookie_in(answer) or cookie, looks + 1
            clock.shift(timedelta(minutes=30))
        assert looks == SESSION_MOST / timedelta(minutes=30) + 1


async def test_logging_out_ends_all_sessions_of_the_operator_and_no_other_page_can_do_it(board: Board) -> None:
    phone, desk = await board.session(), await board.session()
    page = await board.get(desk)
    async with board.browser(desk) as client:
        assert (await client.post("/logout", data={"form": "1764219600-false"})).status_code == 303
    assert (await board.get(desk)).status_code == 200
    async with board.browser(desk) as client:
        answer = await client.post("/logout", data={"form": SEAL.findall(page.text)[0]})
    assert answer.headers["location"] == "/login"
    assert f'{SESSION_COOKIE}=""' in answer.headers["set-cookie"]
    for cookie in (phone, desk):
        assert (await board.get(cookie)).status_code == 303
    assert (await board.get(await board.session())).status_code == 200


async def test_another_password_or_none_ends_all_sessions(board: Board) -> None:
    cookie = await board.session()
    with board.inventory.writing() as session:
        set_password(session, OPERATOR, hash_password("ein anderes Wort", b"t" * 16), by="test", now=datetime.now(UTC))
    assert (await board.get(cookie)).status_code == 303
    cookie = cookie_in(await board.log_in(password="ein anderes Wort"))
    assert (await board.get(cookie)).status_code == 200
    with board.inventory.writing() as session:
        remove_password(session, OPERATOR, by="test", why="left", now=datetime.now(UTC))
    assert (await board.get(cookie)).status_code == 303
    assert (await board.log_in(password="ein anderes Wort")).status_code == 401


async def test_a_session_signed_by_another_key_opens_nothing(board: Board) -> None:
    now = datetime.now(UTC)
    kept = hash_password(PASSWORD, b"s" * 16)
    assert (await board.get(write_session("another key", BoardSession(OPERATOR, now, now), kept))).status_code == 303


async def test_what_customers_wrote_stands_there_as_text_and_in_no_header(board: Board) -> None:
    fill(board.inventory, datetime.now(UTC), 50)
    page = await board.get(await board.session())
    assert "<script" not in page.text
    assert "alert(" in page.text
    assert unescape(page.text).count('<script>alert("x")</script>') == 4  # two cases, an order, a finding
    assert HOSTILE not in page.text
    assert "\x1b" not in page.text
    assert "set-cookie: a=b" not in str(page.headers).lower()


async def test_each_line_leads_to_its_run_or_names_the_command(board: Board) -> None:
    fill(board.inventory, datetime.now(UTC), 50)
    text = (await board.get(await board.session())).text
    lines = re.findall(r'<li class="line .*?</li>', text, re.DOTALL)
    assert len(lines) > 30
    assert all("<code>phm " in line for line in lines)
    runs = re.findall(r'<a href="([^"]+)" aria-label="Run of ([^"]+) in Prefect">', text)
    assert all(url.startswith("https://prefect.test/runs/flow-run/0197f2c4-") for url, _ in runs)
    assert {"B-0001", "k0000", "back-up-server app1@202611270130"} <= {about for _, about in runs}
    assert "phm order again B-0001 --reason" in text


async def test_the_page_is_of_bounded_size_whatever_the_fleet_s(board: Board) -> None:
    fill(board.inventory, datetime.now(UTC), 250, days=2)
    text = (await board.get(await board.session())).text
    assert len(text) < 100_000
    assert re.search(r"And \d+ more:\s+<code>phm case list</code>", text)


async def test_a_part_that_can_t_be_read_says_so_and_the_others_stand(
    board: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("s3cret")

    from hosting.inventory import board as parts

    others = tuple(part if part.key != "moves" else part._replace(read=broken) for part in parts.PARTS)
    monkeypatch.setattr(parts, "PARTS", others)
    page = await board.get(await board.session())
    assert page.status_code == 200
    assert "It could not be read (KeyError)" in page.text
    assert "Servers and room" in page.text
    assert "s3cret" not in page.text + caplog.text


async def test_without_the_inventory_there_is_a_page_that_says_so(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    cookie = await board.session()
    silent = Inventory("postgresql://phm:s3cret@127.0.0.1:9/phm")
    app = create_board_app(board.settings, silent)
    answer = await Board(app, silent, board.settings).get(cookie)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "s3cret" not in answer.text + caplog.text
    silent.close()


async def test_who_logs_in_while_the_inventory_does_not_answer_is_not_kept_out_for_it(board: Board) -> None:
    silent = Inventory("postgresql://phm:s3cret@127.0.0.1:9/phm")
    app = create_board_app(board.settings, silent)
    answers = [await Board(app, silent, board.settings).log_in() for _ in range(BY_NAME_MOST + 2)]
    assert {one.status_code for one in answers} == {503}
    silent.close()


async def test_the_refreshing_can_be_stopped_and_stays_stopped(board: Board) -> None:
    answer = await board.log_in()  # the choice at the login, not made
    assert answer.headers["location"] == "/?refresh=off"
    page = await board.get(cookie_in(answer), "/?refresh=off")
    assert "http-equiv" not in page.text
    assert 'href="/?refresh=off">fetch it anew</a>' in page.text


async def test_nothing_on_the_page_is_fetched_from_elsewhere_or_kept(board: Board) -> None:
    cookie = await board.session()
    for page in (await board.get(cookie), await board.get("", "/login")):
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "script" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"


async def test_the_board_is_reached_at_its_own_door_alone(board: Board, inventory: Inventory) -> None:
    async def public(scope: object, receive: object, send: object) -> None:
        await httpx_answer(send)

    async def httpx_answer(send: object) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    doors = Doors(public, board.app, 4281)  # type: ignore[arg-type]
    for host, status in (("board.test:4281", 303), ("board.test:4280", 418), ("board.test", 418)):
        transport = httpx.ASGITransport(doors)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            assert (await client.get("/", headers={"host": "x:4281", "x-forwarded-port": "4281"})).status_code == status
