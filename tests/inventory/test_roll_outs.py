"""A roll-out is a record that outlives its runs: begun once, gone on with, halted, resumed, left out, given up (P17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import (
    announcements,
    cases,
    deeds,
    instances,
    leases,
    probes,
    roll_out_turns,
    roll_outs,
    server_updates,
)
from hosting.inventory.probes import Timed
from hosting.inventory.releases import add_release
from hosting.inventory.roll_out_rows import RollOutFacts, RollOutOrder, UnknownRollOut, subject_of
from hosting.inventory.roll_outs import HALTED, RollOutStands, RollOutUnderWay
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.announcements import Times, Update, UpdateKind, UpdateReason
from hosting.policy.maintenance import Window
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.roll_outs import CannotRollOut, Going, RollOutState, UpdateState
from hosting.policy.values import InstanceName, ReleaseId
from tests.inventory.words import HOUR, NOW, RELEASE, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import UpdateFacts
    from hosting.policy.announcements import Announced

LATER = replace(RELEASE, id=ReleaseId("cd" * 32), build=40471, version="4.04.71")
MINUTE = timedelta(minutes=1)
ORDER = RollOutOrder(LATER.id, "it is the newest", canaries=("app1",))


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """Two instances on app1, the canaries, and two on app2; the later release is registered."""
    with_servers(inventory, server("app1", 200), server("app2", 200))
    made = [opened(inventory, f"A-{number}", NOW, f"app{1 + number // 2}") for number in range(4)]
    in_transaction(inventory, lambda session: add_release(session, LATER, "olga", NOW))
    return made


def begun(inventory: Inventory, order: RollOutOrder = ORDER) -> RollOutFacts:
    return in_transaction(inventory, lambda session: roll_outs.begin(session, order, "olga", NOW))


def going(inventory: Inventory, number: int = 1) -> Going:
    return in_transaction(inventory, lambda session: roll_outs.go_on(session, number, NOW))


def comes(inventory: Inventory, name: str, *states: UpdateState, **more: Any) -> UpdateFacts | None:
    last = None
    for state in states:
        last = in_transaction(
            inventory, partial(roll_outs.record_state, number=1, instance=name, state=state, now=NOW, **more)
        )
    return last


def state_of(inventory: Inventory) -> RollOutState:
    with inventory.reading() as session:
        return roll_outs.roll_out_facts(session, 1).state


def open_halts(inventory: Inventory) -> int:
    with inventory.reading() as session:
        return sum(one.kind == HALTED for one in cases.open_cases(session))


def test_one_roll_out_is_under_way_at_a_time(inventory: Inventory, names: list[str]) -> None:
    facts = begun(inventory)
    assert (facts.state, facts.release.id, facts.by) == (RollOutState.OPEN, LATER.id, "olga")
    with pytest.raises(RollOutUnderWay):
        begun(inventory)
    with inventory.reading() as session:
        assert [(one.instance, one.ring, one.server) for one in roll_outs.updates_of(session, 1)] == [
            (names[0], 0, "app1"), (names[1], 0, "app1"), (names[2], 1, "app2"), (names[3], 1, "app2")
        ]  # fmt: skip
        assert [one.what for one in deeds.deeds_of(session, subject_of(1))] == ["roll-out begun"]


def test_nothing_is_recorded_where_nobody_is_behind(inventory: Inventory, names: list[str]) -> None:
    with pytest.raises(CannotRollOut):
        begun(inventory, replace(ORDER, release=RELEASE.id, canaries=()))
    with inventory.reading() as session:
        assert roll_outs.all_roll_outs(session) == []
        with pytest.raises(UnknownRollOut):
            roll_outs.roll_out_facts(session, 1)


def test_it_goes_through_its_rings_and_is_done(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    assert going(inventory).servers == ("app1",)
    for name in names[:2]:
        comes(inventory, name, UpdateState.PREPARING, UpdateState.STOPPED, UpdateState.OPENED, UpdateState.DONE)
    assert going(inventory).servers == ("app2",)
    comes(inventory, names[2], UpdateState.DONE)
    comes(inventory, names[3], UpdateState.SKIPPED)
    assert going(inventory).servers == ()
    assert state_of(inventory) is RollOutState.DONE
    with inventory.reading() as session:
        assert roll_outs.with_work(session) == []
    assert begun(inventory, replace(ORDER, canaries=())).id == 2


def test_what_is_told_of_an_instance_adds_up(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    comes(inventory, names[0], UpdateState.PREPARING, evidence={"point": "p1"})
    comes(inventory, names[0], UpdateState.STOPPED, evidence={"way": {}}, outage_seconds=1.4)
    last = comes(inventory, names[0], UpdateState.PREPARING, finding="no answer")
    assert last is not None
    assert (last.attempts, last.outage_seconds, last.finding) == (2, 1.4, "no answer")
    assert (last.evidence, last.begun_at, last.ended_at) == ({"point": "p1", "way": {}}, NOW, None)
    comes(inventory, names[0], UpdateState.FAILED, finding="it broke")
    with inventory.reading() as session:
        told = deeds.deeds_of(session, instances.subject_of(names[0]))[-1]
    assert (told.what, told.why, told.evidence["outage_seconds"]) == ("update failed", "it broke", 1.4)


def test_a_canary_that_fails_halts_it_once_and_only_an_operator_lets_it_go_on(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    comes(inventory, names[0], UpdateState.FAILED)
    for _ in range(2):
        assert going(inventory).servers == ()
    assert (state_of(inventory), open_halts(inventory)) == (RollOutState.HALTED, 1)
    with inventory.reading() as session:
        assert roll_outs.may_begin(session, 1, names[1]) is None
    in_transaction(inventory, lambda session: roll_outs.resume(session, 1, "known", "olga", NOW + HOUR))
    assert (state_of(inventory), open_halts(inventory)) == (RollOutState.OPEN, 0)
    assert going(inventory).servers == ("app1",)
    with pytest.raises(RollOutStands):
        in_transaction(inventory, lambda session: roll_outs.resume(session, 1, "again", "olga", NOW))


THROUGH = (UpdateState.PREPARING, UpdateState.STOPPED, UpdateState.OPENED, UpdateState.DONE)


def probed(inventory: Inventory, name: str, answer: Answer, first: int, last: int) -> None:
    """A probe from outside in each minute, from one on and before another."""
    found = [
        Timed(Probe(InstanceName(name), Vantage.OUTSIDE, answer, NOW + number * MINUTE), MINUTE)
        for number in range(first, last)
    ]
    in_transaction(inventory, lambda session: probes.record_probes(session, found))


def goes_at(inventory: Inventory, minutes: int) -> Going:
    return in_transaction(inventory, lambda session: roll_outs.go_on(session, 1, NOW + minutes * MINUTE))


def unjudged(inventory: Inventory) -> list[int]:
    with inventory.reading() as session:
        done = deeds.deeds_of(session, subject_of(1))
    return [one.evidence["ring"] for one in done if one.what == roll_outs.NOT_JUDGED]


def test_the_next_ring_waits_until_the_probers_have_asked_and_no_longer_than_three_of_their_rounds(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    for name in names:
        probed(inventory, name, Answer.UP, -30, 0)
    for name in names[:2]:
        comes(inventory, name, *THROUGH)
    assert goes_at(inventory, 0) == Going(0)
    for name in names[:2]:
        probed(inventory, name, Answer.UP, 1, 2)
    assert goes_at(inventory, 1) == Going(0)  # two can't say it
    probed(inventory, names[0], Answer.UP, 2, 3)
    assert goes_at(inventory, 2) == Going(1, ("app2",))
    assert unjudged(inventory) == []
    for name in names[2:]:
        comes(inventory, name, *THROUGH)
    assert goes_at(inventory, 2) == Going(1)  # the probers are away
    assert state_of(inventory) is RollOutState.OPEN
    assert goes_at(inventory, 3).done
    assert (state_of(inventory), unjudged(inventory)) == (RollOutState.DONE, [1])
    with inventory.reading() as session:
        said = roll_outs.roll_out_facts(session, 1).finding
    assert said == "All rings are through. Not judged by probes: ring 1."


def test_where_nobody_probes_no_ring_waits_and_the_record_says_that_it_was_not_judged(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    for name in names[:2]:
        comes(inventory, name, *THROUGH)
    for _ in range(2):
        assert goes_at(inventory, 0) == Going(1, ("app2",))
    assert unjudged(inventory) == [0]


def test_a_reboot_or_an_update_of_its_server_is_no_error_of_the_release(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    probed(inventory, names[0], Answer.UP, -30, 0)
    for name in names[:2]:
        comes(inventory, name, *THROUGH)
    probed(inventory, names[0], Answer.UP, 1, 10)
    probed(inventory, names[0], Answer.UNREACHABLE, 10, 16)  # it is rebooted for six minutes
    update = Update("server:reboot:app1:b0", UpdateKind.SERVER, UpdateReason.SECURITY, urgent=True)
    turn = {names[0]: Times(Window(NOW + 10 * MINUTE, NOW + HOUR), 120)}

    def rebooted(session: Session) -> None:
        announcements.announce(session, update, turn, by="olga", reason="x", now=NOW)
        announcements.record_begun(session, update.key, names[0], NOW + 10 * MINUTE)

    in_transaction(inventory, rebooted)
    assert goes_at(inventory, 16).servers == ("app2",)
    ended = partial(announcements.record_ended, key=update.key, instance=names[0], stopped_seconds=360)
    in_transaction(inventory, lambda session: ended(session, now=NOW + 16 * MINUTE))
    assert goes_at(inventory, 30).servers == ("app2",)
    probed(inventory, names[0], Answer.BROKEN, 31, 35)  # that is its own
    assert "of the probes of ring 0 fail since its update" in goes_at(inventory, 35).halt


def test_a_night_s_update_of_the_server_is_no_error_of_the_release(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    probed(inventory, names[0], Answer.UP, -30, 0)
    for name in names[:2]:
        comes(inventory, name, *THROUGH)
    probed(inventory, names[0], Answer.UNREACHABLE, 3, 8)
    seen = partial(deeds.record, by="service", what=server_updates.UPDATED, subject="server:app1", now=NOW + 8 * MINUTE)
    in_transaction(inventory, lambda session: seen(session, evidence={"seconds": 300.0}))
    assert goes_at(inventory, 20).servers == ("app2",)


def test_a_ring_that_answers_worse_since_its_update_halts_it_until_an_operator_lets_it_go_on(
    inventory: Inventory, names: list[str]
) -> None:
    goes = partial(goes_at, inventory)
    begun(inventory)
    probed(inventory, names[0], Answer.UP, -30, 0)
    for name in names[:2]:
        comes(inventory, name, *THROUGH)
    probed(inventory, names[0], Answer.BROKEN, 1, 3)
    assert goes(3).servers == ("app2",)  # twice is a hiccup
    probed(inventory, names[0], Answer.BROKEN, 3, 5)
    assert goes(5).halt == ("100 % of the probes of ring 0 fail since its update, 0 % did before; 5 % more are borne.")
    assert (state_of(inventory), open_halts(inventory)) == (RollOutState.HALTED, 1)
    in_transaction(inventory, lambda session: roll_outs.resume(session, 1, "the line", "olga", NOW + HOUR))
    assert goes(6).servers == ("app2",)


def test_what_a_run_has_begun_is_gone_on_with_though_it_was_halted_or_given_up(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory)
    comes(inventory, names[0], UpdateState.PREPARING, UpdateState.STOPPED)
    in_transaction(inventory, lambda session: roll_outs.halt(session, 1, "wait", "olga", NOW))
    assert going(inventory) == Going(None, ("app1",))
    in_transaction(inventory, lambda session: roll_outs.abort(session, 1, "no more", "olga", NOW))
    with inventory.reading() as session:
        assert [one.id for one in roll_outs.with_work(session)] == [1]
        assert roll_outs.may_begin(session, 1, names[0]) is not None
        assert roll_outs.may_begin(session, 1, names[1]) is None
        assert [one.state for one in roll_outs.updates_of(session, 1)] == [
            UpdateState.STOPPED, UpdateState.SKIPPED, UpdateState.SKIPPED, UpdateState.SKIPPED
        ]  # fmt: skip
    comes(inventory, names[0], UpdateState.FAILED)
    with inventory.reading() as session:
        assert roll_outs.with_work(session) == []
    with pytest.raises(RollOutStands):
        in_transaction(inventory, lambda session: roll_outs.abort(session, 1, "again", "olga", NOW))


@pytest.mark.parametrize("state", [UpdateState.PREPARING, UpdateState.STOPPED, UpdateState.OPENED])
def test_an_instance_can_be_left_out_while_nobody_works_on_it(
    inventory: Inventory, names: list[str], state: UpdateState
) -> None:
    begun(inventory)
    comes(inventory, names[0], state)
    key = roll_outs.half_done_key(1, names[0], state)
    put = partial(cases.raise_case, key=key, kind=cases.NOT_DONE, subject="x", summary="x", facts={}, now=NOW)
    in_transaction(inventory, put)
    hold = partial(leases.acquire, instance=names[0], owner="run", purpose="update", now=NOW, ttl=HOUR)
    in_transaction(inventory, hold)
    skip = partial(roll_outs.skip, number=1, why="its customer asked", by="olga")
    with pytest.raises(RollOutStands):
        in_transaction(inventory, lambda session: skip(session, instance=names[0], now=NOW))
    for one, at in ((names[1], NOW), (names[0], NOW + HOUR)):
        left = in_transaction(inventory, partial(skip, instance=one, now=at))
        assert (left.state, left.finding) == (UpdateState.SKIPPED, "its customer asked (olga)")
    with inventory.reading() as session:
        assert cases.open_cases(session) == []
    comes(inventory, names[2], UpdateState.DONE)
    with pytest.raises(RollOutStands):
        in_transaction(inventory, partial(skip, instance=names[2], now=NOW))


def test_a_turn_of_which_its_customer_was_told_is_planned_anew_after_it_was_gone_back_from(
    inventory: Inventory, names: list[str]
) -> None:
    facts = begun(inventory, replace(ORDER, stop_most_seconds=1800))

    def turn() -> Announced:
        with inventory.reading() as session:
            found = announcements.announced(session, roll_out_turns.update_of(facts).key, names[0])
        assert found is not None
        return found

    first = turn()
    assert not first.silent
    comes(inventory, names[0], UpdateState.PREPARING, UpdateState.STOPPED)
    assert turn().begun_at == NOW
    comes(inventory, names[0], UpdateState.WAITING, outage_seconds=3.0)
    assert turn().begun_at is None
    over = first.times.window.closes + HOUR
    in_transaction(inventory, lambda session: roll_outs.go_on(session, 1, over))
    assert turn().times.window.opens > over


def test_who_waits_and_has_moved_is_updated_where_he_is(inventory: Inventory, names: list[str]) -> None:
    begun(inventory)
    in_transaction(inventory, lambda session: instances.record_server(session, names[0], "app2", "moved", NOW))
    assert going(inventory).servers == ("app1", "app2")


def test_what_an_aborted_one_left_half_done_is_begun_by_no_other_until_it_is_at_its_end(
    inventory: Inventory, names: list[str]
) -> None:
    """What it kept is the only way back, and an update makes room for its own."""
    begun(inventory)
    name = names[0]
    comes(inventory, name, UpdateState.PREPARING, UpdateState.STOPPED)
    in_transaction(inventory, lambda session: roll_outs.abort(session, 1, "withdrawn", "olga", NOW))
    other = begun(inventory)

    def may_begin() -> bool:
        return in_transaction(inventory, lambda session: roll_outs.may_begin(session, other.id, name)) is not None

    assert not may_begin()
    comes(inventory, name, UpdateState.FAILED)
    assert may_begin()
