"""Whatever happens to a turn, its customer knows what is true of it, and reads nothing twice (P15, P16)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.inventory import announcements
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.announcements import (
    Announced,
    Times,
    Update,
    UpdateKind,
    UpdateLetter,
    UpdateReason,
    is_within,
    letter_due,
    takes_longer,
)
from hosting.policy.maintenance import Window
from hosting.policy.terms import TIME_ZONE
from tests.inventory.files import write_empty
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHT = datetime(2026, 12, 1, 23, tzinfo=ZoneInfo(TIME_ZONE))
PLANS = tuple(
    Times(Window(NIGHT + begin, NIGHT + begin + lasts), stop)
    for begin, lasts, stop in ((0 * HOUR, 4 * HOUR, 300), (HOUR, 2 * HOUR, 300), (DAY, 4 * HOUR, 300), (0 * HOUR, 4 * HOUR, 500),
                               (0 * HOUR, 4 * HOUR, 900))
)  # fmt: skip
"""The first times, some within them, another night, a stop that is little longer, and one that is much longer."""

NUMBERS = count(1)
deeds = st.one_of(
    st.tuples(st.just("plan"), st.sampled_from(PLANS)),
    st.sampled_from([("off",), ("tell",), ("write",), ("record",), ("tell",), ("write",)]),
)
histories = st.lists(deeds, max_size=12)
ends = st.sampled_from([(), ("begin",), ("begin", 200.0), ("begin", 4000.0)])


@dataclass
class Customer:
    """What he read, as it stood in the letters."""

    inventory: Inventory
    name: str
    key: str
    read: list[tuple[UpdateLetter, Times]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    on_its_way: tuple[Announced, UpdateLetter] | None = None
    at: datetime = NOW

    def turn(self) -> Announced:
        with self.inventory.reading() as session:
            found = announcements.announced(session, self.key, self.name)
        assert found is not None
        return found

    def done(self, function: Any, *args: Any, **words: Any) -> None:
        in_transaction(self.inventory, lambda session: function(session, *args, **words))

    def plan(self, times: Times) -> None:
        update = Update(self.key, UpdateKind.SERVER, UpdateReason.CURRENT)
        self.done(announcements.announce, update, {self.name: times}, by="olga", reason="kernel", now=NOW)

    def write(self) -> None:
        """The clock's own run sends what is due; one letter at a time."""
        turn = self.turn()
        letter = letter_due(turn)
        if letter is None or self.on_its_way:
            return
        if (key := turn.key_of(letter)) not in self.keys:
            said = turn.told if letter in {UpdateLetter.CALLED_OFF, UpdateLetter.LONGER} else turn.times
            self.read.append((letter, said or turn.times))
            self.keys.add(key)
        self.on_its_way = turn, letter

    def record(self) -> None:
        """What it sent stands on record."""
        if self.on_its_way:
            self.done(announcements.record_told, *self.on_its_way, self.at)
        self.on_its_way = None

    def does(self, what: str, *words: Any) -> None:
        self.at += MINUTE
        match what:
            case "plan":
                self.plan(*words)
            case "off":
                self.done(announcements.call_off, self.key, by="olga", why="not needed", now=self.at)
            case "write":
                self.write()
            case "record":
                self.record()
            case _:
                self.record()
                self.write()
                self.record()

    def settled(self) -> None:
        """The clock's own runs of the next minutes."""
        for _ in range(3):
            self.does("tell")
        assert letter_due(self.turn()) is None


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inventory, str]]:
    """An inventory for all histories with one instance; each history is an update of its own."""
    file = tmp_path_factory.mktemp("histories") / "inventory.db"
    write_empty(file)
    made = Inventory(f"sqlite:///{file}")
    with_servers(made, server("app1", 100))
    yield made, opened(made, "A-1", NOW)
    made.close()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLANS), histories, ends)
def test_a_customer_knows_what_is_true_and_reads_nothing_twice(
    instance: tuple[Inventory, str], first: Times, history: list[Any], end: tuple[Any, ...]
) -> None:
    inventory, name = instance
    customer = Customer(inventory, name, f"server:current:{next(NUMBERS)}")
    customer.plan(first)
    for deed in history:
        customer.does(*deed)
    customer.settled()
    turn, read = customer.turn(), list(customer.read)
    kinds = Counter(letter for letter, _ in read)
    assert kinds[UpdateLetter.PLANNED] <= 1
    assert all(one != following for one, following in pairwise(read))
    if turn.called_off_at:
        assert not read or read[-1][0] is UpdateLetter.CALLED_OFF
        assert end == () or kinds[UpdateLetter.LONGER] == 0
    else:
        letter, said = read[-1]
        assert letter in {UpdateLetter.PLANNED, UpdateLetter.CHANGED}
        assert is_within(said, turn.times)
        assert not takes_longer(said, turn.times.stop_seconds)
    if not any(deed[0] in {"plan", "off"} for deed in history):
        assert read == [(UpdateLetter.PLANNED, first)]

    if not end or turn.called_off_at:
        return
    customer.done(announcements.record_begun, customer.key, name, turn.times.window.opens)
    if end[1:]:
        over = turn.times.window.opens + HOUR
        customer.done(announcements.record_ended, customer.key, name, end[1], over)
    customer.settled()
    turn = customer.turn()
    assert turn.told_at is not None
    assert turn.notice_given == turn.times.window.opens - turn.told_at > 3 * DAY
    last = [letter for letter, _ in customer.read[len(read) :]]
    assert last == ([UpdateLetter.LONGER] if end[1:] and end[1] > 2 * 900 else [])
