"""Times that are offered for a move: offered once, answered once, agreed on by whoever is first (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.errors import Refused
from hosting.inventory import cases, deeds, instances, move_moments, moves, offers, servers, work
from hosting.inventory.links import LinkExpired
from hosting.inventory.move_turns import Timetable
from hosting.inventory.moves import MoveNotPlanned, MovePutOff, MoveUnderWay
from hosting.inventory.offer_rows import UnknownOffer
from hosting.inventory.offers import NothingOffered, NothingToOffer, OfferAnswered, OfferOpen, WindowNotOffered
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.agreements import Answer, WithoutAnswer
from hosting.policy.move_plan import Sizes
from hosting.policy.move_turns import TURN, Turn
from hosting.policy.placement import choose_server
from hosting.policy.states import MoveState, OfferState, ServerState, WorkState
from hosting.policy.terms import STANDARD
from hosting.policy.values import ServerName
from tests.inventory.words import HOUR, NOW, RELEASE, at_once, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from hosting.inventory.offer_rows import OfferFacts
    from hosting.policy.values import InstanceFacts

DAY = timedelta(days=1)
END = NOW + STANDARD.move_notice


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance of 25 GiB on app1; app2 and app3 are empty."""
    with_servers(inventory, server("app1", 200), server("app2", 100), server("app3", 50))
    take(inventory, placed("A-1"), received("money", order="A-1"))

    def reserve(session: Session) -> InstanceFacts:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {})

    return in_transaction(inventory, reserve).name


def offered(inventory: Inventory, name: str, target: str = "app2", **changes: Any) -> OfferFacts:
    given = {"by": "olga", "now": NOW, **changes}
    return in_transaction(
        inventory, lambda session: offers.offer_windows(session, name, target, "app1 is full soon", **given)
    )


def answered(inventory: Inventory, offer: OfferFacts, said: Answer, **changes: Any) -> OfferFacts:
    given = {"now": NOW + DAY, **changes}
    return in_transaction(inventory, partial(offers.answer_offer, offer_id=offer.id, said=said, **given))


def accepted(inventory: Inventory, offer: OfferFacts, number: int = 1) -> OfferFacts:
    return answered(inventory, offer, Answer.ACCEPT, opens=offer.windows[number].opens)


def agreed(inventory: Inventory, name: str, target: str = "app2") -> OfferFacts:
    return in_transaction(
        inventory,
        lambda session: offers.agree_by_word(
            session, name, target, NOW + 2 * DAY, "by phone, 24 Nov", by="olga", now=NOW + DAY
        ),
    )


def closed(inventory: Inventory, offer: OfferFacts) -> OfferFacts:
    return in_transaction(inventory, partial(offers.close_unanswered, offer_id=offer.id, now=END))


def read(inventory: Inventory, function: Callable[[Session], Any]) -> Any:
    with inventory.reading() as session:
        return function(session)


def move_of(inventory: Inventory, offer: OfferFacts) -> moves.MoveFacts:
    assert offer.move_id is not None
    number = offer.move_id
    return read(inventory, lambda session: moves.move_facts(session, number))


def work_of(inventory: Inventory, offer: OfferFacts) -> work.WorkFacts:
    return read(inventory, lambda session: work.work_of(session, work.MOVE, str(offer.move_id)))


def told_cases(inventory: Inventory) -> list[str]:
    return read(inventory, lambda session: [case.summary for case in cases.open_cases(session)])


def booked(inventory: Inventory) -> dict[str, int]:
    return read(inventory, lambda session: {str(one.name): one.booked_gib for one in servers.all_servers(session)})


def test_times_are_offered_once_however_often_they_are_asked_for(inventory: Inventory, name: str) -> None:
    first = offered(inventory, name)
    assert (first.state, len(first.windows), first.answer_by) == (OfferState.OFFERED, 4, END)
    assert offered(inventory, name, now=NOW + HOUR) == first
    with pytest.raises(OfferOpen, match=f"phm move withdraw {name}"):
        offered(inventory, name, "app3")
    assert read(inventory, lambda session: offers.open_offer(session, name)) == first
    assert [deed.what for deed in read(inventory, lambda session: deeds.deeds_of(session, f"instance:{name}"))][-1] == (
        "times for a move offered"
    )


