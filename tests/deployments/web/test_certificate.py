"""The page on which a customer hands his certificate over: what fits is taken once, all else told at once (P31)."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deployments.web import attempts
from deployments.web.app import create_app
from deployments.web.declined import Declined
from deployments.web.uploads import UPLOAD_MOST_BYTES
from fleet import certificates
from hosting.inventory import deeds, domain_invitations, name_certificates, name_orders, names, work
from hosting.inventory.session import in_transaction
from hosting.policy.states import WorkState
from hosting.policy.values import NameKind
from tests.deployments.web.conftest import Service, make_link, open_instance
from tests.deployments.web.test_agreement import neighbour
from tests.policy.certificates import key_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.anyio

ORDERED, HOST = "Post.Müller.example", "post.xn--mller-kva.example"
NOW = datetime.now(UTC)
File = tuple[str, bytes]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Customer:
    """An instance whose customer is asked for a certificate, and his browser."""

    service: Service
    instance: str
    token: str
    folder: Path

    def pem(self, stem: str, kind: str = "pem") -> bytes:
        return (self.folder / f"{stem}.{kind}").read_bytes()

    async def get(self, token: str = "", language: str = "") -> httpx.Response:
        async with self.service.client() as client:
            return await client.get(f"/certificate/{token or self.token}", headers={"accept-language": language})

    async def post(self, *files: tuple[str, File], passphrase: str = "", token: str = "") -> httpx.Response:
        async with self.service.client() as client:
            return await client.post(
                f"/certificate/{token or self.token}", files=list(files), data={"passphrase": passphrase}
            )

    async def hand_over(self, stem: str = "post", token: str = "") -> httpx.Response:
        return await self.post(
            ("certificate", ("post.pem", self.pem(stem))), ("key", ("post.key", self.pem(stem, "key"))), token=token
        )

    def held(self) -> list[tuple[str, str, str]]:
        with self.service.inventory.reading() as session:
            return [(one.as_ordered, one.a_label, one.state) for one in names.names_of(session, self.instance)]

    def link(self, now: datetime = NOW, ordered: str = ORDERED) -> str:
        def make(session) -> str:
            made = domain_invitations.ensure_invitation(session, self.instance, HOST, ordered, by="olga", now=now)
            return domain_invitations.make_upload_link(session, made, now)

        return in_transaction(self.service.inventory, make)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("authority")
    certificates.ensure_authority(made)
    for stem, host in (("post", HOST), ("next", HOST), ("other", "other.example")):
        certificates.ensure_leaf(made, stem, [host])
    return made


@pytest.fixture(params=["de"])
def customer(service: Service, folder: Path, request: pytest.FixtureRequest) -> Customer:
    settings = service.settings.model_copy(update={"trust_store": str(folder / "ca.pem")})
    service.settings = settings
    service.app = create_app(settings, service.inventory, None, service.instances.set_password)
    made = Customer(service, open_instance(service.inventory, request.param), "", folder)
    made.token = made.link()
    return made


# --- what it is for ---


async def test_the_page_names_the_domain_as_ordered_and_stays_open_however_often_it_is_fetched(
    customer: Customer,
) -> None:
    for _ in range(3):
        page = await customer.get()
        assert page.status_code == 200
        assert ORDERED in page.text
        assert page.text.count('type="file"') == 3
        assert "<script" not in page.text
        assert "script" not in page.headers["content-security-policy"]
    assert customer.held() == []


async def test_what_fits_is_taken_and_begun_with_the_key_sealed(
    customer: Customer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    page = await customer.hand_over()
    assert page.status_code == 200, page.text
    assert f"Es passt zu {ORDERED} und gilt bis" in page.text
    assert "CNAME app1.phlymail.test" in page.text
    assert customer.held() == [(ORDERED, HOST, "assigning")]
    with customer.service.inventory.reading() as session:
        (name,) = names.names_of(session, customer.instance)
        certificate = name_certificates.certificate_of(session, name.id)
        assert certificate is not None
        sealed = name_certificates.sealed_key(session, name.id, certificate.fingerprint)
        asked = [one.kind for one in name_orders.open_works(session, name)]
        told = [
            one for one in deeds.deeds_of(session, f"instance:{customer.instance}") if one.what == "domain approved"
        ]
    assert asked == [work.CONNECT_DOMAIN]
    assert [one.by for one in told] == ["customer"]
    key = Fernet(customer.service.settings.sealing_key.get_secret_value()).decrypt(sealed)
    given_key = load_pem_private_key(customer.pem("post", "key"), None)
    assert load_pem_private_key(key, None).private_numbers() == given_key.private_numbers()
    body = customer.pem("post", "key").decode().splitlines()[1]
    assert body not in caplog.text + page.text
    with sqlite3.connect(customer.service.inventory.url.database) as database:
        assert body not in "\n".join(database.iterdump())


async def test_a_live_domain_gets_the_next_certificate_by_a_renewal(customer: Customer) -> None:
    await customer.hand_over()

    def comes_live(session) -> None:
        (name,) = names.names_of(session, customer.instance)
        names.record_live(session, name.id, NOW, {})

    in_transaction(customer.service.inventory, comes_live)
    page = await customer.hand_over("next", customer.link())
    assert page.status_code == 200
    assert "ohne Unterbrechung eingesetzt" in page.text
    with customer.service.inventory.reading() as session:
        renewals = [one for one in work.work_in(session, WorkState.OPEN) if one.kind == work.RENEW_CERTIFICATE]
    assert len(renewals) == 1


async def test_a_key_with_a_passphrase_is_opened(customer: Customer) -> None:
    locked = key_bytes(load_pem_private_key(customer.pem("post", "key"), None), "Geheim und lang")
    files = (("certificate", ("a.pem", customer.pem("post"))), ("key", ("a.key", locked)))
    wrong = await customer.post(*files, passphrase="falsch")
    assert wrong.status_code == 422
    assert "lässt sich mit der angegebenen Passphrase nicht öffnen" in wrong.text
    assert "falsch" not in wrong.text
    assert (await customer.post(*files, passphrase="Geheim und lang")).status_code == 200


@pytest.mark.parametrize("customer", ["de", "en"], indirect=True)
async def test_everything_that_is_found_is_told_at_once_and_nothing_is_kept(customer: Customer) -> None:
    page = await customer.post(
        ("certificate", ("<b>fremd</b>.pem", customer.pem("other"))),
        ("key", ("post.key", customer.pem("post", "key"))),
    )
    assert page.status_code == 422
    sentences = [line for line in page.text.splitlines() if line.strip().startswith("<li>")]
    assert len(sentences) == 4  # two findings, two files
    assert "other.example" in page.text
    assert "<b>fremd" not in page.text
    assert "&lt;b&gt;fremd&lt;/b&gt;.pem" in page.text
    assert customer.held() == []
    assert (await customer.get()).status_code == 200  # the link is not used up by what is refused
    assert (await customer.hand_over()).status_code == 200


async def test_nothing_chosen_is_said(customer: Customer) -> None:
    page = await customer.post(("certificate", ("", b"")), ("key", ("", b"")))
    assert page.status_code == 422
    assert "Es wurde keine Datei übergeben" in page.text


async def test_after_many_refused_uploads_a_link_waits(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "REFUSED_MOST", 2)
    nothing = (("certificate", ("", b"")), ("key", ("", b"")))
    assert [(await customer.post(*nothing)).status_code for _ in range(2)] == [422, 422]
    page = await customer.hand_over()
    assert (page.status_code, int(page.headers["retry-after"]) > 3500) == (429, True)
    assert "In der letzten Stunde passte zu oft etwas nicht." in page.text
    assert customer.held() == []
    assert (await customer.hand_over(token=customer.link())).status_code == 200  # another link is not held up


def test_the_files_of_a_link_are_looked_at_one_upload_at_a_time() -> None:
    moment = [0.0]
    counted = attempts.Attempts(lambda: moment[0])
    with counted.turn("a"), counted.turn("b"), pytest.raises(Declined, match="409"), counted.turn("a"):
        pass
    for _ in range(attempts.REFUSED_MOST):
        with counted.turn("a"):
            counted.record_refused("a")
    with pytest.raises(Declined, match="429"), counted.turn("a"):
        pass
    moment[0] = attempts.HOUR_SECONDS
    with counted.turn("a"):
        pass


async def test_a_domain_that_another_instance_has_by_now_is_refused(customer: Customer) -> None:
    other = neighbour(customer.service)
    in_transaction(
        customer.service.inventory,
        lambda session: names.begin_assigning(session, other, NameKind.DOMAIN, HOST, ORDERED, now=NOW),
    )
    page = await customer.hand_over()
    assert page.status_code == 422
    assert "ist schon mit einer Instanz verbunden" in page.text
    assert customer.held() == []


# --- links ---


async def test_a_used_link_says_so_and_takes_nothing(customer: Customer) -> None:
    assert (await customer.hand_over()).status_code == 200
    for page in (await customer.get(), await customer.hand_over("next")):
        assert page.status_code == 410
        assert "Dieser Link wurde schon benutzt" in page.text


async def test_an_expired_link_says_so_and_takes_nothing(customer: Customer) -> None:
    token = customer.link(NOW - domain_invitations.VALID - timedelta(minutes=1))
    for page in (await customer.get(token), await customer.hand_over(token=token)):
        assert page.status_code == 410
        assert "Dieser Link gilt nicht mehr" in page.text
    assert customer.held() == []


async def test_tampered_and_foreign_links_open_nothing(customer: Customer) -> None:
    tampered = customer.token[:-1] + ("A" if customer.token[-1] != "A" else "B")
    for token in (tampered, "x", "%00", make_link(customer.service.inventory, customer.instance)):
        assert (await customer.get(token)).status_code == 404
        assert (await customer.hand_over(token=token)).status_code == 404
    async with customer.service.client() as client:  # nor does it open the page of a password
        assert (await client.get(f"/access/{customer.token}")).status_code == 404
    assert customer.held() == []


async def test_a_strangers_body_is_not_even_read(customer: Customer) -> None:
    async def endless():
        raise AssertionError("the body was read")
        yield b""

    async with customer.service.client() as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = await client.post("/certificate/unknown", content=endless(), headers=headers)
    assert answer.status_code == 404


# --- what may come ---


async def test_too_much_is_refused_in_the_page(customer: Customer) -> None:
    page = await customer.post(("certificate", ("big.pem", b"x" * UPLOAD_MOST_BYTES)))
    assert page.status_code == 413
    assert f"größer als {UPLOAD_MOST_BYTES // 1024} KiB" in page.text
    assert page.headers["connection"] == "close"
    many = await customer.post(*[("certificate", (f"{number}.pem", b"x")) for number in range(11)])
    assert many.status_code == 422
    assert "kam nicht vollständig an" in many.text
    large = await customer.post(("certificate", ("big.pem", b"x" * (300 * 1024))))
    assert "größer als 256 KiB" in large.text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("multipart/form-data", 422),
        ("multipart/form-data; boundary=", 422),
        ("multipart/form-data; boundary=" + "x" * 300, 422),
        ("multipart/form-data; boundary=x; charset=nonsense", 422),
    ],
)
async def test_what_is_no_form_of_this_page_is_refused(customer: Customer, content_type: str, status: int) -> None:
    async with customer.service.client() as client:
        answer = await client.post(
            f"/certificate/{customer.token}", content=b"--y\r\nhello", headers={"content-type": content_type}
        )
    assert answer.status_code == status


PIECES = st.sampled_from([
    b"--x", b"--x--", b"\r\n", b"Content-Disposition: form-data", b'; name="certificate"', b'; filename="a"',
    b'; name="passphrase"', b"\r\n\r\n", b"\x00", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\n", b"A: " + b"b" * 5000,
    b'; name="', b"Content-Type: text/plain; charset=utf-7",
])  # fmt: skip


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(PIECES, max_size=12))
async def test_hostile_bytes_are_answered_with_the_page_and_leave_no_word_in_the_log(
    customer: Customer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    from deployments.web import certificate
    from hosting.policy import certificate_rules as rules
    from hosting.policy.customer_certificate import Inspection

    # what the files hold is the inspection's matter, which has tests of its own
    monkeypatch.setattr(certificate, "inspect_apart", lambda *_: Inspection((rules.CERTIFICATE_MISSING.found(),), None))
    monkeypatch.setattr(attempts, "REFUSED_MOST", 1_000_000)
    caplog.clear()
    async with customer.service.client() as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = await client.post(f"/certificate/{customer.token}", content=b"".join(pieces), headers=headers)
    assert answer.status_code == 422
    assert not [one for one in caplog.records if one.name == "deployments.web"]
    assert customer.held() == []
