"""The receiver as a whole: its health, its database away, its own process, anything at all thrown at it."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.routing import Route

from deployments.web import bodies
from deployments.web.app import create_app
from deployments.web.declined import Declined
from deployments.web.headers import HEADERS
from deployments.web.receiver import BODY_MOST_BYTES
from deployments.web.signatures import SecretsUnusable, Verifier
from deployments.web.threads import Threads
from fleet.shop import Event, Order, Shop, ShopUnheard, due_cents, event, moved, placed, wished
from fleet.shop_load import Progress, blow, storm
from hosting.inventory.session import Inventory
from tests.deployments.web.conftest import Service, make_link, new_secret, open_instance
from tests.deployments.web.processes import ReceiverProcess, run_serve
from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

ORDER = Order("A-1", "C-1", "Jürgen Groß", "j@example.org", "de", 1, 0, due_cents(1, 0))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def on(service: Service, inventory: Inventory) -> Service:
    """The same service on another inventory."""
    app = create_app(service.settings, inventory, None, service.instances.set_password)
    return Service(app, inventory, service.settings, service.shop, service.instances)


@pytest.fixture(params=["away", "without tables", "another host"])
def without_database(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> Iterator[Service]:
    url = {
        "away": "sqlite:////nowhere/at/all.sqlite",
        "without tables": f"sqlite:///{tmp_path}/empty.sqlite",
        "another host": f"postgresql://phm:s3cret@127.0.0.1:{free_port()}/phm",
    }[request.param]
    inventory = Inventory(url)
    yield on(service, inventory)
    inventory.close()


@pytest.mark.anyio
async def test_health_says_ok(service: Service) -> None:
    async with service.client() as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"inventory": "ok"})


@pytest.mark.anyio
async def test_without_the_database_all_say_later(without_database: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with without_database.client() as client:
        health = await client.get("/health")
        page = await client.get("/access/token")
    notice = await without_database.deliver(placed(ORDER))
    for answer in (health, page, notice):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert notice.json() == {"error": "The notice can't be kept now; send it again later."}
    assert "s3cret" not in caplog.text
    assert "Jürgen" not in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.anyio
async def test_every_answer_has_the_headers_of_a_careful_house(service: Service) -> None:
    async with service.client() as client:
        answers = [
            await client.get("/health"), await client.get("/access/x"), await client.get("/nowhere"),
            await client.get("/shop/events"), await client.post("/shop/events"), await client.delete("/access/x"),
        ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 404, 404, 405, 415, 405]
    for answer in answers:
        for name, value in HEADERS.items():
            assert name in answer.headers
            assert name == "Content-Security-Policy" or answer.headers[name] == value
        assert answer.headers["strict-transport-security"]
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("secrets", [(), ("whsec_",), ("",), ("whsec_ü",), ("whsec_A",), ("a", "b", "c")], ids=repr)
def test_settings_without_a_usable_secret_are_refused_at_the_start(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SecretsUnusable) as refused:
        Verifier([SecretStr(secret) for secret in secrets])
    assert "web.shop_secrets" in str(refused.value)


@pytest.mark.anyio
async def test_who_comes_when_too_many_wait_is_asked_to_come_later() -> None:
    threads = Threads(working=1, waiting=2)
    go_on = threading.Event()
    declined: list[Declined] = []

    async def come() -> None:
        try:
            await threads.run(go_on.wait, 5)
        except Declined as error:
            declined.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(come)
        await anyio.sleep(0.2)
        go_on.set()
    assert [error.status for error in declined] == [503] * 3


@pytest.mark.anyio
async def test_an_accident_is_one_line_that_tells_where_and_not_what(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    token = make_link(service.inventory, open_instance(service.inventory))
    service.instances.failure = RuntimeError("drei bunte Pferde")
    async with service.client() as client:
        answer = await client.post(
            f"/access/{token}", data={"password": "drei bunte Pferde", "again": "drei bunte Pferde"}
        )
    assert answer.status_code == 500
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "bunte" not in answer.text
    accidents = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(accidents) == 1
    assert accidents[0].startswith("accident: RuntimeError at conftest.py:")
    assert "bunte" not in caplog.text
    service.instances.failure = None
    async with service.client() as client:
        answer = await client.post(
            f"/access/{token}", data={"password": "drei bunte Pferde", "again": "drei bunte Pferde"}
        )
    assert answer.status_code == 200


@pytest.mark.anyio
async def test_a_body_that_comes_too_slowly_is_not_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await anyio.sleep(0.05)

    async with service.client() as client:
        answer = await client.post("/shop/events", content=slow(), headers={"content-type": "application/json"})
    assert answer.status_code == 408


def test_no_route_takes_cookies_or_other_methods(service: Service) -> None:
    told = {
        (route.path, tuple(sorted(route.methods or ()))) for route in service.app.routes if isinstance(route, Route)
    }
    assert told == {
        ("/shop/events", ("POST",)), ("/access/{token}", ("GET", "HEAD")), ("/access/{token}", ("POST",)),
        ("/agreement/{token}", ("GET", "HEAD")), ("/agreement/{token}", ("POST",)),
        ("/certificate/{token}", ("GET", "HEAD")), ("/certificate/{token}", ("POST",)), ("/health", ("GET", "HEAD")),
        ("/export/{token}", ("GET", "HEAD")), ("/export/{token}/{uid:int}", ("GET", "HEAD")),
    }  # fmt: skip


# --- anything at all ---

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
odd = json_values | st.sampled_from(["A-1", 0, -1, 10**12, "EUR", "de", "2026-03-02T10:00:00Z", "2026-03-02", "a@b.de"])
money = st.fixed_dictionaries({}, optional={"cents": odd, "currency": odd}) | odd
customer = st.fixed_dictionaries({}, optional=dict.fromkeys(("reference", "name", "email", "language"), odd)) | odd
data = st.fixed_dictionaries(
    {},
    optional={
        "order": odd, "customer": customer, "accounts": odd, "storage_gb": odd, "due": money, "service_level": odd,
        "amount": money, "received_at": odd | st.datetimes().map(str), "name": odd, "due_on": odd | st.dates().map(str),
    },
)  # fmt: skip
types = st.sampled_from(
    [
        "order.placed",
        "payment.received",
        "payment.refunded",
        "rent.overdue",
        "rent.settled",
        "name.ordered",
        "name.cancelled",
    ]
)
event_bodies = (
    st.builds(lambda kind, content: json.dumps({"type": kind, "data": content}), types | st.text(), data | json_values)
    | json_values.map(json.dumps)
    | st.text()
)
nearly = st.builds(
    lambda base, path, value: _changed(json.loads(base.body), path, value),
    st.sampled_from([placed(ORDER), moved("payment.received", "A-1", 100), wished("A-1", "muster")]),
    st.sampled_from(["order", "accounts", "storage_gb", "service_level", "received_at", "name", "amount.cents", "due.cents", "due.currency",
                     "customer.name", "customer.email", "customer.language", "customer.reference"]),
    odd | st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
)  # fmt: skip


def _changed(body: dict[str, Any], path: str, value: object) -> str:
    """A good event with one thing in it changed."""
    *parents, last = path.split(".")
    inner = body["data"]
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    return json.dumps(body)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=event_bodies | nearly, number=st.integers(0, 10**9))
def test_whatever_the_shop_signs_is_taken_or_refused_and_never_an_accident(
    service: Service, body: str, number: int
) -> None:
    answer = anyio.run(service.deliver, Event(f"evt_{number}", "", body))
    assert answer.status_code in {200, 422}


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "content-type",
                "content-length",
                "accept-language",
            ]
        ),
        st.binary(max_size=60),
    ),
    path=st.sampled_from(["/shop/events", "/access/token"]),
)
def test_whatever_a_stranger_sends_is_refused_and_never_an_accident(
    service: Service, body: bytes, headers: dict[str, bytes], path: str
) -> None:
    async def send() -> int:
        async with service.client() as client:
            return (await client.post(path, content=body, headers=headers)).status_code

    assert anyio.run(send) in {400, 401, 404, 413, 415}


# --- a process of its own ---


@pytest.fixture
def receiver(tmp_path: Path, inventory: Inventory, shop_secret: str) -> Iterator[ReceiverProcess]:
    receiver = ReceiverProcess(tmp_path, str(inventory.url), shop_secret)
    receiver.start()
    yield receiver
    if receiver.process is not None and receiver.process.poll() is None:
        receiver.stop()


def test_the_receivers_process_takes_an_order_and_logs_no_more_than_lines(
    receiver: ReceiverProcess, shop_secret: str
) -> None:
    shop = Shop(receiver.url, shop_secret)
    order, answer = shop.order(name="Erika Mustermann", accounts=2)
    assert (answer.status, answer.content["taken"], answer.deliveries) == (200, "applied", 1)
    assert shop.pay(order).content["taken"] == "applied"
    httpx.get(f"{receiver.url}/access/a-token-that-nobody-knows")
    with pytest.raises(ShopUnheard, match="401"):
        Shop(receiver.url, new_secret(), delays=(0.01,)).order()
    with pytest.raises(ShopUnheard, match="422"):
        Shop(receiver.url, shop_secret, delays=()).send(event("order.moved", {}))

    announced = httpx.post(
        f"{receiver.url}/shop/events", content=b"x" * 70_000, headers={"content-type": "application/json"}
    )
    assert announced.status_code == 413
    assert chunked(receiver.port) == 413

    began = time.monotonic()
    assert receiver.stop() == 0
    assert time.monotonic() - began < 20
    for secret in ("Mustermann", shop_secret, "a-token-that-nobody-knows", "/access"):
        assert secret not in receiver.log
    assert "Traceback" not in receiver.log
    assert receiver.log.count("declined with 401") == 2


def chunked(port: int) -> int:
    """The status that an endless body without a length gets, before it ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = "POST /shop/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        connection.sendall(b"%x\r\n" % BODY_MOST_BYTES + b"x" * BODY_MOST_BYTES + b"\r\n")
        connection.sendall(b"1\r\nx\r\n")  # and no more: what is sent after the answer would cost it
        said = connection.recv(4096).decode()
        assert "connection: close" in said.lower()
        return int(said.split()[1])


