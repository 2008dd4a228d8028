"""Everything that keeps an order from its instance: the exact sentence it gets, and that running again finishes."""

from __future__ import annotations

import contextlib
import re
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import update

from blocks.loading import load
from blocks.object_store import ObjectStore
from fleet.release import pack_release
from hosting.inventory import cases, deeds, instances, releases, work
from hosting.inventory.models import Release, Server
from hosting.inventory.orders import order_facts
from hosting.policy.states import OrderState, WorkState
from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.product.layout import InstanceLayout
from hosting.product.releases import inspect_archive, object_key
from hosting.settings import SETTINGS_FILE
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

HOST = r"app\d"
WHERE = rf"{HOST} \(10\.77\.0\.\d+:22\)"
AGAIN = "Look at the server, then run again: it goes on from there."
FREE = "Free room on it or enlarge it, then run again: it goes on from there."
APACHE_BACK = "The old state is back; look at the message, then run again."


@pytest.mark.parametrize(
    ("accounts", "storage_gib", "said"),
    [
        (0, 0, "0 accounts are ordered; at least 1 is needed."),
        (-1, 0, "-1 accounts are ordered; at least 1 is needed."),
        (1, 500, "505 GB in all are ordered; an instance has at most 500 GB, the accounts' own included."),
        (101, 0, "101 accounts are ordered; an instance has at most 100."),
        (1, 7, "7 GB of further storage is ordered; it is booked in steps of 5 GB."),
    ],
)
def test_an_order_that_can_t_be_kept_is_refused_when_it_comes_and_never_set_up(
    service: Service, accounts: int, storage_gib: int, said: str
) -> None:
    order = service.order(accounts=accounts, storage_gib=storage_gib)
    with service.inventory.reading() as session:
        summaries = [case.summary for case in cases.cases_of(session, f"order:{order}")]
    assert f"Order {order} is refused: {said}" in summaries
    outcome = service.run(order)
    assert outcome.message == f"Order {order} is refused, not paid. An instance is set up for a paid order only."
    assert (outcome.state, outcome.error) == ("Failed", "OrderNotPaid")
    with service.inventory.reading() as session:
        assert instances.instance_of_order(session, order) is None


def test_an_unknown_order_is_told(service: Service) -> None:
    outcome = service.run("T-0")
    assert (outcome.state, outcome.error) == ("Failed", "UnknownOrder")
    assert re.fullmatch(r"There is no order T-0\. .+", outcome.message), outcome.message


@pytest.mark.parametrize("reference", ["", "../x", "A 1", "x" * 65])
def test_a_reference_that_is_none_is_refused_by_the_form(service: Service, reference: str) -> None:
    with pytest.raises(AssertionError, match="String should"):
        service.runner.run(Plan(parameters={"order": reference}))


@contextlib.contextmanager
def no_room(service: Service) -> Iterator[None]:
    service.only_server("")
    try:
        yield
    finally:
        service.only_server(service.host)


@contextlib.contextmanager
def no_release(service: Service) -> Iterator[None]:
    with service.inventory.writing() as session:
        current = releases.current_release(session)
        session.execute(update(Release).values(current=False))
    try:
        yield
    finally:
        with service.inventory.writing() as session:
            session.execute(update(Release).values(current=Release.id == current.id))


@contextlib.contextmanager
def archive_gone(service: Service) -> Iterator[None]:
    """A release is registered, but neither the store nor the server has it; nobody else's, as sessions share the store."""
    archive = pack_release(service.home / "own.zip")
    with zipfile.ZipFile(archive, "a") as own:
        own.comment = service.prefix.encode()
    found = inspect_archive(archive)
    with service.inventory.writing() as session:
        others = releases.current_release(session)
        facts = ReleaseFacts(ReleaseId(found.id), found.build, found.version, found.edition, found.bytes)
        releases.add_release(session, facts, "test", datetime.now(UTC))
        session.execute(update(Release).values(current=Release.id == found.id))
    try:
        yield
    finally:
        load(ObjectStore).put(object_key(found), archive)
        with service.inventory.writing() as session:
            session.execute(update(Release).values(current=Release.id == others.id))


