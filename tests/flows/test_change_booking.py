"""Accounts and storage are booked and cancelled on a real server: measured, decided, kept within bounds, told (P06, P07)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import booking_changes, bookings, cases, work
from hosting.inventory.models import Booking
from hosting.inventory.session import in_transaction
from hosting.policy.contract import Booked
from hosting.policy.maintenance import is_off_peak, next_off_peak
from hosting.policy.quota import MIB, files_limit
from hosting.policy.states import ChangeState, WorkState
from hosting.policy.terms import GIB
from hosting.product.layout import InstanceLayout
from tasks import bookings as tasks_bookings
from tests.service.customer import site
from tests.service.plans import Fault, Plan
from tests.service.small import fill_files, small_instance

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

FLOW = "flows.change_booking.change_booking"
DAY = timedelta(days=1)


def change(service: Service, instance: InstanceFacts, what: str, **more: Any) -> Outcome:
    """A run of the flow, in a process of its own."""
    plan = {name: more.pop(name) for name in ("at", "fault") if name in more}
    wish = {"instance": instance.name, "change": what, "preview": False, "operator": "olga", "reason": "call", **more}
    return service.runner.run(Plan(flow=FLOW, parameters=wish, **plan))


def booked(service: Service, instance: InstanceFacts) -> Booked:
    with service.inventory.reading() as session:
        return bookings.contract_of(session, instance.name).booked()


def letters(service: Service, instance: InstanceFacts) -> list[str]:
    """The subjects of what the customer was told about bookings, the oldest first."""
    mails = service.fleet.mails(f"{instance.order_reference.lower()}@kunde.test")
    return [mail.subject for mail in mails if "phlyMail" not in mail.subject]


def limit(service: Service, instance: InstanceFacts) -> int:
    data = InstanceLayout.of(instance).data
    return int(service.on(f"btrfs qgroup show --raw -ref {data} | awk '$1 ~ /^0\\//{{print $4}}'"))


def told_quota(service: Service, instance: InstanceFacts) -> int:
    said = service.on(f"cat {InstanceLayout.of(instance).room_file}")
    return int(re.findall(r"quota = (\d+)", said)[0])


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    """An open instance with three accounts and one package; one user in it."""
    made = service.provision(accounts=3, storage_gib=5)
    mine = site(service, made)
    with mine.client:
        assert mine.log_in(service.secret(made, "root_admin")).status_code == 302
        mine.make_user("anna")
        mine.make_user("bert")
    return made


def test_a_preview_changes_nothing_and_tells_nobody(service: Service, instance: InstanceFacts) -> None:
    outcome = change(service, instance, "book accounts", amount=2, preview=True)
    assert outcome.state == "Shown"
    assert outcome.message.startswith(f"{instance.name}: 3 to 5 accounts, 20 to 30 GB, from ")
    assert booked(service, instance) == Booked(3, 5, 20)
    assert letters(service, instance) == []
    with service.inventory.reading() as session:
        assert booking_changes.changes_of(session, instance.name) == []


def test_a_booking_raises_the_bounds_on_the_server_and_is_confirmed(service: Service, instance: InstanceFacts) -> None:
    outcome = change(service, instance, "book storage", amount=10)
    assert outcome.completed, outcome
    assert booked(service, instance) == Booked(3, 15, 30)
    assert told_quota(service, instance) == 30 * 1024
    if service.server().has_btrfs:
        assert files_limit(30, 20 * 2**20) < limit(service, instance) <= files_limit(30, 0)
    assert letters(service, instance) == [f"Ihre Buchung hat sich geändert ({instance.order_reference})"]
    [mail] = [
        one for one in service.fleet.mails(f"{instance.order_reference.lower()}@kunde.test") if "Buchung" in one.subject
    ]
    assert "30 GB" in mail.text


def test_the_same_again_by_its_number_changes_nothing(service: Service, instance: InstanceFacts) -> None:
    with service.inventory.reading() as session:
        last = booking_changes.changes_of(session, instance.name)[-1]
    before = letters(service, instance)
    outcome = change(service, instance, "asked for before", number=last.id)
    assert outcome.completed, outcome
    assert booked(service, instance) == Booked(3, 15, 30)
    assert letters(service, instance) == before
    assert not outcome.changed["ensure_room"]


def test_an_account_goes_only_when_its_user_is_deleted(service: Service, instance: InstanceFacts) -> None:
    refused = change(service, instance, "cancel accounts", amount=2)
    assert refused.state == "Refused"
    assert refused.message.startswith("The instance has 2 users; 1 would remain booked. Once one user is deleted")
    assert booked(service, instance).accounts == 3


def test_a_cancellation_waits_for_its_day_and_is_asked_again_then(service: Service, instance: InstanceFacts) -> None:
    outcome = change(service, instance, "cancel accounts", amount=1)
    assert outcome.completed, outcome
    assert booked(service, instance).accounts == 3
    with service.inventory.reading() as session:
        [going] = [one for one in bookings.contract_of(session, instance.name).bookings if one.is_cancelled]
        waiting = work.work_of(session, work.CHANGE_BOOKING, f"{instance.name}@{going.ends_on}")
    assert going.ends_on is not None
    assert waiting is not None
    assert waiting.state is WorkState.OPEN
    parameters = tasks_bookings.parameters_of(waiting.subject)
    on_the_day = (waiting.due_at + timedelta(minutes=1)).timestamp()
    ended = service.runner.run(Plan(flow=FLOW, at=on_the_day, parameters=parameters["request"]))
    assert ended.completed, ended
    assert booked(service, instance) == Booked(2, 15, 25)
    assert service.instance(instance.order_reference).accounts == 2
    assert told_quota(service, instance) == 25 * 1024
    assert letters(service, instance)[-2:] == [
        f"Ihre Buchung hat sich geändert ({instance.order_reference})",
        f"Eine Buchung ist beendet ({instance.order_reference})",
    ]


def test_what_is_needed_on_the_day_runs_on_and_all_are_told(service: Service, instance: InstanceFacts) -> None:
    at = (datetime.now(UTC) + 40 * DAY).timestamp()
    mine = site(service, instance)
    with mine.client:
        service.on(
            f"mariadb {InstanceLayout.of(instance).database} -e \"DELETE FROM phlymail_user WHERE username='bert'\""
        )
        outcome = change(service, instance, "cancel accounts", amount=1, at=(datetime.now(UTC) + 2 * DAY).timestamp())
        assert outcome.completed, outcome
        assert mine.log_in(service.secret(instance, "root_admin")).status_code == 302
        mine.make_user("carl")
    outcome = service.runner.run(
        Plan(flow=FLOW, at=at, parameters={"instance": instance.name, "change": "what is due"})
    )
    assert outcome.completed, outcome
    assert "0 ended, 1 run on" in outcome.message
    assert booked(service, instance) == Booked(2, 15, 25)
    assert letters(service, instance)[-1] == f"Eine Buchung läuft weiter ({instance.order_reference})"
    with service.inventory.reading() as session:
        found = [case for case in cases.open_cases(session) if case.subject == f"instance:{instance.name}"]
    assert [case.kind for case in found] == ["booking_runs_on"]


@pytest.mark.parametrize("task", ["record_wish", "decide", "ensure_room", "tell_customer_of_bookings"])
def test_a_run_that_is_killed_is_brought_to_its_end_by_its_work(
    service: Service, instance: InstanceFacts, task: str
) -> None:
    before, told = booked(service, instance), len(letters(service, instance))
    outcome = change(service, instance, "book storage", amount=5, fault=Fault(task, "after"))
    assert outcome.state == "Killed"
    with service.inventory.reading() as session:
        wish = booking_changes.changes_of(session, instance.name)[-1]
        waiting = work.work_of(session, work.CHANGE_BOOKING, wish.work_subject)
    assert waiting is not None
    assert waiting.state is WorkState.OPEN
    again = service.runner.run(Plan(flow=FLOW, parameters=tasks_bookings.parameters_of(waiting.subject)["request"]))
    assert again.completed, again
    assert booked(service, instance).pool_gib == before.pool_gib + 5
    assert told_quota(service, instance) == (before.pool_gib + 5) * 1024
    assert len(letters(service, instance)) == told + 1
    with service.inventory.reading() as session:
        assert booking_changes.change_facts(session, wish.id).state is ChangeState.ACCEPTED
        done = work.work_of(session, work.CHANGE_BOOKING, waiting.subject)
    assert done is not None
    assert done.state is WorkState.DONE


def fill(service: Service, instance: InstanceFacts) -> None:
    """A little more than 1 GB: files, and tables of which two rows in five are deleted, so that no page is empty."""
    layout = InstanceLayout.of(instance)
    service.on(
        f'mariadb {layout.database} -e "CREATE TABLE phlymail_filled (id INT PRIMARY KEY, body VARBINARY(3000));'
        'INSERT INTO phlymail_filled SELECT seq, REPEAT(HEX(RANDOM_BYTES(500)), 3) FROM seq_1_to_40000;"'
    )
    service.on(f"mariadb {layout.database} -e 'DELETE FROM phlymail_filled WHERE id % 5 < 2'")
    service.on("mariadb -e 'SET GLOBAL innodb_max_purge_lag_wait=0'")
    database = int(service.on(f"du -s -B1 /var/lib/mysql/{layout.database} | cut -f1"))
    fill_files(service, instance, GIB - database + 20 * MIB)


def test_what_does_not_fit_by_little_waits_for_the_night_and_fits_then(service: Service) -> None:
    small = small_instance(service, "tight", packages=1)
    fill(service, small)
    noon = next(at for ahead in range(1, 8) if not is_off_peak(at := midday() + ahead * DAY))
    waits = change(service, small, "cancel storage", amount=1, at=noon.timestamp())
    assert waits.state == "Rescheduled", waits
    with service.inventory.reading() as session:
        [wish] = booking_changes.changes_of(session, small.name)
        night = work.work_of(session, work.CHANGE_BOOKING, wish.work_subject)
    assert wish.state is ChangeState.OPEN
    assert night is not None
    assert night.due_at == next_off_peak(noon)
    parameters = tasks_bookings.parameters_of(night.subject)["request"]
    outcome = service.runner.run(Plan(flow=FLOW, at=night.due_at.timestamp(), parameters=parameters))
    assert outcome.completed, outcome
    assert outcome.changed["rebuild_tables"]
    with service.inventory.reading() as session:
        assert booking_changes.change_facts(session, wish.id).state is ChangeState.ACCEPTED


def midday() -> datetime:
    """Today, about noon in Berlin."""
    return datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0)


def test_a_missed_day_is_found_by_the_clock(service: Service, instance: InstanceFacts) -> None:
    def cancel_for_yesterday(session: Any) -> str:
        contract = bookings.contract_of(session, instance.name)
        one = contract.bookings[-1]
        row = session.get_one(Booking, one.id)
        yesterday = datetime.now(UTC) - DAY
        row.ends_on, row.cancelled_at = yesterday.date(), yesterday
        return str(one.id)

    in_transaction(service.inventory, cancel_for_yesterday)
    assert tasks_bookings.ask_for_due_bookings.fn() == [instance.name]
    assert tasks_bookings.ask_for_due_bookings.fn() == []
    outcome = change(service, instance, "what is due")
    assert outcome.completed, outcome
    assert "1 ended, 0 run on" in outcome.message
