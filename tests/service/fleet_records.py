"""An inventory of a fleet at work, of any size: made by the records alone, for who looks at all of it at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

from hosting.inventory.announcement_rows import AnnouncedInstance, Announcement
from hosting.inventory.ending_rows import Ending
from hosting.inventory.export_rows import Export
from hosting.inventory.finding_rows import Finding
from hosting.inventory.import_rows import Import
from hosting.inventory.models import (
    Base,
    Case,
    Contract,
    Customer,
    Evacuation,
    Generation,
    Instance,
    Measurement,
    Move,
    MoveOffer,
    Name,
    NameApplication,
    NeededMove,
    Order,
    Rehearsal,
    Release,
    Server,
    Snapshot,
    Work,
)
from hosting.inventory.probe_rows import Outage, OutageAlarm, ProbeSpan
from hosting.inventory.rent_rows import Arrears, Suspension
from hosting.inventory.roll_out_rows import InstanceUpdate, RollOut

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GIB = 2**30
RELEASE = "0" * 64
HOSTILE = '<script>alert("x")</script>\x1b[31m\r\nSet-Cookie: a=b'
CUSTOMERS = ("Jürgen Groß", "Änne Öztürk", "Møller & Søn", HOSTILE, "王小明", "Zoë O'Neill")


def fill(inventory: Inventory, now: datetime, instances: int, *, days: int = 20) -> None:
    """A fleet of so many instances on servers for forty each, with something under way of every kind.

    Every tenth has no backup of last night; of every kind of work there is some that needs a hand.
    """
    servers = -(-instances // 40)
    rows: list[Any] = [_release(now)]
    rows += [_server(f"app{number}", now) for number in range(1, servers + 2)]
    for number in range(instances):
        rows += _instance(number, f"app{number // 40 + 1}", now, days)
    rows += _orders(max(1, instances // 10), now)
    rows += [*_under_way(instances, servers, now), *_parts_of_them(now), *_watched(now)]
    with inventory.writing() as session:
        for table in Base.metadata.sorted_tables:
            session.add_all(row for row in rows if row.__table__ is table)
            session.flush()


def _release(now: datetime) -> Release:
    return Release(
        id=RELEASE, build=40471, version="4.04.71", edition="free", bytes=1, added_at=now, added_by="olga", current=True
    )


def _server(name: str, now: datetime) -> Server:
    return Server(
        name=name, host_name=f"{name}.phlymail.test", address="192.0.2.1", host_key="ssh-ed25519 AAAA", country="DE",
        dedicated=True, state="active", room_gib=240, facts={}, added_at=now - 90 * DAY,
    )  # fmt: skip


def _instance(number: int, server: str, now: datetime, days: int) -> list[Any]:
    name, reference, customer = f"k{number:04}", f"A-{number + 1:04}", f"C-{number + 1:04}"
    begun = now - 40 * DAY
    old = number % 10 == 9
    generation = f"{name}-g1"
    taken = [now - (31 * HOUR if old else 7 * HOUR), now - 2 * DAY]
    return [
        Customer(
            reference=customer, name=CUSTOMERS[number % len(CUSTOMERS)], email="a@example.org", language="de", added_at=begun
        ),
        _order(reference, customer, begun, "fulfilled", ready_at=begun),
        Contract(
            id=number + 1, customer_reference=customer, order_reference=reference, service_level=None, agreed_at=begun
        ),
        Instance(
            name=name, number=number + 1, order_reference=reference, contract_id=number + 1, server_name=server,
            release_id=RELEASE, accounts=1, storage_gib=5, state="active", reserved_at=begun, active_at=begun,
        ),
        Generation(
            id=generation, instance_name=name, server_name=server, begun_at=begun, state="open", wrapped_password="x",
            bytes_added=1, finding="",
        ),
        *(
            Snapshot(
                id=f"{name}-{at:%Y%m%dt%H%M%S}", instance_name=name, generation=generation, server_name=server,
                kind="incremental", taken_at=at, release_id=RELEASE, manifest={}, proven_at=begun + 20 * DAY,
                damaged=False, database_snapshot="d", files_snapshot="f", bytes_added=3 * 2**20, seconds=2.5,
            )
            for at in taken
        ),
        *(
            Measurement(
                instance_name=name, server_name=server, at=now - ago * DAY, database_bytes=GIB,
                files_bytes=(3 * GIB) - ago * 40 * 2**20, free_bytes=0, users=1, pool_gib=5, by_user={},
            )
            for ago in range(days)
        ),
    ]  # fmt: skip


def _order(reference: str, customer: str, at: datetime, state: str, **more: Any) -> Order:
    given = {"paid_at": at, "promised_by": at + 8 * HOUR, "ready_at": None} | more
    return Order(
        reference=reference, customer_reference=customer, accounts=1, storage_gib=0, due_cents=5890, currency="EUR",
        service_level=None, placed_at=at, state=state, **given,
    )  # fmt: skip


def _orders(many: int, now: datetime) -> list[Any]:
    """Open orders: the first is missed and its set-up failed, the others are in time."""
    made: list[Any] = []
    for number in range(many):
        reference, customer = f"B-{number + 1:04}", f"D-{number + 1:04}"
        made.append(
            Customer(reference=customer, name=CUSTOMERS[number % 6], email="b@example.org", language="en", added_at=now)
        )
        promised = now - HOUR if number == 0 else now + 30 * HOUR
        made.append(_order(reference, customer, now - 2 * HOUR, "paid", promised_by=promised))
        made.append(
            work(
                "provision-instance", reference, now, "failed" if number == 0 else "dispatched", finding="app1 is full."
            )
        )
    return made


def work(kind: str, subject: str, now: datetime, state: str, *, finding: str = "") -> Work:
    return Work(
        kind=kind, subject=subject, attempt=1, due_at=now - HOUR, state=state, asked_by="service", asked_at=now - HOUR,
        flow_run_id=f"0197f2c4-0000-7000-8000-{crc32((kind + subject).encode()):012}" if state != "open" else None,
        finding=finding if state == "failed" else "",
    )  # fmt: skip


def _under_way(instances: int, servers: int, now: datetime) -> list[Any]:
    """Something of every kind, in proportion to the fleet."""
    many, empty = max(1, instances // 20), f"app{servers + 1}"
    made: list[Any] = [
        RollOut(
            id=1, release_id=RELEASE, state="halted", why="the newest", urgent=False, by="olga", parallel=2,
            failures_most=1, stop_most_seconds=60, begun_at=now - DAY, finding="Two of ring 1 failed.",
        ),
        Announcement(
            id=1, update_key="server:security:2026-12-01", kind="server", why="security", detail="", urgent=False,
            made_at=now, made_by="service", reason="",
        ),
        Evacuation(
            server_name="app1", state="open", emergency=False, why="new provider", by="olga", parallel=1, targets=[],
            begun_at=now - DAY, resumed_at=now - DAY, finding="k0000 fits nowhere.",
        ),
        work("back-up-server", "app1@202611270130", now, "failed", finding="app1 does not answer."),
        work("measure-storage", "app1", now, "open"),
    ]  # fmt: skip
    for number in range(many):
        instance = f"k{number:04}"
        made += [
            Move(
                id=number + 1, instance_name=instance, source_name="app1", target_name=empty, state="planned",
                why="app1 is full", without_backup=False, agreed_at=now - 3 * DAY, agreed_by="customer",
                due_at=now - 4 * HOUR if number == 0 else now + DAY, due_until=None, finding="", evidence={},
            ),
            work("move-instance", str(number + 1), now, "open" if number else "dispatched"),
            MoveOffer(
                instance_name=instance, target_name=empty, state="offered", why="full", windows=[["a", "b"]] * 4,
                stop_seconds=5, without_answer="nothing", made_at=now, made_by="olga", remind_at=now + DAY,
                answer_by=now + 4 * DAY, told_at=now - HOUR, answered_by="", answer="",
            ),
            NeededMove(
                instance_name=instance, source_name="app1", target_name=None if number == 0 else empty, storage_gib=5,
                why="app1 is full in January.", help="Add a server." if number == 0 else "", state="open",
                found_at=now - HOUR,
            ),
            NameApplication(
                id=number + 1, instance_name=instance, wished="Bücher", name=f"bücher{number}", a_label="x",
                state="waiting", version="1", findings=[], judged_at=now, asked_by="shop", why="",
                asked_at=now - 5 * HOUR, reason="",
            ),
            Import(
                id=number + 1, instance_name=instance, server_name="app1",
                state=("case", "built", "asked")[number % 3], only_check=False, sealed_source="", shown_url="",
                declared={"modifications": []}, told_sha256="", by="olga", why="", asked_at=now - 3 * HOUR, sha256="",
                bytes=0, release_id="", stamp="", report={}, finding="Modified files were found.", evidence={},
                approved_by="",
            ),
            Case(
                key=f"case:{number}", kind="set-up failed", subject=f"order:B-{number + 1:04}",
                summary=f"The set-up failed. {HOSTILE}", facts={}, raised_at=now - number * HOUR, decision="",
            ),
        ]  # fmt: skip
    return made


def _parts_of_them(now: datetime) -> list[Any]:
    """What hangs on what is under way."""
    return [
        InstanceUpdate(
            roll_out_id=1, instance_name="k0000", server_name="app1", from_release_id=RELEASE, ring=0, state="failed",
            forgiven=False, attempts=1, finding="", evidence={},
        ),
        AnnouncedInstance(
            announcement_id=1, instance_name="k0000", opens=now + 2 * DAY, closes=now + 2 * DAY + HOUR, stop_seconds=30,
            version=1, silent=False, told_version=1, stopped_seconds=0, last_word="",
        ),
        Name(
            instance_name="k0000", kind="domain", a_label="post.xn--mller-kva.example", state="assigning",
            as_ordered="post.müller.example", held="post.xn--mller-kva.example", since=now - 3 * HOUR,
            finding="post.müller.example leads nowhere.", evidence={},
        ),
        Rehearsal(
            id="r1", point_id=f"k0000-{now - 7 * HOUR:%Y%m%dt%H%M%S}", instance_name="k0000", server_name="app1",
            begun_at=now - 5 * HOUR, ended_at=now - 4 * HOUR, outcome="failed", evidence={}, seconds=20,
        ),
    ]  # fmt: skip


def _watched(now: datetime) -> list[Any]:
    """Who is not reached, what was found on a server, who leaves or has not paid; all about the first instance."""
    outage = {"instance_name": "k0000", "server_name": "app1", "cause_by": ""}
    return [
        ProbeSpan(instance_name="k0000", vantage="location", answer="unreachable", since=now - HOUR, until=now, probes=60),
        OutageAlarm(id=1, subject="server:app1", raised_at=now - HOUR),
        Outage(**outage, began_at=now - HOUR, cause="unknown", why="", alarm_id=1),
        Outage(**outage, began_at=now - 20 * DAY, ended_at=now - 18 * DAY, cause="ours", why="A disk died."),
        Finding(
            key="app1:raid:md2", server_name="app1", kind="raid", subject="server:app1", severity="grave",
            sentence="md2 has one of two disks.", do="Have /dev/sdb replaced.", mend={}, first_seen=now - 2 * DAY,
            last_seen=now, silenced_by="", silenced_because="",
        ),
        Finding(
            key="app1:rights:k0000", server_name="app1", kind="rights", subject="instance:k0000", severity="wrong",
            sentence=f"Others can read {HOSTILE}.", do="Mend it.", mend={"way": "rights"}, first_seen=now - DAY,
            last_seen=now, silenced_by="", silenced_because="",
        ),
        Finding(
            key="app1:packages", server_name="app1", kind="packages", subject="server:app1", severity="grave",
            sentence="Old.", do="", mend={}, first_seen=now - DAY, last_seen=now, silenced_until=now + DAY,
            silenced_by="olga", silenced_because="known",
        ),
        Ending(
            instance_name="k0000", contract_id=1, state="deleting", ends_on=now.date(), kept_days=30, was="active",
            asked_by="shop", why="", asked_at=now - 40 * DAY, reminded=[], names=[], hold_by="", hold_why="",
            owed_since=now - 3 * DAY, finding="The store does not answer.",
        ),
        Export(
            instance_name="k0000", state="asked", only_user="", by="customer", why="", asked_at=now - 2 * DAY,
            archives={}, finding="",
        ),
        Suspension(
            instance_name="k0000", cause="rent", because="Rent of October", by="service", asked_at=now - 2 * HOUR,
            ends_by="", ends_why="",
        ),
        Arrears(
            order_reference="A-0001", begun_at=now - 30 * DAY, announcements=1, suspends_at=now + DAY, held_by="",
            held_why="", ended_why="",
        ),
    ]  # fmt: skip
