"""What a server has and what the inventory says of it are held against each other, both ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hosting.policy.fleet_drift import drift, instance_of
from hosting.policy.fleet_expected import Expected, Home, Place, Standing, across
from hosting.policy.inspected import DatabaseHealth, GateSeen, PlaceSeen, Seen, SiteKind
from hosting.policy.inspection import FleetFinding, Look, Severity, told_mend
from hosting.policy.states import InstanceState

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
DATA = Place("/srv/instances/home", "folder", "root:phm-home", "750", needed=True)
SITE = Place("/etc/apache2/phm/instances/home.conf", "file")
EXPECTED = Expected(
    "app1",
    homes={"home": Home("home", InstanceState.ACTIVE, 20_001, (DATA, SITE))},
    copies=frozenset({"home_1"}),
    kept=frozenset({"kept"}),
    left={"kept": "app2", "left": "app3"},
    elsewhere={"kept": "app2", "left": "app3", "far": "app4"},
    ended=frozenset({"over"}),
    names=frozenset({7}),
    own=(Place("/etc/phm/authorities.pem", "file"),),
)
SEEN = Seen(
    "app1", NOW,
    sites={"home": (SiteKind.SERVES, ""), "home_1": (SiteKind.LOCAL, ""), "kept": (SiteKind.PASSES_ON, "app2.test"), "left": (SiteKind.PASSES_ON, "app3.test")},
    name_sites={7: "/etc/apache2/phm/names/a.test.7.conf"}, pools=("home", "home_1", "kept"),
    users={"phm-home": 20_001, "phm-home_1": 59_991, "phm-kept": 20_002},
    databases=("phm_home", "phm_home_1", "phm_kept", "phm_home_aside_20261120"),
    database_users=("phm_home@localhost", "phm_home_1@localhost", "phm_kept@localhost"), locked=("phm_kept",),
    cron={"home": "/etc/cron.d/phm-home"}, folders={"/srv/instances": ("home", "home_1", "kept")},
    places={
        DATA.path: PlaceSeen("folder", DATA.owner, DATA.mode), SITE.path: PlaceSeen("file", SITE.owner, SITE.mode),
        "/etc/phm/authorities.pem": PlaceSeen("file", "root:root", "644"),
    },
    gates=(), database=DatabaseHealth(up=True),
)  # fmt: skip


def found(expected: Expected = EXPECTED, **seen: Any) -> list[FleetFinding]:
    return drift(replace(SEEN, **seen), expected)


def only(expected: Expected = EXPECTED, **seen: Any) -> FleetFinding:
    [one] = found(expected, **seen)
    return one


def with_site(name: str, kind: SiteKind, target: str = "") -> dict[str, Any]:
    return {"sites": {**(SEEN.sites or {}), name: (kind, target)}}


def test_where_both_say_the_same_nothing_is_found_of_homes_copies_and_what_has_left() -> None:
    assert found() == []


def test_a_site_that_is_missing_is_grave() -> None:
    one = only(sites={name: site for name, site in (SEEN.sites or {}).items() if name != "home"})
    assert (one.severity, one.sentence) == (Severity.GRAVE, "home is not served: app1 has no site of it.")


@pytest.mark.parametrize("name", ["kept", "left", "far"])
def test_two_servers_that_serve_one_instance_are_grave(name: str) -> None:
    one = only(**with_site(name, SiteKind.SERVES))
    assert one.severity is Severity.GRAVE
    assert one.sentence.endswith("two servers serve one instance.")
    assert bool(one.mend) is (name != "far")


def test_a_server_that_was_left_and_does_not_pass_on_can_be_made_to_by_word() -> None:
    one = only(**with_site("left", SiteKind.CLOSED))
    assert told_mend(one.mend) == "app1 passes requests for left on to app3."


def test_a_home_that_passes_on_is_grave_and_mended_by_hand() -> None:
    one = only(**with_site("home", SiteKind.PASSES_ON, "app9.test"))
    assert (one.severity, one.mend) == (Severity.GRAVE, {})
    assert one.do.endswith("where app9.test serves it: phm move found-switched home.")


def test_a_copy_that_is_served_to_everybody_is_grave() -> None:
    assert only(**with_site("home_1", SiteKind.SERVES)).severity is Severity.GRAVE


def test_the_site_of_an_ended_instance_is_taken_away_by_word_unless_it_says_that_it_is_closed() -> None:
    assert told_mend(only(**with_site("over", SiteKind.SERVES)).mend) == (
        "On app1 the site /etc/apache2/phm/instances/over.conf is removed, and Apache loads what is left."
    )
    assert found(**with_site("over", SiteKind.CLOSED)) == []


def test_what_the_inventory_does_not_know_is_found_and_nothing_removes_it_by_itself() -> None:
    strange = found(
        **with_site("evil", SiteKind.SERVES), pools=(*SEEN.pools, "evil"), users={**(SEEN.users or {}), "phm-evil": 20_999, "bob": 30_000},
        databases=(*(SEEN.databases or ()), "phm_evil", "wordpress"), database_users=(*SEEN.database_users, "phm_evil@localhost", "bob@%"),
        cron={**(SEEN.cron or {}), "evil": "/etc/cron.d/phm-evil"}, crontabs=("phm-home",),
        folders={"/srv/instances": ("home", "evil")}, other_sites=("/etc/apache2/sites-enabled/shop.conf",),
        name_sites={8: "/etc/apache2/phm/names/b.test.8.conf"},
    )  # fmt: skip
    assert {one.key.removeprefix("app1:") for one in strange} == {
        "sites:evil", "sites:pool-evil", "sites:/etc/apache2/sites-enabled/shop.conf",
        "sites:/etc/apache2/phm/names/b.test.8.conf", "users:phm-evil", "users:bob", "databases:phm_evil",
        "databases:wordpress", "databases:user-phm_evil@localhost", "databases:user-bob@%", "cron:evil",
        "cron:crontab-phm-home", "folders:/srv/instances/evil",
    }  # fmt: skip
    assert all(one.severity is Severity.WRONG and not one.mend for one in strange)
    assert len({one.key for one in strange}) == len(strange)


def test_what_an_ended_instance_has_left_is_wrong_and_what_a_move_has_left_is_noted() -> None:
    [user, database] = found(
        users={**(SEEN.users or {}), "phm-over": 20_050}, databases=(*(SEEN.databases or ()), "phm_over")
    )
    assert (user.severity, database.severity) == (Severity.WRONG, Severity.WRONG)
    assert user.sentence == "app1 has the Unix user phm-over, of over, which has ended."
    assert only(users={**(SEEN.users or {}), "phm-left": 20_051}).severity is Severity.NOTE


def test_users_and_databases_that_are_missing_are_grave() -> None:
    assert only(users={"phm-kept": 20_002}).severity is Severity.GRAVE
    assert only(users={**(SEEN.users or {}), "phm-home": 20_005}).sentence == (
        "The Unix user phm-home on app1 has the number 20005 in place of 20001."
    )
    assert only(databases=("phm_home_1", "phm_kept")).severity is Severity.GRAVE


def test_what_work_has_left_beside_a_database_is_noted_and_what_lies_aside_for_its_days_is_not() -> None:
    one = only(databases=(*(SEEN.databases or ()), "phm_home_trial"))
    assert (one.severity, one.what) == (Severity.NOTE, "phm_home_trial")


def test_a_mover_and_a_replication_without_a_move_are_found() -> None:
    strange = found(
        database_users=(*SEEN.database_users, "phm_move_home@localhost"),
        database=DatabaseHealth(True, followed=("phm_move",)),
    )
    assert [one.look for one in strange] == [Look.DATABASES, Look.DATABASE]
    moving = replace(EXPECTED, moving=frozenset({"home"}))
    assert (
        found(
            moving, database_users=("phm_move_home@localhost",), database=DatabaseHealth(True, followed=("phm_move",))
        )
        == []
    )


@pytest.mark.parametrize(
    ("name", "by_word"), [("kept", True), ("over", True), ("home_1", False), ("evil", False), ("far", False)]
)
def test_a_cron_job_that_is_left_goes_by_word_where_its_instance_has_gone(name: str, by_word: bool) -> None:
    one = only(cron={**(SEEN.cron or {}), name: f"/etc/cron.d/phm-{name}"})
    assert bool(one.mend) is by_word


def test_another_owner_or_mode_is_put_right_by_word_and_a_missing_file_is_not() -> None:
    one = only(places={**(SEEN.places or {}), SITE.path: PlaceSeen("file", "phm-home:phm-home", "666")})
    assert one.subject == "instance:home"
    assert told_mend(one.mend) == f"On app1 {SITE.path} gets the owner root:root and the mode 644."
    gone = only(places={path: place for path, place in (SEEN.places or {}).items() if path != DATA.path})
    assert (gone.severity, gone.mend) == (Severity.GRAVE, {})
    link = only(places={**(SEEN.places or {}), SITE.path: PlaceSeen("link", "root:root", "777")})
    assert (link.sentence, link.mend) == (f"{SITE.path} on app1 is a link in place of a file.", {})


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"gates": (GateSeen("home", "/srv/code/home/closed", NOW),)}, "its gate is shut since 2026-11-27 06:00 UTC"),
        (with_site("home", SiteKind.CLOSED), "its site is the page that says so"),
        ({"locked": ("phm_home", "phm_kept")}, "its database user is locked out"),
        ({"frozen": ("home", "kept")}, "its folder takes no writes"),
    ],
    ids=["gate", "site", "database", "folder"],
)
def test_an_instance_that_is_closed_without_work_is_grave_and_opened_by_word(seen: dict[str, Any], why: str) -> None:
    one = only(**seen)
    assert (one.look, one.severity) == (Look.CLOSED, Severity.GRAVE)
    assert one.sentence == f"home on app1 is closed, and no work on it is under way: {why}."
    assert one.mend["way"] == "open"


def test_of_an_instance_on_which_somebody_works_nothing_is_said() -> None:
    busy = replace(EXPECTED, busy=frozenset({"home"}))
    assert found(
        busy, sites={}, users={}, databases=("phm_home_new",), places={}, cron={},
        gates=(GateSeen("home", "/srv/code/home/closed", NOW),), folders={}, database_users=(), pools=(), name_sites={},
    ) == [
        FleetFinding(
            "app1", Look.RIGHTS, "/etc/phm/authorities.pem", Severity.WRONG, "/etc/phm/authorities.pem on app1 is missing.",
            "Enrol the server again, it writes what is missing: phm server add (see docs/runbooks/inspect-fleet.md, missing).",
            "server:app1",
        )
    ]  # fmt: skip


def test_of_a_place_that_is_only_reserved_nothing_has_to_be_there() -> None:
    reserved = replace(EXPECTED, homes={"home": Home("home", InstanceState.RESERVED, 20_001, (DATA,))})
    assert [
        one for one in found(reserved, sites={}, users={}, databases=(), cron={}, pools=()) if "home" in one.subject
    ] == []


def test_of_an_instance_on_its_way_out_nothing_has_to_be_there_and_nothing_may_be_served() -> None:
    closed = replace(EXPECTED, homes={"home": replace(EXPECTED.homes["home"], state=InstanceState.CLOSED)})
    gone = {"sites": {}, "users": {}, "databases": (), "cron": {}, "pools": (), "database_users": ()}
    assert [one for one in found(closed, **gone) if one.subject == "instance:home"] == []
    assert [one.look for one in found(closed)] == [Look.SITES, Look.CRON]


def test_a_suspended_instance_that_is_served_or_runs_its_cron_job_is_found() -> None:
    shut = replace(EXPECTED, homes={"home": replace(EXPECTED.homes["home"], state=InstanceState.SUSPENDED)})
    assert [(one.look, bool(one.mend)) for one in found(shut)] == [(Look.SITES, False), (Look.CRON, True)]
    closed = {**with_site("home", SiteKind.CLOSED), "gates": (GateSeen("home", "/srv/code/home/closed", NOW),)}
    assert found(shut, **closed, cron={}) == []


def test_what_changed_while_a_server_was_looked_at_says_nothing() -> None:
    before = replace(EXPECTED, homes={}, elsewhere={**EXPECTED.elsewhere, "home": "app2"})
    assert "home" in across(before, EXPECTED).busy
    shut = replace(EXPECTED, homes={"home": replace(EXPECTED.homes["home"], state=InstanceState.SUSPENDED)})
    assert across(shut, EXPECTED).is_busy("home")
    assert across(EXPECTED, shut).is_busy("home")
    assert across(EXPECTED, EXPECTED).busy == frozenset()
    assert across(replace(EXPECTED, busy=frozenset({"kept"})), EXPECTED).is_busy("kept")


def test_a_look_that_was_not_made_finds_nothing() -> None:
    assert drift(Seen("app1", NOW), EXPECTED) == []


@pytest.mark.parametrize(
    ("database", "owner"),
    [("phm_x", ("x", "")), ("phm_x_1", ("x_1", "")), ("phm_rehearsal", ("rehearsal", "")), ("phm_x_trial", ("x", "trial")), ("phm_x_aside_20261127", ("x", "aside_20261127")), ("mysql", ("", "")), ("phm_", ("", ""))],
)  # fmt: skip
def test_a_database_is_known_by_its_name(database: str, owner: tuple[str, str]) -> None:
    assert instance_of(database) == owner


def test_who_comes_back_to_a_server_that_it_left_is_on_its_way() -> None:
    assert replace(EXPECTED, coming=frozenset({"left"})).standing("left") is Standing.COMING
