"""An instance is suspended and opened again on a real server: closed for all, its data as before, whatever is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.suspend_instance import resume_instance, suspend_instance
from hosting.policy.states import MoveState
from hosting.product.layout import InstanceLayout
from tasks.outside import watched
from tasks.probes import door_of, prove_address, url_of
from tasks.web import ensure_cron, ensure_site
from tests.service import moves
from tests.service.backups import LIVE, back_up, on, points_of, restore
from tests.service.flow_steps import steps_of
from tests.service.plans import Fault, Plan
from tests.service.suspended import check_closed_everywhere, doors, is_closed, run, state, want

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

SEEN_SECONDS = 20.0
KEPT = ("ensure_", "record_", "tell_")
PUT_OFF = "record_put_off"
"""What a run comes to only where a rent alone wants it outside of a working morning (tests/tasks/test_suspension_turns.py)."""

CLOSING = [step for step in steps_of(suspend_instance.fn) if step.startswith(KEPT) and step != PUT_OFF]
OPENING = [step for step in steps_of(resume_instance.fn) if step.startswith(KEPT)]
SUMS = """
cd "$1/storage/user"; find . -path './[1-3]/*' -type f | sort | xargs -d '\\n' sha256sum; sha256sum "$1/choices.ini.php"
for t in user email_folders email_index files_folders files_index calendar_events adb_adr; do
  mariadb-dump --skip-dump-date --skip-comments --no-create-info --order-by-primary "$2" "phlymail_$t" | sha256sum
done
"""


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    return service.provision(language="en")


def sums(service: Service, instance: InstanceFacts) -> str:
    layout, host = InstanceLayout.of(instance), state(service, instance).server_name
    return service.on(f"set -- {layout.data} {layout.database}; {SUMS}", str(host))


def test_suspended_it_says_so_at_every_door_and_opened_again_it_is_as_before(
    service: Service, instance: InstanceFacts
) -> None:
    server, url = service.server(), url_of(service.server(), instance)
    on(service, LIVE, instance, InstanceLayout.of(instance).user, "0")
    before = sums(service, instance)
    assert not is_closed(service, instance)
    want(service, instance, suspended=True)
    outcome = run(service, instance, "suspend")
    assert outcome.completed, outcome
    assert is_closed(service, instance)
    with door_of(instance) as web:
        page = web.ask("GET", url)
    assert int(page.headers["retry-after"]) >= 60
    assert "This phlyMail is suspended" in page.text
    assert f"service@{service.settings.zone}" in page.text
    shut = state(service, instance)
    assert prove_address(url, server, shut)["webdav"] == "PUT, GET, DELETE"  # our own proofs are let in, nobody else is
    with watched(url, shut) as inside, watched(url) as outside:  # as a move of it is watched, and as the world sees it
        assert inside.served_again(SEEN_SECONDS)
        assert not outside.served_again(1.0)
    assert not ensure_site.fn(server, shut).changed  # any flow that renders the site leaves it closed
    assert not ensure_cron.fn(server, shut).changed
    again = run(service, instance, "suspend")
    assert again.completed, again
    assert [step for step, changed in again.changed.items() if changed] in ([], ["ensure_nothing_runs"])  # of the proof
    backup = service.runner.run(
        Plan(flow="flows.back_up_server.back_up_instance", parameters={"instance": instance.name, "kind": "full"})
    )
    assert backup.completed, backup
    assert is_closed(service, instance)
    want(service, instance, suspended=False)
    outcome = run(service, instance, "resume")
    assert outcome.completed, outcome
    assert not is_closed(service, instance)
    assert sums(service, instance) == before
    subjects = [str(mail.message()["Subject"]) for mail in service.fleet.mails(mail_of(instance))]
    assert [one for one in subjects if "suspended" in one or "open again" in one] == [
        f"Your phlyMail is suspended ({instance.order_reference})", f"Your phlyMail is open again ({instance.order_reference})",
    ]  # fmt: skip


def mail_of(instance: InstanceFacts) -> str:
    return f"{instance.order_reference.lower()}@kunde.test"


def test_killed_after_any_step_the_next_run_brings_it_to_the_same_end(
    service: Service, instance: InstanceFacts
) -> None:
    for step in CLOSING:
        want(service, instance, suspended=True)
        assert run(service, instance, "suspend", Fault(step, "after")).state == "Killed", step
        assert run(service, instance, "suspend").completed, step
        assert is_closed(service, instance), step
        opening = OPENING[CLOSING.index(step) % len(OPENING)]
        want(service, instance, suspended=False)
        assert run(service, instance, "resume", Fault(opening, "after")).state == "Killed", opening
        assert run(service, instance, "resume").completed, opening
        assert not is_closed(service, instance), opening


def test_what_was_half_closed_as_its_rent_was_settled_is_opened(service: Service, instance: InstanceFacts) -> None:
    want(service, instance, suspended=True)
    assert run(service, instance, "suspend", Fault("ensure_site", "after")).state == "Killed"
    assert set(doors(service, instance).values()) == {503}
    want(service, instance, suspended=False)
    assert run(service, instance, "suspend").completed  # the late one closes nothing
    assert run(service, instance, "resume").completed
    assert not is_closed(service, instance)


def test_suspended_it_moves_and_is_restored_and_stays_so_until_it_is_opened_where_it_is_then(service: Service) -> None:
    """Nobody is let in on the way, on either server; what it has is what it had (P20, P24, P41)."""
    target = service.hosts[0]
    if target == service.host:
        pytest.skip("needs a second server")
    moves.known_by_name(service)
    instance = service.provision(language="en")
    on(service, LIVE, instance, InstanceLayout.of(instance).user, "0")
    before = sums(service, instance)
    assert back_up(service, instance, "full").completed
    want(service, instance, suspended=True)
    assert run(service, instance, "suspend").completed
    service.all_servers()
    move = moves.plan(service, instance, target)
    with watched(url_of(service.server(), instance)) as outside:
        moved = moves.run(service, move)
    assert [good for _, good in outside.seen if good] == []
    assert len(outside.seen) > 10
    assert moved.completed, moved
    assert (moves.facts(service, move).state, state(service, instance).server_name) == (MoveState.DONE, target)
    check_closed_everywhere(service, instance)
    assert moves.leftovers(service, instance, target) == moves.leftovers(service, instance, service.host) == []
    assert sums(service, instance) == before

    here = state(service, instance)
    on(service, LIVE, here, InstanceLayout.of(here).user, "1")
    restored = restore(service, here, points_of(service, here)[-1])
    assert restored.completed, restored
    check_closed_everywhere(service, instance)
    want(service, instance, suspended=False)
    assert run(service, instance, "resume").completed
    assert not is_closed(service, instance)
    assert set(doors(service, instance, service.host).values()) == set(doors(service, instance).values())  # passed on
    assert sums(service, instance) == before
