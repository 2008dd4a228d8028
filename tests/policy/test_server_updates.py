"""What of a server's update needs a person's word, when it may begin, when a reboot has its turn (P13, P14, P15)."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.engines import DEBIAN, SUPPORTED, UBUNTU, ends_soon, engines, series
from hosting.policy.maintenance import NeverFits, off_peak_windows
from hosting.policy.placement import PAUSED, takes_instances
from hosting.policy.server_updates import (
    CANARY,
    Change,
    NotNow,
    Scope,
    SystemFacts,
    Transaction,
    UpdateRefused,
    Word,
    canaries_first,
    check_can_begin,
    check_update,
    grown_ill,
    is_untouched,
    needs_reboot,
    objections,
    reboot_window,
    scope_on,
)
from hosting.policy.terms import STANDARD, TIME_ZONE
from hosting.policy.values import ServerName
from tests.inventory.words import server

NOW = datetime(2026, 12, 1, 3, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
APP1 = ServerName("app1")
HAS = {
    "php8.2-fpm": "8.2.29-1~deb12u1", "php8.2-cli": "8.2.29-1~deb12u1", "mariadb-server": "1:10.11.14-0+deb12u2",
    "apache2": "2.4.65-1~deb12u1", "apache2-bin": "2.4.65-1~deb12u1", "php-common": "2:93", "openssl": "3.0.17-1",
}  # fmt: skip
FACTS = SystemFacts("debian 12", "6.1.0-40", "6.1.0-40", reboot_required=False, boot="b1", packages=HAS)


def upgrade(name: str, new: str, old: str = "1") -> Transaction:
    return Transaction((Change(name, old, new, ("Debian-Security:12/stable-security",)),))


@pytest.mark.parametrize(("planned", "said"), [
    (upgrade("openssl", "3.0.18-1"), []),
    (upgrade("php8.2-fpm", "8.2.30-1~deb12u1"), []),
    (upgrade("mariadb-server", "1:10.11.15-0+deb12u1"), []),
    (upgrade("php-common", "2:94"), []),
    (Transaction((), ("php8.2-imap",)), ["It would remove php8.2-imap. (--word removals)"]),
    (upgrade("php8.4-fpm", "8.4.1-1", ""), ["It would change PHP from 8.2 to 8.4. (--word major)"]),
    (upgrade("mariadb-server", "1:11.8.2-1"), ["It would change MariaDB from 10.11 to 11.8. (--word major)"]),
    (upgrade("apache2-bin", "2.6.0-1"), ["It would change Apache from 2.4 to 2.6. (--word major)"]),
    (upgrade("linux-image-amd64", "6.1.150-1"), ["It would change what is held: linux-image-amd64. (--word held)"]),
])  # fmt: skip
def test_what_needs_an_operators_word(planned: Transaction, said: list[str]) -> None:
    facts = replace(FACTS, held=frozenset({"linux-image-amd64"}))
    assert objections(facts, planned) == said
    assert objections(facts, planned, tuple(Word)) == []
    if said:
        with pytest.raises(UpdateRefused, match="The update of app1 needs an operator's word"):
            check_update(APP1, facts, planned)
    else:
        check_update(APP1, facts, planned)


def test_all_reasons_are_told_at_once_and_a_word_is_for_one_of_them() -> None:
    planned = Transaction((*upgrade("mariadb-server", "1:11.8.2-1").changes, Change("linux", "1", "2")), ("libfoo",))
    facts = replace(FACTS, held=frozenset({"linux"}))
    assert len(objections(facts, planned)) == len(Word)
    assert [one.rpartition(" ")[2] for one in objections(facts, planned, {Word.MAJOR})] == ["removals)", "held)"]


def test_the_series_of_what_customers_rest_on() -> None:
    assert engines(HAS) == {"PHP": "8.2", "MariaDB": "10.11", "Apache": "2.4"}
    assert engines({"mysql-server": "8.0.43-1", "mysql-server-8.0": "8.0.43-1"}) == {"MySQL": "8.0"}
    assert [series(one) for one in ("1:10.11.6-0+deb12u1", "2:8.2+93", "3.0.17", "odd")] == ["10.11", "8.2", "3.0", ""]


def test_what_is_out_of_support_is_told_in_time() -> None:
    goes_on = "; the packages of debian 12 get them until 2028-06-30."
    assert ends_soon("debian 12", HAS, date(2026, 1, 15)) == []
    assert ends_soon("debian 12", HAS, date(2026, 12, 1)) == [f"PHP 8.2 gets security fixes until 2026-12-31{goes_on}"]
    assert ends_soon("debian 12", HAS, date(2027, 2, 1)) == [
        f"PHP 8.2 gets no more security fixes since 2026-12-31{goes_on}"
    ]
    assert ends_soon("debian 12", {}, date(2028, 6, 1)) == ["debian 12 gets security fixes until 2028-06-30."]
    assert ends_soon("plan 9", {"php8.1-fpm": "8.1.2"}, date(2026, 6, 1)) == [
        "PHP 8.1 gets no more security fixes since 2025-12-31."
    ]


@pytest.mark.parametrize(("file", "column", "source"), [("debian", "eol-lts", DEBIAN), ("ubuntu", "eol", UBUNTU)])
def test_the_ends_of_distributions_are_those_that_debian_ships(file: str, column: str, source: str) -> None:
    with Path(f"/usr/share/distro-info/{file}.csv").open(encoding="utf-8", newline="") as rows:
        ends = {f"{file} {row['version'].removesuffix(' LTS')}": row[column] for row in csv.DictReader(rows)}
    known = {name: str(support.until) for name, support in SUPPORTED.items() if support.source == source}
    assert known
    assert known == {name: ends[name] for name in known}


def test_each_date_names_who_says_it() -> None:
    makers = {"debian": "distro-info", "ubuntu": "distro-info", "PHP": "php.net", "MariaDB": "mariadb.org"}
    for name, support in SUPPORTED.items():
        assert makers.get(name.partition(" ")[0], "mysql.com") in support.source


def test_every_instance_needs_a_backup_of_the_last_day_and_nobody_at_work() -> None:
    check_can_begin(APP1, {"a": NOW - 24 * HOUR}, [], NOW)
    check_can_begin(APP1, {}, [], NOW)
    backups = {"a": NOW - HOUR, "b": NOW - 25 * HOUR, "c": None}
    with pytest.raises(NotNow, match=r"a is worked on by run 7 \(back up\).* 24 hours of b, c\."):
        check_can_begin(APP1, backups, ["a is worked on by run 7 (back up)."], NOW)


def test_all_updates_are_made_in_the_night_to_sunday_and_security_updates_in_the_others() -> None:
    assert [scope_on(date(2026, 12, day)) for day in (5, 6, 7)] == [Scope.SECURITY, Scope.FULL, Scope.SECURITY]


def test_the_canary_is_first_and_without_one_the_server_with_the_fewest_instances() -> None:
    three = [server("app1", instances=5), server("app2", instances=2), server("app3", instances=2)]
    assert [one.name for one in canaries_first(three)] == ["app2", "app1", "app3"]
    marked = [*three[:2], replace(three[2], facts={CANARY: True})]
    assert [one.name for one in canaries_first(marked)] == ["app3", "app1", "app2"]
    assert canaries_first([]) == []


def test_a_server_that_is_updated_takes_no_instance() -> None:
    assert takes_instances(server("app1"))
    assert takes_instances(server("app1", facts={PAUSED: {}}))
    assert not takes_instances(server("app1", facts={PAUSED: {"server": "app1"}}))


@pytest.mark.parametrize(("facts", "why"), [
    (FACTS, ""),
    (replace(FACTS, kernel_installed=""), ""),  # a container has none of its own
    (replace(FACTS, kernel_installed="6.1.0-41"), "Kernel 6.1.0-41 is installed, 6.1.0-40 runs."),
    (replace(FACTS, reboot_required=True), "An installed package asks for it."),
    (replace(FACTS, stale_units=("apache2.service", "php8.2-fpm.service")), ""),
    (replace(FACTS, stale_units=("apache2.service", "init.scope")), "init.scope run what was replaced."),
])  # fmt: skip
def test_when_a_reboot_is_needed(facts: SystemFacts, why: str) -> None:
    assert needs_reboot(facts) == why


def test_whether_an_update_has_changed_nothing_yet() -> None:
    facts = replace(FACTS, packages={"a": "1", "b": "1", "gone": "1"}, half_done=())
    untouched = partial(
        is_untouched, versions=("a", "b:i386", "new"), old={"a": "1", "b:i386": "1"}, removals=("gone",)
    )
    assert untouched(facts)
    assert not untouched(replace(facts, half_done=("a",)))
    for packages in ({"a": "2"}, {"new": "1"}, {"gone": ""}):
        assert not untouched(replace(facts, packages={**facts.packages, **packages}))


def test_what_was_well_before_and_is_not_now() -> None:
    before = {"a": "", "b": "It was ill.", "c": "", "apache2": ""}
    assert grown_ill(before, {"a": "", "b": "It is ill.", "c": "503.", "apache2": ""}) == {"c": "503."}
    assert grown_ill(before, {"a": "", "b": "", "c": ""}) == {"apache2": "It is gone."}
    assert grown_ill(before, before) == {}


moments = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


@given(moments)
def test_a_reboot_has_its_turn_early_in_the_first_off_peak_morning_after_the_notice(after: datetime) -> None:
    turn = reboot_window(after, {STANDARD})
    assert after <= turn.opens < after + timedelta(hours=25)
    local = turn.opens.astimezone(ZoneInfo(TIME_ZONE))
    assert (local.hour, turn.lasts) == (4, 2 * HOUR)
    assert any(one.opens <= turn.opens and turn.closes <= one.closes for one in off_peak_windows(turn.opens))


def test_a_reboot_that_takes_long_has_a_longer_turn() -> None:
    turn = reboot_window(NOW, {STANDARD}, lasts=3 * HOUR)
    local = turn.opens.astimezone(ZoneInfo(TIME_ZONE))
    assert (f"{local:%a %H:%M}", turn.lasts) == ("Sat 04:00", 3 * HOUR)  # no other morning is off-peak until 7:00
    assert reboot_window(NOW, {STANDARD}, lasts=HOUR) == reboot_window(NOW, {STANDARD})


def test_terms_that_leave_no_early_morning_leave_no_reboot() -> None:
    evenings = replace(STANDARD, off_peak_days=(), off_peak_opens=time(20), off_peak_closes=time(23))
    with pytest.raises(NeverFits):
        reboot_window(NOW, {evenings, STANDARD})
