from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from deployments.web.app import create_app
from deployments.web.receiver import BODY_MOST_BYTES
from fleet.shop import Event, Order, Shop, due_cents, event, moved, placed, rent
from hosting.inventory import cases, orders, rents, work
from hosting.inventory.models import ShopEvent
from hosting.policy.states import OrderState
from tests.deployments.web.conftest import Service, new_secret, settings_for

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parents[3] / "docs" / "shop-events.md"
EXAMPLES = [
    example
    for example in map(json.loads, re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    if "type" in example
]
ORDER = Order("A-1", "C-1", "Jürgen Groß", "j@example.org", "de", 1, 0, due_cents(1, 0))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def stored(service: Service) -> int:
    with service.inventory.reading() as session:
        return session.scalar(select(func.count()).select_from(ShopEvent)) or 0


async def test_a_paid_order_becomes_work_due(service: Service) -> None:
    assert (await service.deliver(placed(ORDER))).json()["taken"] == "applied"
    assert (await service.deliver(moved("payment.received", "A-1", ORDER.due_cents))).json()["taken"] == "applied"
    with service.inventory.reading() as session:
        assert orders.order_facts(session, "A-1").state is OrderState.PAID
        assert work.work_of(session, work.PROVISION, "A-1") is not None


async def test_money_that_comes_before_its_order_counts_when_the_order_arrives(service: Service) -> None:
    assert (await service.deliver(moved("payment.received", "A-1", ORDER.due_cents))).json()["taken"] == "waiting"
    await service.deliver(placed(ORDER))
    with service.inventory.reading() as session:
        assert orders.order_facts(session, "A-1").state is OrderState.PAID


async def test_a_repeat_is_answered_alike_and_changes_nothing(service: Service) -> None:
    one = placed(ORDER)
    first, again = await service.deliver(one), await service.deliver(one)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == {"id": one.id, "taken": "applied"}
    assert again.json() == {"id": one.id, "taken": "repeated"}
    assert stored(service) == 1


async def test_the_same_id_with_another_body_is_for_a_person(service: Service) -> None:
    await service.deliver(moved("payment.received", "A-1", 100, event_id="evt_same"))
    answer = await service.deliver(moved("payment.received", "A-1", 999, event_id="evt_same"))
    assert answer.status_code == 200
    with service.inventory.reading() as session:
        kinds = [case.kind for case in cases.open_cases(session)]
    assert "event_contradicted" in kinds


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["type"])
async def test_the_examples_of_the_document_are_taken(service: Service, example: dict[str, Any]) -> None:
    body = json.dumps(example, ensure_ascii=False)
    answer = await service.deliver(Event("evt_2Zq8M1hV0xkT", example["type"], body))
    assert answer.status_code == 200, answer.text


def test_the_document_has_an_example_of_each_type() -> None:
    assert [example["type"] for example in EXAMPLES] == [
        "order.placed", "payment.received", "payment.refunded", "rent.overdue", "rent.settled",
        "name.ordered", "name.cancelled", "export.ordered", "contract.cancelled", "contract.runs_on",
    ]  # fmt: skip


@pytest.mark.parametrize(("told", "put"), [
    (moved("payment.refunded", "A-1", 100), 1),
    (rent("rent.overdue", "A-1", 990, datetime(2026, 4, 2, tzinfo=UTC).date()), 0),
    (rent("rent.settled", "A-1", 990, datetime(2026, 4, 2, tzinfo=UTC).date()), 0),
], ids=["refunded", "overdue", "settled"])  # fmt: skip
async def test_refunds_are_put_before_a_person_and_rents_are_kept(service: Service, told: Event, put: int) -> None:
    await service.deliver(placed(ORDER))
    assert (await service.deliver(told)).status_code == 200
    with service.inventory.reading() as session:
        assert len(cases.open_cases(session)) == put
        assert (rents.arrears_of(session, "A-1") is not None) is (told.type == "rent.overdue")


# --- who may say it ---


