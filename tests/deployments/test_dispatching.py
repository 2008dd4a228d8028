"""Records become runs, once; runs that came to nothing are seen to."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Cancelled, Completed, Crashed, Failed, State
from sqlalchemy.orm import Session

from hosting.errors import Unreachable
from hosting.inventory import cases, closed_moves, deeds, moves, work
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.attempts import Verdict
from hosting.policy.states import MoveState, WorkState
from tasks.run_ends import settle_ended
from tasks.runs import Dispatched, dispatch
from tests.deployments.service import Service
from tests.inventory.words import server, with_servers
from tests.service.ports import free_port
from tests.service.records import opened

NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + timedelta(hours=20)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    """An inventory apart from the service's own, so that only the test dispatches from it."""
    made = Inventory(f"sqlite:///{tmp_path / 'inventory.db'}")
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def client(service: Service) -> Iterator[SyncPrefectClient]:
    with service.client() as opened:
        yield opened


@pytest.fixture
def order(inventory: Inventory) -> str:
    """A paid order whose set-up is due much later, so that the worker leaves its run alone."""
    reference = f"T-{uuid.uuid4().hex[:8]}"
    with inventory.writing() as session:
        work.ask_for(session, work.PROVISION, reference, LATER, by="test", now=NOW)
    return reference


def facts(inventory: Inventory, order: str) -> work.WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, work.PROVISION, order)
    assert found is not None
    return found


def end_run(client: SyncPrefectClient, run: str, state: State) -> None:
    client.set_flow_run_state(UUID(run), state, force=True)


@pytest.mark.prefect
def test_work_is_a_scheduled_run_as_soon_as_it_is_recorded(
    inventory: Inventory, order: str, client: SyncPrefectClient
) -> None:
    (made,) = dispatch(inventory, NOW, client)
    run = client.read_flow_run(UUID(made.flow_run_id))
    assert run.name == f"provision-instance {order}"
    assert run.state is not None
    assert run.state.type.value == "SCHEDULED"
    assert run.expected_start_time == LATER
    assert run.parameters == {"request": {"order": order}}
    assert run.work_queue_name == "interactive"
    assert facts(inventory, order).state is WorkState.DISPATCHED


@pytest.mark.prefect
def test_a_servers_backups_wait_where_they_keep_nobody_waiting(inventory: Inventory, client: SyncPrefectClient) -> None:
    with inventory.writing() as session:
        work.ask_for(session, work.BACK_UP_SERVER, "app1@2026-11-26T22:30Z", LATER, by="test", now=NOW)
    (made,) = dispatch(inventory, NOW, client)
    run = client.read_flow_run(UUID(made.flow_run_id))
    assert run.parameters == {"request": {"server": "app1"}}
    assert run.work_queue_name == "bulk"
    client.delete_flow_run(run.id)


@pytest.mark.prefect
def test_work_gets_one_run_however_many_dispatch_it_at_once(
    inventory: Inventory, order: str, service: Service, client: SyncPrefectClient
) -> None:
    def dispatch_alone(_: int) -> list[Dispatched]:
        with service.client() as own:  # as every process has its own
            return dispatch(inventory, NOW, own)

    with ThreadPoolExecutor(4) as threads:
        made = [one for many in threads.map(dispatch_alone, range(4)) for one in many]
    assert len({one.flow_run_id for one in made}) == 1
    assert dispatch(inventory, NOW, client) == []


@pytest.mark.prefect
def test_a_run_that_was_made_but_not_recorded_is_found_again(
    inventory: Inventory, order: str, client: SyncPrefectClient
) -> None:
    (first,) = dispatch(inventory, NOW, client)
    with inventory.writing() as session:
        session.get_one(work.Work, facts(inventory, order).id).state = WorkState.OPEN
    (second,) = dispatch(inventory, NOW, client)
    assert second.flow_run_id == first.flow_run_id


@pytest.mark.prefect
def test_a_lost_run_is_made_again(inventory: Inventory, order: str, client: SyncPrefectClient) -> None:
    (lost,) = dispatch(inventory, LATER, client)
    client.delete_flow_run(UUID(lost.flow_run_id))
    (settled,) = settle_ended(inventory, LATER, client)
    assert (settled.verdict, settled.finding) == (Verdict.AGAIN, "The run is not there any more.")
    assert settle_ended(inventory, LATER, client) == []
    (again,) = dispatch(inventory, LATER, client)
    assert again.flow_run_id != lost.flow_run_id
    assert facts(inventory, order).attempt == 2
    client.delete_flow_run(UUID(again.flow_run_id))


@pytest.mark.prefect
@pytest.mark.parametrize("state", [Crashed(message="killed"), Completed()], ids=["crashed", "ended without doing it"])
def test_work_is_tried_three_times_more_then_put_before_a_person(
    inventory: Inventory, order: str, client: SyncPrefectClient, state: State
) -> None:
    verdicts = []  # all of it much later: runs that are due now would be taken up by the worker
    for _ in range(4):
        (made,) = dispatch(inventory, LATER, client)
        end_run(client, made.flow_run_id, state)
        verdicts += [one.verdict for one in settle_ended(inventory, LATER, client)]
    assert verdicts == [Verdict.AGAIN] * 3 + [Verdict.ASK_A_PERSON]
    assert facts(inventory, order).state is WorkState.FAILED
    with inventory.reading() as session:
        (case,) = cases.open_cases(session)
        told = deeds.deeds_of(session, f"work:provision-instance:{order}")
    assert order in case.summary
    assert len(told) == 3


