"""What a move left on its source serves again by an operator's word; what was changed since is counted, lost, kept (P24)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import former_homes, kept_source, letters
from hosting.inventory.session import in_transaction
from hosting.policy.states import MoveState
from tasks.kept_source import preview
from tests.service import moves
from tests.service.customer import site
from tests.service.moves import Sides, check_moved
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.customer import Site
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


@pytest.fixture(scope="module")
def sides(service: Service) -> Sides:
    """The two hosts; instances begin on the first."""
    moves.known_by_name(service)
    service.only_server(service.hosts[0])
    return Sides(service, service.hosts[0], service.hosts[1])


def with_user(service: Service, instance: InstanceFacts, user: str) -> Site:
    """The instance with a user who has a file of his name."""
    at = site(service, instance)
    assert at.log_in(service.secret(instance, "root_admin")).status_code == 302
    at.make_user(user)
    put = at.ask(at.file(user, user), "PUT", auth=at.digest(user), content=user.encode())
    assert put.status_code in {201, 204}
    return at


LARGE = (
    "CREATE TABLE phlymail_large (id INT PRIMARY KEY, body TEXT, more INT NULL);"
    "INSERT INTO phlymail_large SELECT seq, MD5(seq), IF(seq % 2, seq, NULL) FROM seq_1_to_100000;"
)
SINCE = (
    "UPDATE phlymail_large SET more = 0 WHERE id IN (2, 4, 6, 8);"  # NULL until then
    "DELETE FROM phlymail_large WHERE id > 99997;"
    "INSERT INTO phlymail_large SELECT seq, '', NULL FROM seq_200001_to_200005;"
)


def with_large_table(service: Service, instance: InstanceFacts, sides: Sides) -> None:
    """A table on both sides, of which the target has changed four rows, deleted three and added five since."""
    for host, statements in ((sides.source, LARGE), (sides.target, LARGE + SINCE)):
        service.on(f'mariadb phm_{instance.name} -e "{statements}"', host)


def has_file(at: Site, user: str) -> bool:
    """Whether a user has his file."""
    return at.ask(at.file(user, user), auth=at.digest(user)).content == user.encode()


@pytest.mark.timeout(600)
def test_the_kept_state_serves_again_and_what_was_changed_since_is_kept_aside(service: Service, sides: Sides) -> None:
    made = service.provision()
    service.all_servers()
    before = with_user(service, made, "before")
    there = moves.plan(service, made, sides.target)
    check_moved(sides, made, moves.run(service, there), there.id)
    owes = partial(former_homes.record_owed, move_id=there.id, finding="It was silent.", now=datetime.now(UTC))
    in_transaction(service.inventory, owes)
    looked = service.runner.run(Plan(flow="flows.see_to_former_homes.see_to_former_homes"))
    assert looked.completed, looked
    nothing = preview(made.name).loss  # refused, as long as something is owed
    assert nothing.files_lost == nothing.files_back == 0
    with_large_table(service, made, sides)
    large = preview(made.name).loss
    assert (large.rows_lost - nothing.rows_lost, large.rows_back - nothing.rows_back) == (4 + 5, 4 + 3)
    assert set(large.tables) == {*nothing.tables, "phlymail_large"}
    after = with_user(service, moves.now_on(service, made), "after")
    found = preview(made.name)
    sys.stdout.write(f"{found.loss} {', '.join(found.loss.tables)}\n")
    assert found.loss.rows_lost >= 1
    assert found.loss.files_lost >= 1
    back = in_transaction(
        service.inventory,
        lambda session: kept_source.plan_return(
            session, made.name, "tests", found.loss, by="test", now=found.move.due_at
        ),
    )
    for step, serves in (("ensure_source_fenced", sides.target), ("ensure_kept_let_in", sides.source)):
        killed = moves.run(service, back, Fault(step, "after"))  # before the switch, and after it
        assert killed.state == "Killed", killed
        assert moves.serving(service, made) in ([], [serves])
    outcome = moves.run(service, back)
    assert outcome.completed, outcome
    assert moves.serving(service, made) == [sides.source]
    assert moves.crons_on(service, made) == [sides.source]
    now = site(service, moves.now_on(service, made))
    now.users = before.users | after.users
    assert has_file(now, "before")
    assert not has_file(now, "after")
    old = site(service, moves.now_on(service, made))
    assert old.ask("api.php").status_code == 401
    kept = f"mariadb -NBe \"SELECT username FROM phm_{made.name}.phlymail_user WHERE username = 'after'\""
    assert service.on(kept, sides.target).strip() == "after"
    assert "has moved to" in moves.site_of(service, made, sides.target)
    done = moves.facts(service, back)
    assert (done.state, moves.facts(service, there).state) == (MoveState.DONE, MoveState.RETIRED)
    assert done.stop_seconds is not None
    sys.stdout.write(f"closed {done.stop_seconds} s\n")
    with service.inventory.reading() as session:
        assert letters.letter_sent(session, f"moved:{back.id}")
        assert kept_source.kept_move(session, made.name).id == back.id