def test_many_who_offer_at_once_make_one_offer(inventory: Inventory, name: str) -> None:
    made = at_once(*[partial(offered, inventory, name)] * 6)
    assert {offer.id for offer in made} == {1}


def test_an_open_offer_keeps_its_room_on_the_target_until_it_ends(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    assert booked(inventory) == {"app1": 25, "app2": 25, "app3": 0}
    accepted(inventory, offer)
    assert booked(inventory) == {"app1": 25, "app2": 25, "app3": 0}


def test_an_accepted_window_is_a_planned_move_with_its_run(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    done = accepted(inventory, offer)
    move, asked = move_of(inventory, done), work_of(inventory, done)
    window = offer.windows[1]
    assert (done.state, done.answered_by) == (OfferState.ACCEPTED, "customer")
    assert (move.state, move.agreed_by, move.due_at, move.due_until) == (
        MoveState.PLANNED, "customer", window.opens, window.closes,
    )  # fmt: skip
    assert (asked.state, asked.due_at, asked.asked_by) == (WorkState.OPEN, window.opens, "customer")
    assert told_cases(inventory) == []


def test_what_a_customer_says_with_his_acceptance_is_read_by_a_person(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    answered(inventory, offer, Answer.ACCEPT, opens=offer.windows[0].opens, words="ring me before")
    said = f"{name}: The customer accepts a time for the move to app2, and says: ring me before. "
    assert told_cases(inventory) == [said + f"It is move 1: phm move status {name}."]


@pytest.mark.parametrize(("said", "state", "words"), [
    (Answer.OTHERS, OfferState.OTHERS_ASKED, "asks for other times"), (Answer.DECLINE, OfferState.DECLINED, "declines the move"),
])  # fmt: skip
def test_any_other_answer_moves_nothing_and_is_put_before_a_person(
    inventory: Inventory, name: str, said: Answer, state: OfferState, words: str
) -> None:
    done = answered(inventory, offered(inventory, name), said, words="after Christmas, please")
    assert (done.state, done.move_id, done.answer) == (state, None, "after Christmas, please")
    [case] = told_cases(inventory)
    assert words in case
    assert "says: after Christmas, please" in case
    assert booked(inventory)["app2"] == 0
    offered(inventory, name, now=NOW + 2 * DAY)
    assert told_cases(inventory) == []


def test_an_offer_is_answered_once(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    done = accepted(inventory, offer)
    for said in Answer:
        with pytest.raises(OfferAnswered, match="Offer 1 is accepted"):
            answered(inventory, offer, said, opens=offer.windows[0].opens)
    assert read(inventory, lambda session: offers.offer_facts(session, offer.id)) == done


def test_of_eight_who_answer_at_once_one_is_heard(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)

    def attempt(at: int) -> bool:
        try:
            accepted(inventory, offer, at % 4)
        except Refused:
            return False
        return True

    assert sum(at_once(*[partial(attempt, at) for at in range(8)])) == 1
    assert len(read(inventory, lambda session: moves.moves_of(session, name))) == 1


def test_only_what_was_offered_can_be_accepted_and_only_in_time(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    with pytest.raises(WindowNotOffered):
        answered(inventory, offer, Answer.ACCEPT, opens=NOW + 6 * DAY)
    with pytest.raises(WindowNotOffered):
        answered(inventory, offer, Answer.ACCEPT)
    with pytest.raises(LinkExpired):
        answered(inventory, offer, Answer.ACCEPT, opens=offer.windows[0].opens, now=END)
    with pytest.raises(UnknownOffer, match="There is no offer 9"):
        in_transaction(inventory, lambda session: offers.answer_offer(session, 9, Answer.DECLINE, NOW))
    assert read(inventory, lambda session: offers.open_offer(session, name)) == offer


def test_without_an_answer_nothing_moves_and_the_operator_is_told(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    early = in_transaction(inventory, partial(offers.close_unanswered, offer_id=offer.id, now=END - HOUR))
    assert early == offer
    done = closed(inventory, offer)
    assert closed(inventory, offer) == done
    assert (done.state, done.move_id) == (OfferState.UNANSWERED, None)
    said = f"{name}: The customer has not answered the offer of times for the move to app2. "
    assert told_cases(inventory) == [said + f"phm move agree {name}, or phm move offer {name}."]


def test_without_an_answer_the_first_window_holds_where_that_was_told(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name, without_answer=WithoutAnswer.MOVE)
    done = closed(inventory, offer)
    move = move_of(inventory, done)
    assert done.state is OfferState.UNANSWERED
    assert (move.due_at, move.agreed_by) == (offer.windows[0].opens, "service")
    assert "It is move 1; as he was told, the first window holds" in told_cases(inventory)[0]


def test_an_agreement_by_phone_answers_an_open_offer(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    done = agreed(inventory, name, "app3")
    assert (done.id, done.state, done.answered_by, done.target_name) == (1, OfferState.ACCEPTED, "olga", "app3")
    move = move_of(inventory, done)
    assert (move.due_at, move.due_until, move.why) == (
        NOW + 2 * DAY, NOW + 2 * DAY + STANDARD.move_window, "by phone, 24 Nov",
    )  # fmt: skip
    with pytest.raises(OfferAnswered):
        accepted(inventory, offer)


def test_an_agreement_by_phone_needs_no_offer_and_settles_what_waited_for_a_person(
    inventory: Inventory, name: str
) -> None:
    answered(inventory, offered(inventory, name), Answer.OTHERS)
    done = agreed(inventory, name)
    assert (done.id, done.windows, move_of(inventory, done).agreed_by) == (2, (), "olga")
    assert told_cases(inventory) == []
    with pytest.raises(MoveUnderWay):
        agreed(inventory, name)


def test_an_offer_that_was_overtaken_is_withdrawn_by_its_answer(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    plan = partial(moves.plan_move, without_backup=False, now=NOW)
    in_transaction(inventory, lambda session: plan(session, name, "app3", "by phone", "olga", NOW + HOUR))
    done = accepted(inventory, offer)
    assert (done.state, done.answer) == (OfferState.WITHDRAWN, "Move 1 was agreed on in another way.")
    assert len(read(inventory, lambda session: moves.moves_of(session, name))) == 1


def test_times_into_a_server_that_takes_nothing_any_more_are_taken_back_and_a_person_is_told(
    inventory: Inventory, name: str
) -> None:
    offer = offered(inventory, name)
    in_transaction(
        inventory,
        lambda session: servers.set_server_state(session, "app2", ServerState.DRAINING, by="olga", why="w", now=NOW),
    )
    done = accepted(inventory, offer)
    assert (done.state, done.move_id) == (OfferState.WITHDRAWN, None)
    [said] = told_cases(inventory)
    assert said == (
        f"{name}: Nobody keeps the times that the customer was offered for the move to app2. app2 takes no instances any "
        f"more (draining). phm move agree {name}, or phm move offer {name}."
    )
    offered(inventory, name, "app3", now=NOW + DAY)
    assert told_cases(inventory) == []


def test_an_offer_can_be_taken_back(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    taken = in_transaction(
        inventory, lambda session: offers.withdraw_offer(session, name, "other server", by="olga", now=NOW)
    )
    assert (taken.state, taken.answer, booked(inventory)["app2"]) == (OfferState.WITHDRAWN, "other server", 0)
    with pytest.raises(OfferAnswered):
        accepted(inventory, offer)
    with pytest.raises(NothingOffered), inventory.writing() as session:
        offers.withdraw_offer(session, name, "again", by="olga", now=NOW)


def test_nothing_is_offered_where_nothing_can_move(inventory: Inventory, name: str) -> None:
    with pytest.raises(NothingToOffer, match="is on app1 already"):
        offered(inventory, name, "app1")
    agreed(inventory, name)
    with pytest.raises(MoveUnderWay, match="moves already, from app1 to app2"):
        offered(inventory, name)


def test_a_letter_that_is_late_tells_later_windows(inventory: Inventory, name: str) -> None:
    offer = offered(inventory, name)
    in_time = partial(offers.ensure_in_time, offer_id=offer.id)
    assert in_transaction(inventory, partial(in_time, now=NOW + HOUR)) == offer
    late = in_transaction(inventory, partial(in_time, now=NOW + 2 * DAY))
    assert late.windows[0].opens >= NOW + 2 * DAY + STANDARD.move_notice
    assert late.answer_by == END + 2 * DAY
    in_transaction(inventory, partial(offers.record_told, offer_id=offer.id, now=NOW + 2 * DAY))
    told = in_transaction(inventory, partial(in_time, now=NOW + 4 * DAY))
    assert told.windows == late.windows  # what a customer was told stays


@pytest.mark.parametrize(("gib", "turns"), [(0, 6), (40, 0)])
def test_a_move_begins_early_enough_in_its_window_for_what_it_takes(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch, gib: int, turns: int
) -> None:
    app1, app2, opens = ServerName("app1"), ServerName("app2"), NOW + 2 * DAY
    sizes = Sizes(gib * 2**30 // 4, gib * 2**30, {})  # of 40 GiB it takes three turns
    taken = (Turn(app1, app2, opens, opens + 6 * TURN),)
    times = Timetable(app1, app2, sizes, taken, 2, 1.0, STANDARD.move_window)
    monkeypatch.setattr(offers, "timetable", lambda *_: times)
    assert STANDARD.move_window == 8 * TURN
    assert move_of(inventory, agreed(inventory, name)).due_at == opens + turns * TURN


def test_a_move_that_was_to_begin_late_in_its_window_is_put_off_to_a_whole_one(inventory: Inventory, name: str) -> None:
    done = accepted(inventory, offered(inventory, name))
    before, later = move_of(inventory, done), move_of(inventory, done).due_at + 3 * DAY
    late = before.due_at + 7 * TURN
    in_transaction(inventory, lambda session: moves.set_begin(session, before.id, late, "busy"))
    put_off = partial(move_moments.postpone, instance=name, due_at=later, why="asked", by="olga", now=NOW)
    after = in_transaction(inventory, partial(put_off, because="by phone"))
    assert after.due_until == later + STANDARD.move_window


def test_a_planned_move_is_put_off_until_it_begins(inventory: Inventory, name: str) -> None:
    done = accepted(inventory, offered(inventory, name))
    before = move_of(inventory, done)
    dispatched = work_of(inventory, done)
    in_transaction(inventory, lambda session: work.mark_dispatched(session, dispatched.id, "a-run", dispatched.attempt))
    later = before.due_at + 3 * DAY

    def put_off(now: Any = NOW) -> moves.MoveFacts:
        postpone = partial(move_moments.postpone, instance=name, due_at=later, why="asked", by="olga", now=now)
        return in_transaction(inventory, partial(postpone, because="he wants it by day"))

    after = put_off()
    assert before.due_until is not None
    assert (after.due_at, after.due_until) == (later, before.due_until + 3 * DAY)
    asked = work_of(inventory, done)
    assert (asked.state, asked.due_at, asked.attempt) == (WorkState.OPEN, later, 2)  # a run of its own

    def begin(at: Any) -> Any:
        record = partial(moves.record_state, move_id=after.id, to=MoveState.COPYING, now=at)
        return in_transaction(inventory, record)

    with pytest.raises(MovePutOff, match=f"The move of {name} is due at"):
        begin(before.due_at)  # the run that was made before
    begin(later)
    with pytest.raises(MoveNotPlanned, match=f"A move of {name} is copying"):
        put_off(later)
