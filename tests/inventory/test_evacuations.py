"""A server is emptied as a record that goes on by itself: never more at once than is let, stopped, gone on with (P12)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import (
    cases,
    endings,
    evacuations,
    findings,
    instances,
    leases,
    moves,
    offers,
    retirement,
    servers,
    work,
)
from hosting.inventory.evacuation_rows import EvacuationFacts, EvacuationOrder, NotEmptied
from hosting.inventory.models import Instance
from hosting.inventory.retirement import StillInUse
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.agreements import Answer, NoWindow, WithoutAnswer
from hosting.policy.evacuation import CannotBeEmptied
from hosting.policy.inspection import FleetFinding, Look, Severity
from hosting.policy.placement import NoServerHasRoom, choose_server
from hosting.policy.states import EvacuationState, ForbiddenEdge, InstanceState, MoveState, ServerState, WorkState
from tests.inventory.words import HOUR, NOW, at_once, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from hosting.inventory.evacuations import Beat
    from hosting.inventory.moves import MoveFacts
    from hosting.policy.leaving import EndFacts

EMERGENCY = EvacuationOrder("app1", "both disks fail", emergency=True, parallel=2)
AGREED = EvacuationOrder("app1", "new provider", emergency=False, parallel=2)


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """Five instances of 25 GiB on app1; app2 and app3 take three each."""
    with_servers(inventory, server("app1", 200), server("app2", 75), server("app3", 75))
    return [opened(inventory, f"A-{number}", NOW) for number in range(5)]


def begun(inventory: Inventory, order: EvacuationOrder = EMERGENCY, now: object = NOW) -> EvacuationFacts:
    return in_transaction(inventory, lambda session: evacuations.begin(session, order, "olga", now))  # type: ignore[arg-type]


def beat(inventory: Inventory) -> Beat | None:
    return in_transaction(inventory, lambda session: evacuations.go_on(session, "app1", NOW, WithoutAnswer.NOTHING))


def under_way(inventory: Inventory) -> list[MoveFacts]:
    with inventory.reading() as session:
        return moves.all_moves(session, *moves.UNDER_WAY)


def ends(inventory: Inventory, move: MoveFacts, *, called_off: bool = False) -> None:
    """A move comes to its end."""
    to = (MoveState.COPYING, MoveState.CALLED_OFF) if called_off else (MoveState.COPYING, MoveState.FROZEN)
    for state in to:
        in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=state, now=NOW, finding="no PHP"))
    if not called_off:
        in_transaction(inventory, partial(moves.switch, move_id=move.id, evidence={}, now=NOW))
        in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=MoveState.DONE, now=NOW))


def state_of(inventory: Inventory, name: str = "app1") -> ServerState:
    with inventory.reading() as session:
        return servers.server_facts(session, name).state


def kinds(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.kind for one in cases.open_cases(session)]


def test_from_the_first_moment_the_server_takes_nothing_new(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    assert state_of(inventory) is ServerState.DRAINING
    with inventory.reading() as session, pytest.raises(NoServerHasRoom):
        choose_server(100, servers.all_servers(session))


def test_so_many_moves_begin_as_may_be_at_once_each_to_a_target_of_its_own(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    first = beat(inventory)
    assert first is not None
    assert len(first.begun) == 2
    found = under_way(inventory)
    assert {one.target_name for one in found} == {"app2", "app3"}
    assert all(one.without_backup and one.why == "evacuation 1: both disks fail" for one in found)
    with inventory.reading() as session:
        asked = [work.work_of(session, work.MOVE, str(one.id)) for one in found]
    assert [one and one.state for one in asked] == [WorkState.OPEN] * 2
    again = beat(inventory)
    assert again is not None
    assert again.begun == ()


def test_two_that_go_on_at_once_begin_no_more_than_one_would(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    at_once(*(partial(beat, inventory) for _ in range(4)))
    assert len(under_way(inventory)) == 2


def test_it_goes_on_move_after_move_until_nothing_is_left_and_asks_for_its_end(
    inventory: Inventory, names: list[str]
) -> None:
    facts = begun(inventory)
    for _ in range(10):
        told = beat(inventory)
        assert told is not None
        assert len(under_way(inventory)) <= 2
        if told.empty:
            break
        ends(inventory, under_way(inventory)[0])
    assert told.empty
    with inventory.reading() as session:
        asked = work.work_of(session, work.EVACUATE, facts.work_subject)
        here = {one.server_name for one in instances.all_instances(session)}
        assert all(one.free_gib >= 0 for one in servers.all_servers(session))
    assert asked is not None
    assert asked.state is WorkState.OPEN
    assert here == {"app2", "app3"}


def test_a_move_that_was_called_off_is_tried_again_only_by_an_operators_word(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    beat(inventory)
    failed = under_way(inventory)[0]
    ends(inventory, failed, called_off=True)
    for _ in range(5):
        beat(inventory)
        for move in under_way(inventory):
            ends(inventory, move)
    told = beat(inventory)
    assert told is not None
    assert [(one.instance, one.why) for one in told.plan.staying] == [
        (failed.instance_name, f"Its move {failed.id} was called off: no PHP")
    ]
    assert kinds(inventory) == [evacuations.STILL]
    beat(inventory)
    assert len(kinds(inventory)) == 1
    begun(inventory, now=NOW + HOUR)
    assert kinds(inventory) == []
    assert beat(inventory)
    assert [one.instance_name for one in under_way(inventory)] == [failed.instance_name]


def test_stopped_nothing_new_begins_and_what_has_not_begun_is_called_off(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    beat(inventory)
    at_work, waits = under_way(inventory)
    in_transaction(inventory, partial(moves.record_state, move_id=at_work.id, to=MoveState.COPYING, now=NOW))
    stopped = in_transaction(inventory, lambda session: evacuations.stop(session, "app1", "disks hold", "otto", NOW))
    assert stopped.state is EvacuationState.STOPPED
    assert [one.id for one in under_way(inventory)] == [at_work.id]
    assert beat(inventory) is None
    assert state_of(inventory) is ServerState.DRAINING
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(waits.id))
    assert asked is not None
    assert asked.state is WorkState.CANCELLED
    begun(inventory, now=NOW + HOUR)
    again = beat(inventory)
    assert again is not None
    assert len(again.begun) == 1


def test_by_agreement_every_customer_is_offered_times_once_and_nothing_moves_by_itself(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory, AGREED)
    for _ in range(3):
        beat(inventory)
    assert under_way(inventory) == []
    with inventory.reading() as session:
        found = {name: offers.offers_of(session, name) for name in names}
        assert all(one.free_gib >= 0 for one in servers.all_servers(session))
    assert {len(one) for one in found.values()} == {1}
    first, second = found[names[0]][0], found[names[1]][0]
    opens = first.windows[0].opens
    in_transaction(inventory, lambda session: offers.answer_offer(session, first.id, Answer.ACCEPT, NOW, opens=opens))
    in_transaction(inventory, lambda session: offers.answer_offer(session, second.id, Answer.DECLINE, NOW))
    told = beat(inventory)
    assert told is not None
    assert [(one.instance_name, one.due_at) for one in under_way(inventory)] == [(names[0], opens)]
    assert [(one.instance, one.why) for one in told.plan.staying] == [
        (names[1], "Its customer was offered times: declined.")
    ]
    assert len(told.plan.going) == 4


def set_state(inventory: Inventory, name: str, state: InstanceState) -> None:
    with inventory.writing() as session:
        session.get_one(Instance, name).state = state


def test_whatever_their_customers_choose_moves_into_one_server_come_one_after_the_other(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory, AGREED)
    beat(inventory)
    for name in names:
        with inventory.reading() as session:
            offer = offers.open_offer(session, name)
        assert offer is not None
        opens = offer.windows[0].opens
        in_transaction(
            inventory, partial(offers.answer_offer, offer_id=offer.id, said=Answer.ACCEPT, now=NOW, opens=opens)
        )
    found = under_way(inventory)
    assert len(found) == 5
    assert len({(one.target_name, one.due_at) for one in found}) == 5
    assert all(sum(one.due_at == other.due_at for other in found) <= AGREED.parallel for one in found)


def test_a_suspended_instance_moves_without_its_customer_being_asked(inventory: Inventory, names: list[str]) -> None:
    set_state(inventory, names[0], InstanceState.SUSPENDED)
    with inventory.reading() as session:
        plan = evacuations.preview(session, AGREED, NOW)
    assert (len(plan.moves), plan.staying) == (5, ())
    begun(inventory, AGREED)
    told = beat(inventory)
    assert told is not None
    assert len(told.begun) == 5
    [move] = under_way(inventory)
    assert (move.instance_name, move.without_backup) == (names[0], False)
    ends(inventory, move)
    with inventory.reading() as session:
        facts = instances.instance_facts(session, names[0])
    assert (facts.state, facts.server_name) == (InstanceState.SUSPENDED, move.target_name)


def over(inventory: Inventory, name: str) -> EndFacts:
    """An instance whose contract is over, and whose data are kept."""
    notice = partial(endings.give_notice, instance=name, wanted=None, by="olga", why="by mail", now=NOW)
    made = in_transaction(inventory, notice)
    ended = partial(endings.record_ended, number=made.id, evidence={}, now=made.effective_at)
    return in_transaction(inventory, ended)


@pytest.mark.parametrize("order", [EMERGENCY, AGREED])
def test_what_is_kept_after_its_contract_is_neither_moved_nor_offered_anything(
    inventory: Inventory, names: list[str], order: EvacuationOrder
) -> None:
    end = over(inventory, names[0])
    begun(inventory, order)
    told = beat(inventory)
    assert told is not None
    why = f"Its contract is over; it is deleted on {end.delete_on}."
    assert [(one.instance, one.why) for one in told.plan.staying] == [(names[0], why)]
    assert names[0] not in {one.instance for one in (*told.begun, *told.plan.moves)}
    hold = partial(endings.hold, instance=names[0], by="olga", why="a court", now=NOW)
    in_transaction(inventory, hold)
    told = beat(inventory)
    assert told is not None
    assert "on hold" in told.plan.staying[0].why


def test_what_is_being_deleted_keeps_no_lost_server_from_being_retired(inventory: Inventory, names: list[str]) -> None:
    end = over(inventory, names[0])
    begun(inventory)
    emptied(inventory)
    told = beat(inventory)
    assert told is not None
    assert not told.empty
    assert kinds(inventory) == ["evacuation stands still"]
    in_transaction(inventory, partial(endings.begin_deleting, number=end.id, now=end.delete_at))
    told = beat(inventory)
    assert told is not None
    assert told.empty
    retire = partial(retirement.record_retired, server="app1", successor="app2", now=NOW)
    assert in_transaction(inventory, retire).state is EvacuationState.DONE


def test_what_is_not_set_up_yet_is_placed_anew_unless_a_run_is_at_it(inventory: Inventory, names: list[str]) -> None:
    for name in names[:2]:
        set_state(inventory, name, InstanceState.RESERVED)
    minute = timedelta(minutes=1)
    in_transaction(
        inventory, lambda session: leases.acquire(session, names[0], "run 1", "provision", now=NOW, ttl=minute)
    )
    begun(inventory)
    told = beat(inventory)
    assert told is not None
    assert [one.instance for one in told.plan.staying] == [names[0]]
    with inventory.reading() as session:
        placed_on = instances.instance_facts(session, names[1]).server_name
    assert placed_on in {"app2", "app3"}
    with inventory.writing() as session, pytest.raises(instances.PlacedAnew, match=f"was placed on {placed_on}"):
        instances.stop_if_placed_anew(session, names[1], "app1")
    for _ in range(5):
        for move in under_way(inventory):
            ends(inventory, move)
        beat(inventory)
    assert kinds(inventory) == []  # it waits for the run
    after = NOW + 2 * minute
    last = in_transaction(inventory, lambda session: evacuations.go_on(session, "app1", after, WithoutAnswer.NOTHING))
    assert last is not None
    assert last.empty
    with inventory.reading() as session:
        assert instances.instance_facts(session, names[0]).server_name != "app1"
        instances.stop_if_placed_anew(session, names[1], placed_on)
        assert all(one.free_gib >= 0 for one in servers.all_servers(session))


def test_what_is_not_set_up_yet_and_fits_nowhere_is_told(inventory: Inventory, names: list[str]) -> None:
    set_state(inventory, names[0], InstanceState.RESERVED)
    for name in names[1:]:
        set_state(inventory, name, InstanceState.ENDED)
    for name in ("app2", "app3"):
        in_transaction(inventory, partial(servers.record_facts, name=name, facts={}, room_gib=20))
    begun(inventory)
    beat(inventory)
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert case.summary.endswith(f"{names[0]}: It is not set up yet: it is placed on another server with room, once no run is at it.")  # fmt: skip


def test_an_emergency_takes_back_what_waits_and_moves_it_now(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, AGREED)
    beat(inventory)
    with inventory.reading() as session:
        offer = offers.offers_of(session, names[0])[0]
    in_transaction(
        inventory,
        lambda session: offers.answer_offer(session, offer.id, Answer.ACCEPT, NOW, opens=offer.windows[0].opens),
    )
    with inventory.reading() as session:
        plan = evacuations.preview(session, EMERGENCY, NOW)
    assert (len(plan.moves), plan.going, plan.staying) == (5, (), ())  # the room that is kept for them is theirs
    begun(inventory, EMERGENCY, NOW + timedelta(minutes=5))
    with inventory.reading() as session:
        assert offers.open_offer(session, names[1]) is None
    told = in_transaction(
        inventory, lambda session: evacuations.go_on(session, "app1", NOW + HOUR, WithoutAnswer.NOTHING)
    )
    assert told is not None
    assert len(told.plan.moves) == 5
    assert len(under_way(inventory)) == 2


def test_what_can_not_be_is_refused_and_a_look_changes_nothing(inventory: Inventory, names: list[str]) -> None:
    with inventory.reading() as session:
        plan = evacuations.preview(session, EMERGENCY, NOW)
    assert len(plan.moves) == 5
    assert state_of(inventory) is ServerState.ACTIVE
    with pytest.raises(CannotBeEmptied, match="There is no server app9"):
        begun(inventory, EvacuationOrder("app1", "x", emergency=True, parallel=1, to=("app9",)))
    with pytest.raises(NotEmptied, match="Nobody empties app1"):
        in_transaction(inventory, lambda session: evacuations.stop(session, "app1", "x", "olga", NOW))
    assert beat(inventory) is None


def emptied(inventory: Inventory) -> None:
    for _ in range(10):
        told = beat(inventory)
        if told is None or told.empty:
            return
        for move in under_way(inventory):
            ends(inventory, move)


def test_a_server_is_retired_only_once_it_is_empty_and_another_one_answers_under_its_name(
    inventory: Inventory, names: list[str]
) -> None:
    facts = begun(inventory)
    raid = FleetFinding("app1", Look.RAID, "md1", Severity.GRAVE, "md1 of app1 is degraded.", "Replace it.")
    in_transaction(inventory, lambda session: findings.record_look(session, "app1", {Look.RAID}, [raid], NOW))
    retire = partial(retirement.record_retired, server="app1", successor="app2", now=NOW)
    with pytest.raises(StillInUse, match="app1 still has"):
        in_transaction(inventory, retire)
    emptied(inventory)
    done = in_transaction(inventory, retire)
    assert (done.id, done.state) == (facts.id, EvacuationState.DONE)
    assert state_of(inventory) is ServerState.RETIRED
    with inventory.reading() as session:
        gone = servers.server_facts(session, "app1")
        assert retirement.stand_in(session, gone).name == "app2"
        assert retirement.stand_in(session, servers.server_facts(session, "app3")).name == "app3"
        assert {one.name for one in retirement.told_under(session, "app1")} == set(names)
        assert moves.all_moves(session, MoveState.DONE) == []
        assert findings.standing(session, "app1") == []
        asked = work.work_of(session, work.EVACUATE, facts.work_subject)
    assert asked is not None
    assert asked.state is WorkState.DONE
    with pytest.raises(CannotBeEmptied, match="It is retired"):
        begun(inventory)


def test_whoever_stood_in_for_a_retired_server_hands_that_name_on_too(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    emptied(inventory)
    in_transaction(inventory, partial(retirement.record_retired, server="app1", successor="app2", now=NOW))
    in_transaction(
        inventory,
        lambda session: servers.set_server_state(session, "app2", ServerState.DRAINING, by="o", why="w", now=NOW),
    )
    with inventory.reading() as session:
        assert [one.name for one in retirement.names_answered(session, "app2")] == ["app2", "app1"]


def test_a_server_is_not_empty_before_its_last_move_is_at_its_end(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    told = None
    while told is None or under_way(inventory):
        told = beat(inventory)
        for move in under_way(inventory):
            for state in (MoveState.COPYING, MoveState.FROZEN):
                in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=state, now=NOW))
            in_transaction(inventory, partial(moves.switch, move_id=move.id, evidence={}, now=NOW))
            switched = beat(inventory)
            assert switched is not None
            assert not switched.empty
            in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=MoveState.DONE, now=NOW))
    last = beat(inventory)
    assert last is not None
    assert last.empty
    assert kinds(inventory) == []


def test_a_stopped_evacuation_does_not_end_in_a_retired_server(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    emptied(inventory)
    in_transaction(inventory, lambda session: evacuations.stop(session, "app1", "kept", "olga", NOW))
    with pytest.raises(ForbiddenEdge):
        in_transaction(inventory, partial(retirement.record_retired, server="app1", successor="app2", now=NOW))
    assert state_of(inventory) is ServerState.DRAINING


def test_where_a_customer_can_not_be_offered_any_time_the_others_are_and_a_person_is_told(
    inventory: Inventory, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = evacuations.offers.offer_windows

    def without_time(session: object, instance: str, *words: object, **more: object) -> object:
        if instance == names[0]:
            raise NoWindow("Its terms leave no time for a move.", "Agree on one by phone.")
        return plain(session, instance, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(evacuations.offers, "offer_windows", without_time)
    begun(inventory, AGREED)
    first = beat(inventory)
    assert first is not None
    assert len(first.begun) == 4
    for name in names[1:]:
        in_transaction(inventory, partial(offers.withdraw_offer, instance=name, why="no", by="olga", now=NOW))
        move = in_transaction(
            inventory,
            partial(
                moves.plan_move, instance=name, target="app2" if names.index(name) % 2 else "app3", why="phone", by="olga",
                due_at=NOW, without_backup=True, now=NOW,
            ),
        )  # fmt: skip
        ends(inventory, move)
    assert beat(inventory)
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert case.kind == evacuations.STILL
    assert case.summary == (
        f"1 instance stays on app1, which is being emptied. {names[0]}: Its terms leave no time for a move. "
        "Agree on one by phone."
    )
