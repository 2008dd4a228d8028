"""Outages made on real servers are measured to one probe interval; a prober that was killed takes nothing for up (P11)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.policy.availability import Standing, timeline
from hosting.policy.probe_spans import Answer, Vantage
from tests.service.prober import ALARM_AFTER, INTERVAL, probed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hosting.policy.values import InstanceFacts
    from tests.service.prober import Probed
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(600)]

SLACK = timedelta(seconds=1.5)
"""What a question takes on a busy machine."""


@pytest.fixture(scope="module")
def here(service: Service) -> InstanceFacts:
    """The instance whose server is broken."""
    service.only_server(service.hosts[-1])
    return service.provision()


@pytest.fixture(scope="module")
def there(service: Service, here: InstanceFacts) -> InstanceFacts:
    """One on the other server."""
    service.only_server(service.hosts[0])
    made = service.provision()
    service.only_server(service.hosts[-1])
    return made


@pytest.fixture(scope="module")
def prober(service: Service, here: InstanceFacts, there: InstanceFacts) -> Iterator[Probed]:
    began = datetime.now(UTC)
    with probed(service) as made:
        for one in (here, there):
            made.seen(one.name, began, Answer.UP)
        yield made


def broken_and_mended(
    prober: Probed, here: InstanceFacts, answer: Answer, breaking: Callable[[], object], mending: Callable[[], object]
) -> tuple[datetime, datetime, datetime, datetime]:
    """A fault until both vantages saw it often enough, then mended until both saw that; before and after of both."""
    before = datetime.now(UTC)
    breaking()
    broken = datetime.now(UTC)
    try:
        prober.seen(here.name, broken, answer)
        time.sleep(INTERVAL.total_seconds())
    finally:
        mends = datetime.now(UTC)
        mending()
        mended = datetime.now(UTC)
    prober.seen(here.name, mended, Answer.UP)
    return before, broken, mends, mended


def check_measured(prober: Probed, here: InstanceFacts, moments: tuple[datetime, ...]) -> None:
    """One outage is on record, whose ends are at most an interval from what is known."""
    before, broken, mends, mended = moments
    prober.look()
    found = prober.outages(here.name, before - INTERVAL)
    assert len(found) == 1, found
    ended = found[0].ended_at
    assert ended is not None
    began = found[0].began_at  # a probe that was under way when it broke has failed since it asked
    assert before - SLACK <= began <= broken + INTERVAL + SLACK, (began, before, broken)
    assert mends <= ended <= mended + INTERVAL + SLACK, (ended, mended)


@pytest.mark.parametrize(("unit", "answer"), [("apache2", Answer.UNREACHABLE), ("mariadb", Answer.BROKEN)])
def test_an_outage_is_measured_to_one_interval(
    prober: Probed, here: InstanceFacts, there: InstanceFacts, unit: str, answer: Answer
) -> None:
    began = datetime.now(UTC)
    moments = broken_and_mended(
        prober, here, answer,
        lambda: prober.service.on(f"systemctl stop {unit}", here.server_name),
        lambda: prober.service.on(f"systemctl start {unit}", here.server_name),
    )  # fmt: skip
    check_measured(prober, here, moments)
    assert prober.outages(there.name, began) == [], "who is on another server is not touched"


def test_a_server_that_is_down_is_one_alarm_told_once_and_once_more_when_it_is_over(
    service: Service, prober: Probed, here: InstanceFacts
) -> None:
    operator = service.settings.mail.operator
    prober.until(lambda: not told_again(prober))
    known = len(service.fleet.mails(operator))
    before = datetime.now(UTC)
    service.fleet.stop(here.server_name)
    try:
        broken = datetime.now(UTC)
        prober.until(
            lambda: any(
                one.vantage is Vantage.OUTSIDE and one.answer is Answer.UNREACHABLE and one.probes >= ALARM_AFTER
                for one in prober.spans(here.name, broken)
            )
        )
        prober.look()
        prober.look()
        assert [one.instances for one in prober.alarms()] == [(here.name,)]
        mends = datetime.now(UTC)
    finally:
        service.fleet.start(here.server_name)
    mended = datetime.now(UTC)
    prober.seen(here.name, mended, Answer.UP)
    time.sleep(ALARM_AFTER * INTERVAL.total_seconds())
    check_measured(prober, here, (before, broken, mends, mended))
    prober.look()
    assert prober.alarms() == []
    subjects = [mail.subject for mail in service.fleet.mails(operator)]
    new = [one for one in subjects if here.name in one][: len(subjects) - known]
    assert sorted(new[-2:]) == sorted([f"{here.name} is not reached", f"{here.name} is reached again"])


def told_again(prober: Probed) -> bool:
    """Whether an alarm of before is still open, after a look."""
    prober.look()
    return bool(prober.alarms())


def test_a_prober_that_was_killed_loses_an_interval_at_most_and_takes_nothing_for_up(
    prober: Probed, there: InstanceFacts
) -> None:
    began = datetime.now(UTC)
    prober.seen(there.name, began, Answer.UP)
    killed = prober.kill()
    time.sleep(3 * INTERVAL.total_seconds())
    again = prober.begin()
    prober.seen(there.name, again, Answer.UP)
    spans = prober.spans(there.name, began)
    assert all(one.until <= killed or one.since >= again for one in spans), "no span lies over the gap"
    last = max(one.until for one in spans if one.until <= killed)
    first = min(one.since for one in spans if one.since >= again)
    assert killed - last <= 2 * INTERVAL, "what was under way is lost, and what was asked just before it"
    line = timeline(spans, [], began, datetime.now(UTC), INTERVAL)
    unmeasured = [(one.since, one.until) for one in line if one.standing is Standing.UNMEASURED and one.since >= last]
    assert unmeasured == [(last, first)]