def test_a_receiver_without_settings_says_so_in_one_line(tmp_path: Path) -> None:
    code, said = run_serve(tmp_path)
    assert code == 1
    assert (
        said.strip() == f"There are no settings at {tmp_path}/settings.toml. Make them with: phm up (or set PHM_HOME)."
    )


# --- the shop itself ---


def test_the_shop_gives_up_on_a_service_that_is_not_there() -> None:
    shop = Shop(f"http://127.0.0.1:{free_port()}", new_secret(), delays=(0.01, 0.01))
    with pytest.raises(ShopUnheard, match="no answer"):
        shop.order()


def test_a_storm_that_nobody_takes_ends_in_time() -> None:
    shop = Shop(f"http://127.0.0.1:{free_port()}", new_secret())
    began = time.monotonic()
    with pytest.raises(ShopUnheard, match="0 notices were taken"):
        blow(shop, storm(2, 6, seed=1).deliveries, clients=2, seconds=1.0, progress=Progress())
    assert time.monotonic() - began < 60


def test_a_storm_is_the_same_for_the_same_seed_and_holds_every_event() -> None:
    one, again, other = storm(5, 40, seed=1), storm(5, 40, seed=1), storm(5, 40, seed=2)
    assert [event.id for event in one.deliveries] == [event.id for event in again.deliveries]
    assert [event.id for event in one.deliveries] != [event.id for event in other.deliveries]
    assert len(one.events) == 15
    assert len(one.deliveries) == 40
    with pytest.raises(ValueError, match="at least 15"):
        storm(5, 14, seed=1)


def test_prices_are_the_shops() -> None:
    assert due_cents(1, 0) == 5890
    assert due_cents(3, 10) == 4900 + 990 + 2 * 490 + 2 * 250
    assert due_cents(0, -5) == 5890


def test_a_delivery_is_signed_anew_and_the_event_stays_the_same() -> None:
    shop = Shop("http://x", new_secret())
    one = placed(ORDER)
    early, late = (
        shop.headers(one, datetime(2026, 1, 1, tzinfo=UTC)),
        shop.headers(one, datetime(2026, 1, 2, tzinfo=UTC)),
    )
    assert early["webhook-id"] == late["webhook-id"]
    assert early["webhook-signature"] != late["webhook-signature"]