@pytest.mark.prefect
@pytest.mark.parametrize(
    "state", [Failed(message="app1 is full."), Cancelled()], ids=["failed", "cancelled by a person"]
)
def test_a_persons_matter_is_not_tried_again(
    inventory: Inventory, order: str, client: SyncPrefectClient, state: State
) -> None:
    (made,) = dispatch(inventory, NOW, client)
    end_run(client, made.flow_run_id, state)
    (settled,) = settle_ended(inventory, NOW, client)
    assert settled.verdict is Verdict.ASK_A_PERSON
    assert facts(inventory, order).state is WorkState.FAILED
    assert dispatch(inventory, NOW, client) == []


@pytest.mark.prefect
def test_a_run_that_its_worker_forgot_is_ended_and_made_again(
    inventory: Inventory, order: str, client: SyncPrefectClient
) -> None:
    from prefect.states import Pending

    (made,) = dispatch(inventory, NOW, client)
    end_run(client, made.flow_run_id, Pending())
    assert settle_ended(inventory, datetime.now(UTC), client) == []
    (settled,) = settle_ended(inventory, datetime.now(UTC) + timedelta(minutes=11), client)
    assert settled.verdict is Verdict.AGAIN
    assert client.read_flow_run(UUID(made.flow_run_id)).state_type == "CRASHED"


@pytest.mark.prefect
def test_a_run_that_gives_no_sign_of_life_is_ended_and_made_again(
    inventory: Inventory, order: str, client: SyncPrefectClient
) -> None:
    from prefect.states import Running

    (made,) = dispatch(inventory, NOW, client)
    end_run(client, made.flow_run_id, Running())
    assert settle_ended(inventory, datetime.now(UTC) + timedelta(minutes=9), client) == []
    (settled,) = settle_ended(inventory, datetime.now(UTC) + timedelta(minutes=11), client)
    assert settled.verdict is Verdict.AGAIN


@pytest.mark.prefect
@pytest.mark.parametrize("end", ["cancelled", "failed", "silent", "being cancelled by nobody"])
def test_where_an_instance_is_closed_the_next_run_is_made_at_once_whatever_became_of_the_one_before(
    inventory: Inventory, client: SyncPrefectClient, end: str
) -> None:
    from prefect.states import Cancelling, Running

    number = frozen_move(inventory, LATER)
    others = [one for one in dispatch(inventory, LATER, client) if one.work.kind != work.MOVE]
    made = run_of_move(inventory, number)
    ends = {"cancelled": Cancelled(), "failed": Failed(message="KeyError"), "silent": Running()}
    if end not in ends:
        end_run(client, made, Running())  # one that nobody has begun is cancelled at once
    end_run(client, made, ends.get(end, Cancelling()))
    ended = end in {"cancelled", "failed"}
    now = datetime.now(UTC) + timedelta(seconds=90)
    settled = settle_ended(inventory, now, client)
    assert [one.verdict for one in settled] == [Verdict.ASK_A_PERSON if ended else Verdict.AGAIN]
    hurried = in_transaction(inventory, lambda session: closed_moves.go_on_at_once(session, now))
    (again,) = dispatch(inventory, now, client)
    assert hurried == ([number] if ended else [])  # others are tried again within half a minute anyway
    assert again.work.attempt == 2
    run = client.read_flow_run(UUID(again.flow_run_id))
    assert run.expected_start_time is not None
    assert run.expected_start_time <= now + timedelta(seconds=30)
    for run_id in (made, again.flow_run_id, *(one.flow_run_id for one in others)):
        client.delete_flow_run(UUID(run_id))


def run_of_move(inventory: Inventory, number: int) -> str:
    """The run that was made for a move."""
    with inventory.reading() as session:
        found = work.work_of(session, work.MOVE, str(number))
    assert found is not None
    assert found.flow_run_id is not None
    return found.flow_run_id


def frozen_move(inventory: Inventory, at: datetime) -> int:
    """A move whose instance is closed, with its work."""
    with_servers(inventory, server("app1", 200), server("app2", 100))
    name = opened(inventory, "A-1", NOW)

    def freeze(session: Session) -> int:
        made = moves.plan_move(session, name, "app2", "phone", "olga", at, without_backup=False, now=at)
        work.ask_for(session, work.MOVE, str(made.id), at, by="olga", now=at)
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, made.id, state, at)
        return made.id

    return in_transaction(inventory, freeze)


def test_without_prefect_the_work_waits(inventory: Inventory, order: str) -> None:
    nobody = SyncPrefectClient(f"http://127.0.0.1:{free_port()}/api")
    with nobody, pytest.raises(Unreachable, match="stays recorded"):
        dispatch(inventory, NOW, nobody)
    assert facts(inventory, order).state is WorkState.OPEN