@contextlib.contextmanager
def off_the_network(service: Service) -> Iterator[None]:
    service.fleet.cut(service.host)
    try:
        yield
    finally:
        service.fleet.heal(service.host)


@contextlib.contextmanager
def other_host_key(service: Service) -> Iterator[None]:
    """What the server shows is not what was pinned."""
    right = service.server().host_key
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    pin(service, public.decode())
    try:
        yield
    finally:
        pin(service, right)


def pin(service: Service, key: str) -> None:
    with service.inventory.writing() as session:
        session.execute(update(Server).where(Server.name == service.host).values(host_key=key))


@contextlib.contextmanager
def wrong_ssh_key(service: Service) -> Iterator[None]:
    file = service.home / SETTINGS_FILE
    text = file.read_text(encoding="utf-8")
    other = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    file.write_text(
        re.sub(r'private_key = ".*"', f'private_key = "{other}"'.replace("\n", r"\\n"), text), encoding="utf-8"
    )
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def database_down(service: Service) -> AbstractContextManager[None]:
    return service.broken("systemctl stop mariadb", "systemctl start mariadb")


@contextlib.contextmanager
def disk_full(service: Service, path: str) -> Iterator[None]:
    service.fleet.fill(service.host, path)
    try:
        yield
    finally:
        service.fleet.free(service.host, path)


def data_disk_full(service: Service) -> AbstractContextManager[None]:
    return disk_full(service, "/srv")


def database_disk_full(service: Service) -> AbstractContextManager[None]:
    return disk_full(service, "/var/lib/mysql")


def foreign_pool(service: Service) -> AbstractContextManager[None]:
    """A PHP pool of somebody else that can't be started."""
    file = "/etc/php/8.2/fpm/pool.d/zz-foreign.conf"
    return service.broken(
        f"printf '[zz]\\nuser = nobody-at-all\\nlisten = /run/php/zz.sock\\npm = ondemand\\npm.max_children = 1\\n' >{file}",
        f"rm {file}",
    )


def foreign_site(service: Service) -> AbstractContextManager[None]:
    """Apache's configuration broken by somebody else."""
    file = "/etc/apache2/conf-enabled/zz-foreign.conf"
    return service.broken(f"echo 'SSLEngine perhaps' >{file}", f"rm {file}")


