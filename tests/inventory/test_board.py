"""The board as the inventory tells it: few questions whatever the size, and each part by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, event, select, update

from hosting.errors import DriftFound, Unreachable
from hosting.inventory import board as parts
from hosting.inventory import findings, storage_views
from hosting.inventory.board import PARTS, Asked, read_board
from hosting.inventory.forecasts import Forecasts
from hosting.inventory.level_rows import LevelAgreement
from hosting.inventory.levels import ensure_level
from hosting.inventory.models import Instance, Move, Snapshot, Work
from hosting.inventory.probe_rows import Outage, OutageAlarm
from hosting.inventory.probes import DayCount, Timed, record_days, record_probes
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.board import LINES_MOST, Board, Section, Urgency
from hosting.policy.inspection import looks_of
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.values import InstanceName
from tests.inventory.files import write_empty
from tests.service.fleet_records import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)  # Friday, six in Berlin
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Inventory]:
    """An inventory on SQLite, empty."""
    write_empty(tmp_path / "inventory.db")
    made = Inventory(f"sqlite:///{tmp_path}/inventory.db")
    yield made
    made.close()


def part(board: Board, key: str) -> Section:
    return next(one for one in board.sections if one.key == key)


def read(inventory: Inventory, at: datetime = NOW) -> Board:
    found = read_board(inventory, Asked(at, "BE"))
    assert [one.error for one in found.sections] == [""] * len(PARTS)
    return found


def statements(inventory: Inventory, asked: Asked) -> list[str]:
    """What reading the board asks of the database."""
    said: list[str] = []

    def keep(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(inventory.engine, "before_cursor_execute", keep)
    read_board(inventory, asked)
    event.remove(inventory.engine, "before_cursor_execute", keep)
    return [one for one in said if one.lstrip().upper().startswith("SELECT")]


def test_the_board_asks_as_many_questions_of_five_hundred_instances_as_of_one(tmp_path: Path) -> None:
    counts = {}
    for instances in (1, 50, 500):
        write_empty(tmp_path / f"{instances}.db")
        inventory = Inventory(f"sqlite:///{tmp_path}/{instances}.db")
        fill(inventory, NOW, instances, days=6)
        asked = Asked(NOW, "BE")
        first, again = len(statements(inventory, asked)), len(statements(inventory, asked))
        counts[instances] = (first, again)
        assert all(len(one.lines) <= LINES_MOST for one in read(inventory).sections)
        inventory.close()
    assert len(set(counts.values())) == 1, counts
    first, again = counts[1]
    assert first <= 60
    assert again == first - 3  # the forecasts are kept


def test_of_a_service_without_anything_only_the_missing_server_needs_a_hand(inventory: Inventory) -> None:
    found = read(inventory)
    assert [one.key for one in found.waiting] == ["capacity"]
    assert part(found, "capacity").lines[0].told == "No order can be set up."


def test_every_part_tells_what_is_under_way_on_every_database(inventory: Inventory) -> None:
    fill(inventory, NOW, 50)
    found = read(inventory)
    assert {one.key: one.hands for one in found.sections} == {
        "cases": 2, "orders": 1, "names": 2, "imports": 2, "moves": 3, "updates": 1, "work": 4, "backups": 6,
        "capacity": 0, "availability": 2, "findings": 1, "leaving": 2,
    }  # fmt: skip
    words = {(one.key, line.what, line.word) for one in found.sections for line in one.lines}
    assert {
        ("orders", "B-0001", "missed"), ("names", "bücher0", "to decide"), ("imports", "k0001", "built"),
        ("moves", "app1", "being emptied"), ("moves", "k0000", "planned"), ("updates", "1: 4.04.71", "halted"),
        ("work", "measure-storage app1", "no run"), ("backups", "k0009", "no backup"),
        ("backups", "k0000", "rehearsal failed"), ("capacity", "app1", "83 %"),
        ("availability", "app1", "down for 1 h 00 min"), ("availability", "k0000", "budget"),
        ("findings", "app1: server:app1", "grave"), ("findings", "app1: instance:k0000", "wrong"),
        ("leaving", "k0000", "deleting"), ("leaving", "k0000", "export"), ("leaving", "k0000", "to be suspended"),
        ("leaving", "A-0001", "rent overdue"),
    } <= words  # fmt: skip
    note = part(found, "backups").note
    assert note == "45 points of 45 of 50 instances, 135.0 MiB added. 1 rehearsal, 0 passed, 1 did not."


def test_of_many_cases_the_oldest_are_shown_and_all_are_counted(small: Inventory) -> None:
    fill(small, NOW, 400, days=1)
    found = part(read(small), "cases")
    assert (len(found.lines), found.more, found.hands) == (LINES_MOST, 20 - LINES_MOST, 20)
    assert found.lines[0].told.endswith("(19 h 00 min ago)")


def test_an_open_order_tells_the_service_time_left_and_leads_to_its_run(small: Inventory) -> None:
    fill(small, NOW, 50)
    line = next(one for one in part(read(small), "orders").lines if one.what == "B-0002")
    assert line.told == (
        "Änne Öztürk: promised by Sat 28 Nov, 12:00, 9 h 00 min of service time left. Ready about Fri 27 Nov, 10:02."
    )
    with small.reading() as session:
        work = session.scalars(select(Work).where(Work.subject == "B-0002")).one()
    assert line.run == work.flow_run_id


def test_a_move_is_closed_for_too_long_when_nobody_says_so(small: Inventory) -> None:
    fill(small, NOW, 20)
    with small.writing() as session:
        session.execute(update(Move).values(state="frozen", due_at=NOW, closed_at=NOW))
        session.execute(update(Work).where(Work.kind == "move-instance").values(state="dispatched"))
    quiet = next(one for one in part(read(small), "moves").lines if one.word == "frozen")
    assert quiet.urgency is Urgency.WATCH
    later = next(one for one in part(read(small, NOW + HOUR), "moves").lines if one.word == "frozen")
    assert later.urgency is Urgency.HAND
    assert "Closed for 1 h 00 min." in later.told


def test_an_instance_without_a_proof_in_time_needs_a_hand(small: Inventory) -> None:
    fill(small, NOW, 1)
    with small.writing() as session:
        session.execute(update(Snapshot).values(proven_at=NOW - 29 * DAY))
    found = [one for one in part(read(small), "backups").lines if one.word == "not proven"]
    assert [one.told for one in found] == ["Restored on trial 29 d ago; every 28 days is promised."]


def test_a_damaged_point_is_no_backup(small: Inventory) -> None:
    fill(small, NOW, 1)
    with small.writing() as session:
        session.execute(update(Snapshot).values(damaged=True))
    assert [one.told for one in part(read(small), "backups").lines if one.word == "no backup"] == ["It has none."]


def test_the_forecast_is_the_one_that_the_console_tells(small: Inventory) -> None:
    fill(small, NOW, 90, days=12)
    with small.reading() as session:
        told = {one.server.name: one.full_at for one in storage_views.capacity_views(session, NOW)}
        found = Forecasts().full_at(session, NOW)
    assert dict(found) == {name: at for name, at in told.items() if at is not None}
    assert len(found) == 3


def test_the_forecast_is_made_anew_when_an_instance_moves_or_is_measured(small: Inventory) -> None:
    fill(small, NOW, 50, days=12)
    kept = Forecasts()
    with small.reading() as session:
        before = kept.full_at(session, NOW)
        assert kept.full_at(session, NOW) is before
    with small.writing() as session:
        session.execute(update(Instance).where(Instance.server_name == "app2").values(server_name="app3"))
    with small.reading() as session:
        after = kept.full_at(session, NOW)
    assert set(before) == {"app1", "app2"}
    assert set(after) == {"app1", "app3"}


def test_a_part_that_fails_says_why_in_its_sentence_and_the_others_stand(
    small: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drifted(*_: object) -> Section:
        raise DriftFound("Two instances have one number.", "Look at them.")

    monkeypatch.setattr(parts, "PARTS", (PARTS[0]._replace(read=drifted), *PARTS[1:]))
    found = read_board(small, Asked(NOW))
    assert found.sections[0].error == "Two instances have one number. Look at them."
    assert found.sections[0].urgency is Urgency.HAND
    assert not any(one.error for one in found.sections[1:])


def test_an_inventory_that_is_silent_is_asked_once(monkeypatch: pytest.MonkeyPatch, small: Inventory) -> None:
    asked = []

    def silent(*_: object) -> Section:
        asked.append(1)
        raise Unreachable("The database does not answer.", "Look at it.")

    monkeypatch.setattr(parts, "PARTS", tuple(one._replace(read=silent) for one in PARTS))
    found = read_board(small, Asked(NOW))
    assert asked == [1]
    assert {one.error for one in found.sections} == {"The database does not answer. Look at it."}
    assert len(found.sections) == len(PARTS)


def test_what_a_person_has_silenced_is_counted_and_not_shown(small: Inventory) -> None:
    fill(small, NOW, 1)
    found = part(read(small), "findings")
    assert [one.do for one in found.lines] == ["phm findings show app1:raid:md2", "phm findings mend app1:rights:k0000"]
    assert found.note == "1 finding silenced. Never inspected: app1, app2."
    assert len(part(read(small, NOW + 2 * DAY), "findings").lines) == 3


def test_an_alarm_names_who_is_not_reached_and_a_year_s_budget_is_reckoned_by_the_level(small: Inventory) -> None:
    fill(small, NOW, 1)
    found = part(read(small), "availability")
    assert [one.told for one in found.lines] == [
        "1 instance not reached since Fri 27 Nov, 05:00: k0000.",
        "Down for 2 d 1 h this year; 7 h 10 min are borne.",  # 0.4 % of 74.8 days
    ]
    assert found.note == "1 outage in the last day."


def test_a_level_agreed_on_in_november_makes_no_budget_of_may_smaller(small: Inventory) -> None:
    """29 h 54 min are borne by the standard up to then, 26 min by gold: by gold alone 26 h would be far too much."""
    opened = datetime(2026, 1, 18, 12, tzinfo=UTC)
    fill(small, NOW, 1)
    with small.writing() as session:
        ensure_level(session, "gold", {"availability_percent": 99.95})
        row = session.scalars(select(Instance)).one()
        row.active_at = opened
        session.add(
            LevelAgreement(
                contract_id=row.contract_id, level="gold", from_day=date(2026, 11, 26), agreed_by="olga",
                agreed_at=NOW, reason="a fee", called_off_at=None, called_off_by="", called_off_why="",
            )
        )  # fmt: skip
        session.execute(delete(Outage))
        session.add(
            Outage(
                instance_name=row.name, server_name="app1", began_at=opened + 100 * DAY,
                ended_at=opened + 100 * DAY + 26 * HOUR, cause="unknown", cause_by="", why="", alarm_id=None,
            )
        )  # fmt: skip
    (line,) = [one for one in part(read(small), "availability").lines if one.word == "budget"]
    assert (line.urgency, line.told) == (Urgency.WATCH, "Down for 1 d 2 h this year; 1 d 6 h are borne.")


def test_a_month_of_which_too_much_was_not_measured_is_there(small: Inventory) -> None:
    """1 % of November are 7 h 12 min; October had one counted day."""
    fill(small, NOW, 1)
    with small.reading() as session:
        name = session.scalars(select(Instance.name)).one()

    def counted(day: date, hours: float) -> DayCount:
        return DayCount(InstanceName(name), day, (24 - hours) * HOUR, timedelta(0), hours * HOUR)

    days = [counted(date(2026, 10, 31), 0.2), counted(date(2026, 11, 1), 4), counted(date(2026, 11, 2), 3.2)]
    in_transaction(small, lambda session: record_days(session, days, NOW))
    assert not [one for one in part(read(small), "availability").lines if one.word == "not measured"]
    more = [counted(date(2026, 10, 30), 0.5), counted(date(2026, 11, 3), 0.1)]
    in_transaction(small, lambda session: record_days(session, more, NOW))
    assert [(one.urgency, one.told) for one in part(read(small), "availability").lines if one.word == "not measured"] == [
        (Urgency.WATCH, "1.5 % of October 2026 were not measured: no probe has a result."),
        (Urgency.WATCH, "1.0 % of November 2026 were not measured: no probe has a result."),
    ]  # fmt: skip


def test_a_server_that_nobody_asks_at_its_location_any_more_is_watched(small: Inventory) -> None:
    fill(small, NOW, 1)

    def asked(vantage: Vantage, until: datetime) -> None:
        name = InstanceName("k0000")
        probe = Timed(Probe(name, vantage, Answer.UP, until), timedelta(minutes=1))
        in_transaction(small, lambda session: record_probes(session, [probe]))

    def told(at: datetime) -> list[tuple[str, str]]:
        lines = part(read(small, at), "availability").lines
        return [(one.what, one.told) for one in lines if one.word == "from outside alone"]

    asked(Vantage.LOCATION, NOW)
    asked(Vantage.OUTSIDE, NOW + HOUR)
    assert told(NOW + HOUR) == []
    asked(Vantage.OUTSIDE, NOW + HOUR + timedelta(minutes=1))
    sentence = "Nothing on it was asked at its location since Fri 27 Nov, 06:00; what is seen from outside decides."
    assert told(NOW + HOUR + timedelta(minutes=1)) == [("app1", sentence)]
    asked(Vantage.OUTSIDE, NOW + 8 * DAY)
    assert told(NOW + 8 * DAY) == []  # nobody else is there: that is known


def test_a_server_that_nobody_looks_at_any_more_needs_a_hand(small: Inventory) -> None:
    fill(small, NOW, 1)
    for server, looks in (("app1", looks_of(light=False)), ("app2", looks_of(light=True))):
        made = partial(findings.record_look, server=server, looked=looks, found=[], now=NOW)
        in_transaction(small, made)

    def told(at: datetime) -> list[tuple[Urgency, str, str]]:
        lines = part(read(small, at), "findings").lines
        return [(one.urgency, one.what, one.told) for one in lines if one.word == "not looked at"]

    assert told(NOW + 3 * HOUR) == []
    in_transaction(
        small, partial(findings.record_look, server="app2", looked=looks_of(light=True), found=[], now=NOW + 4 * HOUR)
    )
    assert told(NOW + 4 * HOUR) == [
        (Urgency.HAND, "app1", "Its arrays, disks and services were last looked at 4 h 00 min ago; what broke since is not known.")
    ]  # fmt: skip


def test_a_prober_that_is_silent_is_noticed(small: Inventory) -> None:
    fill(small, NOW, 1)
    assert not any(one.what == "Prober" for one in part(read(small), "availability").lines)
    late = [one for one in part(read(small, NOW + HOUR), "availability").lines if one.what == "Prober"]
    assert [one.told for one in late] == ["The last probe was 1 h 00 min ago. Nothing counts as up meanwhile."]


def test_an_alarm_about_a_way_out_asks_for_a_hand_though_nobody_is_down(small: Inventory) -> None:
    with small.writing() as session:
        session.add(OutageAlarm(subject="way-out:app1", raised_at=NOW - HOUR, unreached=["k0000"]))
    (line,) = part(read(small), "availability").lines
    assert (line.urgency, line.word, line.do) == (Urgency.HAND, "cut off for 1 h 00 min", "phm server show app1")
    assert line.told.startswith("Up at its location and not reached from outside since ")
    assert line.told.endswith(": k0000.")
