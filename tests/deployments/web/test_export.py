"""The page of an export: it opens by its link alone, until it ends; an archive is fetched from the store itself (P41)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import deeds, exports
from hosting.inventory.session import in_transaction
from hosting.policy.export_links import sign_link
from hosting.policy.exports import ArchiveFacts, ExportFacts
from tests.deployments.web.conftest import Service, open_instance

if TYPE_CHECKING:
    import httpx
    from sqlalchemy.orm import Session

pytestmark = pytest.mark.anyio
KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
ARCHIVE = ArchiveFacts(3, "jürgen & co", key="exports/x/1/3.zip", bytes=3 << 20, sha256="ab" * 32, counts={"mails": 5})
SKIPPED = ArchiveFacts(4, "weg", skipped="The user was deleted before.")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def order(service: Service) -> ExportFacts:
    instance = open_instance(service.inventory)

    def record(session: Session) -> ExportFacts:
        made = exports.ask(session, exports.ExportWish(instance, "", "test"), "olga", datetime.now(UTC))
        for archive in (ARCHIVE, SKIPPED):
            exports.record_archive(session, made.id, archive)
        return exports.record_ready(session, made.id, datetime.now(UTC) + timedelta(days=14), datetime.now(UTC))

    return in_transaction(service.inventory, record)


def token(order: ExportFacts, **other: Any) -> str:
    told = {"key": KEY, "export": order.id, "instance": order.instance, "asked": order.asked_at.isoformat(), **other}
    return sign_link(**told)


async def asked(service: Service, path: str) -> httpx.Response:
    async with service.client() as client:
        return await client.get(path, headers={"accept-language": "en"})


async def test_the_page_shows_each_archive_and_looking_changes_nothing(service: Service, order: ExportFacts) -> None:
    answer = await asked(service, f"/export/{token(order)}")
    assert answer.status_code == 200
    assert answer.headers["content-language"] == "de"  # the customer's, whatever the browser asks for
    assert "jürgen &amp; co" in answer.text
    assert "ab" * 32 in answer.text
    assert "weg" not in answer.text.replace("Archiv", "")
    assert "no-store" in answer.headers["cache-control"]
    with service.inventory.reading() as session:
        assert exports.export_facts(session, order.id).fetched_at is None


async def test_an_archive_is_fetched_from_the_store_and_that_is_on_record(service: Service, order: ExportFacts) -> None:
    settings = service.settings
    object.__setattr__(settings.backup, "endpoint_country", "DE")
    answer = await asked(service, f"/export/{token(order)}/3")
    assert answer.status_code == 303
    leads = answer.headers["location"]
    assert leads.startswith("http://127.0.0.1:1/phm-backups/exports/x/1/3.zip?")
    assert "X-Amz-Expires=3600" in leads
    assert answer.headers["referrer-policy"] == "no-referrer"
    with service.inventory.reading() as session:
        assert exports.export_facts(session, order.id).fetched_at is not None
        assert deeds.deeds_of(session, exports.subject_of(order.id))[-1].what == "export fetched"


async def test_nobody_opens_it_with_another_link_or_another_archive(service: Service, order: ExportFacts) -> None:
    for bad in ("x", token(order) + "x", token(order, key="other"), token(order, export=order.id + 1), token(order, instance="x"),
                token(order, asked="2026-01-01")):  # fmt: skip
        for path in (f"/export/{bad}", f"/export/{bad}/3"):
            assert (await asked(service, path)).status_code == 404
    for uid in (4, 99):
        assert (await asked(service, f"/export/{token(order)}/{uid}")).status_code == 404


async def test_it_ends_at_once_when_it_is_withdrawn_and_in_time(service: Service, order: ExportFacts) -> None:
    in_transaction(
        service.inventory, lambda session: exports.end_now(session, order.id, "olga", "x", datetime.now(UTC))
    )
    for path in (f"/export/{token(order)}", f"/export/{token(order)}/3"):
        answer = await asked(service, path)
        assert answer.status_code == 410
        assert "not valid any more" in answer.text