CAUSES: dict[Callable[[Service], AbstractContextManager[None]], tuple[str, str]] = {
    no_room: (
        "NoServerHasRoom",
        (
            r"No server has room for 5 GiB: 0 of \d may take instances, the most free is 0 GiB\. "
            r"Add a server with 5 GiB of room or more \(phm server add\), or let app\d take instances again "
            r"\(phm server undrain app\d\)\. Then run again\."
        ),
    ),
    no_release: ("NoRelease", r"No release is registered\. Register one: phm release add FILE\."),
    archive_gone: (
        "StepFailed",
        (
            rf"release failed on {HOST} with exit code 6\. \[curl: \(22\) The requested URL returned error: 404\] "
            r"See that the release's archive is in the object store \(phm release add\), then run again\."
        ),
    ),
    off_the_network: (
        "Unreachable",
        rf"{WHERE} does not answer by SSH \((TimeoutError|OSError)\)\. Look at the server and its network; the run goes on when it is repeated\.",
    ),
    other_host_key: (
        "HostKeyChanged",
        rf"The host key of {WHERE} is not the pinned one\. Find out why; only then pin the new key: phm server add --replace-key\.",
    ),
    wrong_ssh_key: (
        "KeyNotAccepted",
        rf"{WHERE} does not accept the service's SSH key for root\. Put the public key into its authorized_keys, then run again\.",
    ),
    database_down: (
        "Unreachable",
        rf"MariaDB on {HOST} does not answer\. Look at it there: systemctl status mariadb\.",
    ),
    data_disk_full: (
        "DiskFull",
        rf"The disk of /srv on {HOST} has only \d+ MiB left; 100 MiB are needed\. {re.escape(FREE)}",
    ),
    database_disk_full: (
        "DiskFull",
        rf"The disk of /var/lib/mysql on {HOST} has only \d+ MiB left; 100 MiB are needed\. {re.escape(FREE)}",
    ),
    foreign_pool: (
        "StepFailed",
        rf"php8\.2-fpm configuration failed on {HOST} with exit code 3\. \[.*nobody-at-all.*\] {re.escape(APACHE_BACK)}",
    ),
    foreign_site: (
        "StepFailed",
        rf"apache2 configuration failed on {HOST} with exit code 3\. \[.*zz-foreign\.conf.*\] {re.escape(APACHE_BACK)}",
    ),
}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.__name__)
def test_a_cause_is_told_in_one_sentence_with_the_way_out_and_running_again_finishes(
    service: Service, cause: Callable[[Service], AbstractContextManager[None]]
) -> None:
    kind, sentence = CAUSES[cause]
    open_one = service.provision()
    order = service.order()
    with cause(service):
        outcome = service.run(order, retries=False)
        assert outcome.state == "Failed", outcome
        assert re.fullmatch(sentence, outcome.message), outcome.message
        assert outcome.error == kind
        assert "\n" not in outcome.message
        if cause in {foreign_pool, foreign_site}:
            assert answers(service, open_one.name)
            assert answers_nothing_of(service, order)
    if kind == "Unreachable":
        tried_again(service, order, outcome.message)
    else:
        told_to_people(service, order, outcome.message)
    again = service.run(order)
    assert again.completed, again
    assert answers(service, service.instance(order).name)
    assert answers(service, open_one.name)


def answers(service: Service, name: str) -> bool:
    """Whether the instance's front end is served on its server."""
    host = service.server().host_name
    url = f"https://{host}/{name}/"
    return "authform" in service.on(f"curl -sk --max-time 10 --resolve {host}:443:127.0.0.1 {url}")


def answers_nothing_of(service: Service, order: str) -> bool:
    """Whether the half-made instance left no file that a service reads."""
    layout = InstanceLayout.of(service.instance(order))
    return service.on(f"ls {layout.site_file} {layout.cron_file} 2>/dev/null || true") == ""


def told_to_people(service: Service, order: str, sentence: str) -> None:
    """The order is still paid, a case is put with the sentence, and the operators got a letter."""
    with service.inventory.reading() as session:
        assert order_facts(session, order).state is OrderState.PAID
        assert sentence in [case.summary for case in cases.cases_of(session, f"order:{order}")]
    letters = [mail for mail in service.fleet.mails(service.settings.mail.operator) if f"order {order}" in mail.text]
    assert len(letters) == 1
    assert sentence.partition(".")[0] in " ".join(letters[0].text.split())


def tried_again(service: Service, order: str, sentence: str) -> None:
    """What did not answer may heal: the work is due again, and why stands in the record."""
    with service.inventory.reading() as session:
        assert order_facts(session, order).state is OrderState.PAID
        due = work.work_of(session, work.PROVISION, order)
        tried = deeds.deeds_of(session, f"work:{work.PROVISION}:{order}")
    assert due is not None
    assert due.state is WorkState.OPEN
    assert [deed.why for deed in tried if deed.what == work.TRIED_AGAIN] == [sentence]


def test_a_stopped_php_is_started_again(service: Service) -> None:
    with service.broken("systemctl stop php8.2-fpm", "systemctl start php8.2-fpm"):
        assert service.run(service.order()).completed


def test_a_stopped_apache_is_started_again(service: Service) -> None:
    with service.broken("systemctl stop apache2", "systemctl start apache2"):
        assert service.run(service.order()).completed