async def test_a_signature_by_another_secret_is_refused_with_one_line_in_the_log(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stranger = Shop("http://receiver.test", new_secret())
    one = placed(ORDER)
    answer = await service.deliver(one, stranger.headers(one))
    assert answer.status_code == 401
    assert answer.json() == {"error": "The signature is not the shop's."}
    ours = [record for record in caplog.records if record.name.startswith("deployments")]
    assert len(ours) == 1
    assert "Jürgen" not in caplog.text
    assert stored(service) == 0


@pytest.mark.parametrize(("ahead", "taken"), [
    (timedelta(minutes=-6), False), (timedelta(minutes=-4), True), (timedelta(minutes=4), True), (timedelta(minutes=6), False),
    (timedelta(days=-4000), False), (timedelta(days=4000), False),
])  # fmt: skip
async def test_only_a_delivery_within_five_minutes_of_now_is_taken(
    service: Service, ahead: timedelta, taken: bool
) -> None:
    one = placed(ORDER)
    answer = await service.deliver(one, service.shop.headers(one, datetime.now(UTC) + ahead))
    assert answer.status_code == (200 if taken else 401)
    assert taken or "five minutes" in answer.json()["error"]


async def test_two_secrets_are_valid_at_once_while_it_is_changed(service: Service) -> None:
    old, new = new_secret(), new_secret()
    app = create_app(
        settings_for(str(service.inventory.url), (old, new)), service.inventory, None, service.instances.set_password
    )
    both = Service(app, service.inventory, service.settings, service.shop, service.instances)
    for number, secret in enumerate((old, new)):
        one = moved("payment.received", "A-1", 100, event_id=f"evt_{number}")
        assert (await both.deliver(one, Shop("http://receiver.test", secret).headers(one))).status_code == 200
    one = placed(ORDER)
    assert (await both.deliver(one)).status_code == 401


async def test_a_body_that_was_changed_on_its_way_is_refused(service: Service) -> None:
    one = moved("payment.received", "A-1", 100)
    changed = Event(one.id, one.type, one.body.replace("100", "999"))
    assert (await service.deliver(changed, service.shop.headers(one))).status_code == 401


@pytest.mark.parametrize("change", [
    {"webhook-id": ""}, {"webhook-id": "evt_other"}, {"webhook-id": "evt\u00e9"}, {"webhook-id": "x" * 192}, {"webhook-id": "evt.1"},
    {"webhook-timestamp": ""}, {"webhook-timestamp": "now"}, {"webhook-timestamp": "1e9"}, {"webhook-timestamp": "-1"},
    {"webhook-timestamp": "nan"}, {"webhook-timestamp": "9" * 400},
    {"webhook-signature": ""}, {"webhook-signature": "v1"}, {"webhook-signature": "v1,"}, {"webhook-signature": "v1,%%%"},
    {"webhook-signature": "v2,abc"}, {"webhook-signature": ",,,, ,"}, {"webhook-signature": "v1,\u00fc"},
    {"webhook-signature": "v1," + "A" * 4000},
])  # fmt: skip
async def test_headers_of_another_form_are_refused(service: Service, change: dict[str, str]) -> None:
    one = placed(ORDER)
    headers = {name: value.encode() for name, value in (service.shop.headers(one) | change).items()}
    async with service.client() as client:
        answer = await client.post("/shop/events", content=one.body.encode(), headers=headers)
    assert answer.status_code == 401
    assert stored(service) == 0


async def test_doubled_headers_are_refused(service: Service) -> None:
    one = placed(ORDER)
    headers = [*service.shop.headers(one).items(), ("webhook-id", "evt_2")]
    async with service.client() as client:
        assert (await client.post("/shop/events", content=one.body.encode(), headers=headers)).status_code == 401


async def test_several_signatures_in_one_header_are_taken_if_one_is_right(service: Service) -> None:
    one = placed(ORDER)
    headers = service.shop.headers(one)
    headers["webhook-signature"] = f"v1a,AAAA v1,{'A' * 43}= {headers['webhook-signature']}"
    assert (await service.deliver(one, headers)).status_code == 200


# --- how it may be said ---


async def test_a_body_over_64_kib_is_refused_by_its_announced_size(service: Service) -> None:
    large = Event("evt_large", "order.placed", "x" * (BODY_MOST_BYTES + 1))
    answer = await service.deliver(large)
    assert answer.status_code == 413
    assert answer.json() == {"error": "The body is larger than 64 KiB."}


async def test_a_body_over_64_kib_is_refused_while_it_is_read(service: Service) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 4096
            yield b"x" * 4096

    async with service.client() as client:
        headers = service.shop.headers(Event("evt_large", "", ""))
        answer = await client.post("/shop/events", content=endless(), headers=headers)
    assert answer.status_code == 413


async def test_a_body_of_64_kib_is_read(service: Service) -> None:
    one = placed(ORDER)
    padded = Event(one.id, one.type, one.body + " " * (BODY_MOST_BYTES - len(one.body.encode())))
    assert (await service.deliver(padded)).status_code == 200


@pytest.mark.parametrize("change", [
    {"content-type": "text/plain"}, {"content-type": ""}, {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "application/jsonp"}, {"content-encoding": "gzip"},
])  # fmt: skip
async def test_only_plain_json_is_taken(service: Service, change: dict[str, str]) -> None:
    one = placed(ORDER)
    assert (await service.deliver(one, service.shop.headers(one) | change)).status_code == 415


async def test_a_charset_beside_the_media_type_is_no_matter(service: Service) -> None:
    one = placed(ORDER)
    headers = service.shop.headers(one) | {"content-type": "Application/JSON; charset=utf-8"}
    assert (await service.deliver(one, headers)).status_code == 200


@pytest.mark.parametrize("length", ["-1", "abc", "+5", "9" * 30, "\u0665".encode().decode("latin-1")])
async def test_a_length_that_is_none_is_refused(service: Service, length: str) -> None:
    one = placed(ORDER)
    headers = {
        name: value.encode("latin-1")
        for name, value in (service.shop.headers(one) | {"content-length": length}).items()
    }
    async with service.client() as client:
        answer = await client.post("/shop/events", content=one.body.encode(), headers=headers)
    assert answer.status_code in {400, 413}


async def test_a_body_that_is_not_utf_8_is_refused(service: Service) -> None:
    one = placed(ORDER)
    async with service.client() as client:
        answer = await client.post("/shop/events", content=b"\xff\xfe", headers=service.shop.headers(one))
    assert answer.status_code == 400


# --- what may be said ---

ORDER_DATA: dict[str, Any] = json.loads(placed(ORDER).body)["data"]
MONEY_DATA: dict[str, Any] = json.loads(moved("payment.received", "A-1", 100).body)["data"]


def order_with(path: str, value: object) -> Event:
    data = json.loads(json.dumps(ORDER_DATA))
    *parents, last = path.split(".")
    inner = data
    for parent in parents:
        inner = inner[parent]
    inner[last] = value
    return event("order.placed", data)


def money_with(**changes: object) -> Event:
    return event("payment.received", MONEY_DATA | changes)


WRONG: list[tuple[Event, str]] = [
    (Event("evt_1", "", ""), "The body is not JSON."),
    (Event("evt_1", "", "{"), "The body is not JSON."),
    (Event("evt_1", "", "[" * 60_000), "The body is not JSON."),
    (Event("evt_1", "", '{"type": "order.placed", "data": {"order": "\x00"}}'), "The body is not JSON."),
    (Event("evt_1", "", '{"type": "order.placed", "data": {"order": "\\ud800"}}'), "The body is not JSON."),
    (Event("evt_1", "", "\ufeff{}"), "The body is not JSON."),
    (Event("evt_1", "", "null"), "body: "),
    (Event("evt_1", "", "[]"), "body: "),
    (Event("evt_1", "", "{}"), "type: Field required"),
    (Event("evt_1", "", '{"type": 1, "data": {}}'), "type: Input should be a valid string"),
    (event("order.moved\n2026 ERROR", {}), "Events of type 'order.moved\\n2026 ERROR' are not known"),
    (Event("evt_1", "", '{"type": "order.placed"}'), "data: Field required"),
    (event("order.placed", {}), "data.order: Field required"),
    (event("payment.received", {}), "data.amount: Field required"),
    (event("rent.overdue", {}), "data.due_on: Field required"),
    (order_with("accounts", 1.0), "data.accounts: Input should be a valid integer"),
    (order_with("accounts", "1"), "data.accounts: Input should be a valid integer"),
    (order_with("accounts", True), "data.accounts: Input should be a valid integer"),
    (order_with("accounts", None), "data.accounts: Input should be a valid integer"),
    (order_with("accounts", 10**30), "data.accounts: Input should be less than or equal to 1000000"),
    (order_with("due.cents", 58.9), "data.due.cents: Input should be a valid integer"),
    (order_with("due.cents", 10**13), "data.due.cents: Input should be less than or equal to"),
    (order_with("due.currency", "eur"), "data.due.currency: String should match"),
    (order_with("due.currency", "EURO"), "data.due.currency: String should match"),
    (order_with("due.currency", "EUR\n"), "data.due.currency: String should match"),
    (order_with("order", ""), "data.order: String should match"),
    (order_with("order", "A 1"), "data.order: String should match"),
    (order_with("order", "../A-1"), "data.order: String should match"),
    (order_with("order", "A" * 65), "data.order: String should match"),
    (order_with("order", "A-1\n"), "data.order: String should match"),
    (order_with("customer.name", ""), "data.customer.name: Value error, is blank"),
    (order_with("customer.name", " \u00a0"), "data.customer.name: Value error, is blank"),
    (order_with("customer.name", "x" * 192), "data.customer.name: String should have at most 191 characters"),
    (order_with("customer.name", "Eve\r\nBcc: all@example.org"), "data.customer.name: Value error, holds control characters"),
    (order_with("customer.name", "Eve\x00"), "data.customer.name: Value error, holds control characters"),
    (order_with("customer.name", "Eve\u2028"), "data.customer.name: Value error, holds control characters"),
    (order_with("customer.name", "Eve\u202egnp"), "data.customer.name: Value error, holds control characters"),
    (order_with("customer.name", "Eve\x7f"), "data.customer.name: Value error, holds control characters"),
    *[(order_with("customer.email", wrong), "data.customer.email: Value error, is not an e-mail address") for wrong in (
        "", "eve", "eve@", "@example.org", "eve@localhost", "eve@@example.org", "e ve@example.org", "eve@example.org\n",
        "eve@example.org\r\nBcc: all@example.org", "eve@example.org,all@example.org", "<eve@example.org>",
        '"eve"@example.org', "eve@-example.org", "eve@example..org", "jürgen@example.org", "eve@müller.de", "eve@10.77.0.1",
        f"{'e' * 65}@example.org",
    )],
    (order_with("customer.email", f"eve@{'example.' * 30}org"), "data.customer.email: String should have at most 191"),
    (order_with("customer.language", "de\r\n"), "data.customer.language: String should match"),
    (order_with("service_level", "x" * 192), "data.service_level: String should have at most 191"),
    (order_with("customer", "Eve"), "data.customer: "),
    (money_with(received_at="yesterday"), "data.received_at: Input should be a valid datetime"),
    (money_with(received_at="2026-03-02T10:15:00"), "data.received_at: Input should have timezone info"),
    (money_with(received_at=1772442900), "data.received_at: Input should be a valid datetime"),
    (money_with(received_at="0001-01-01T00:00:00+14:00"), "data.received_at: Value error, lies outside the years"),
    (money_with(received_at="9999-12-31T23:59:59-14:00"), "data.received_at: Value error, lies outside the years"),
    (money_with(amount={"cents": "100", "currency": "EUR"}), "data.amount.cents: Input should be a valid integer"),
    (money_with(amount=100), "data.amount: "),
    (event("rent.overdue", MONEY_DATA | {"due_on": "2026-02-30"}), "data.due_on: Input should be a valid date"),
    (event("name.ordered", {}), "data.name: Field required"),
    (event("name.ordered", {"order": "A-1", "name": ["muster"]}), "data.name: Input should be a valid string"),
    (event("name.ordered", {"order": "A-1", "name": " \u00a0"}), "data.name: Value error, is blank"),
    (event("name.ordered", {"order": "A-1", "name": "m" * 192}), "data.name: String should have at most 191 characters"),
    (event("name.ordered", {"order": "A-1", "name": "mus\nter"}), "data.name: Value error, holds control characters"),
    (event("name.ordered", {"order": "A-1", "name": "mus\u202eret"}), "data.name: Value error, holds control characters"),
    (event("name.ordered", {"order": "A-1\n", "name": "muster"}), "data.order: String should match"),
    (event("rent.overdue", MONEY_DATA | {"due_on": "0001-01-01"}), "data.due_on: Value error, lies outside the years"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "sentence"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
async def test_what_is_no_such_event_is_refused_with_a_sentence_and_one_line(
    service: Service, caplog: pytest.LogCaptureFixture, wrong: Event, sentence: str
) -> None:
    answer = await service.deliver(wrong)
    assert answer.status_code == 422, answer.text
    assert sentence in answer.json()["error"]
    ours = [record for record in caplog.records if record.name.startswith("deployments")]
    assert len(ours) == 1
    assert "\n" not in ours[0].getMessage()
    assert "Bcc" not in caplog.text
    assert stored(service) == 0


@pytest.mark.parametrize(("odd", "kind"), [
    (order_with("accounts", 0), "order_refused"),
    (order_with("accounts", -3), "order_refused"),
    (order_with("storage_gb", 7), "order_refused"),
    (order_with("storage_gb", 600), "order_refused"),
    (order_with("customer.language", "fr"), "order_refused"),
    (order_with("due.currency", "USD"), "order_refused"),
    (order_with("due.cents", -1), "order_refused"),
    (order_with("service_level", "gold"), "order_refused"),
])  # fmt: skip
async def test_an_order_that_cant_be_kept_is_stored_and_put_before_a_person(
    service: Service, odd: Event, kind: str
) -> None:
    answer = await service.deliver(odd)
    assert (answer.status_code, answer.json()["taken"]) == (200, "for_a_person")
    with service.inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == [kind]


@pytest.mark.parametrize(
    ("cents", "currency", "kind"), [(0, "EUR", "no_amount"), (-5, "EUR", "no_amount"), (5890, "USD", "wrong_currency")]
)
async def test_money_that_doesnt_count_is_stored_and_put_before_a_person(
    service: Service, cents: int, currency: str, kind: str
) -> None:
    await service.deliver(placed(ORDER))
    answer = await service.deliver(moved("payment.received", "A-1", cents, currency))
    assert (answer.status_code, answer.json()["taken"]) == (200, "for_a_person")
    with service.inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == [kind]


async def test_fields_that_nobody_knows_are_passed_over(service: Service) -> None:
    assert (await service.deliver(order_with("customer.shoe_size", 44))).status_code == 200
    assert (await service.deliver(money_with(channel={"kind": "sepa"}))).status_code == 200


@pytest.mark.parametrize("name", ["Jürgen Groß", "株式会社", "O'Brien & Søns <GmbH>", "x" * 191, "Ѓорѓи \U0001f600"])
async def test_names_of_all_scripts_are_kept_as_they_are(service: Service, name: str) -> None:
    assert (await service.deliver(order_with("customer.name", name))).status_code == 200
    with service.inventory.reading() as session:
        assert orders.order_facts(session, "A-1").customer_name == name


@pytest.mark.parametrize("email", ["a@b.de", "o'brien+tag@mail.example.co.uk", "x@xn--mller-kva.de", "1@1a.museum"])
async def test_addresses_that_relays_take_are_taken(service: Service, email: str) -> None:
    assert (await service.deliver(order_with("customer.email", email))).status_code == 200
