"""What the settings' file may say."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from blocks.service_settings import ServiceSettings
from deployments.connections import backup_store_of, blocks_of
from deployments.console.settings_from_fleet import as_toml
from hosting.policy.business_hours import ServiceCalendar, ServiceHours
from hosting.policy.terms import STANDARD
from hosting.settings import SettingsMissing, advice, load_settings
from tests.deployments.service import plain_settings

if TYPE_CHECKING:
    from pathlib import Path


def with_public_url(folder: Path, url: str) -> Path:
    content = plain_settings(folder)
    content["web"]["public_url"] = url
    file = folder / "settings.toml"
    file.write_text(as_toml(content))
    return file


@pytest.mark.parametrize(
    "url",
    [
        "https://service.phlymail.test",
        "http://127.0.0.1:4280",
        "http://127.0.0.2:4280",
        "http://[::1]:4280",
        "http://localhost:4280",
    ],
)
def test_links_that_set_passwords_travel_encrypted_or_not_at_all(tmp_path: Path, url: str) -> None:
    assert load_settings(with_public_url(tmp_path, url)).web.public_url == url


def with_backup(folder: Path, **entries: object) -> Path:
    content = plain_settings(folder)
    content["backup"] = entries
    file = folder / "settings.toml"
    file.write_text(as_toml(content))
    return file


def test_a_store_of_backups_outside_germany_is_refused(tmp_path: Path) -> None:
    assert load_settings(with_backup(tmp_path, endpoint_country="DE")).backup.endpoint_country == "DE"
    with pytest.raises(SettingsMissing, match=r"backup\.endpoint_country: .*stay in Germany \(P02\)"):
        load_settings(with_backup(tmp_path, endpoint_country="FR"))


def test_what_follows_without_an_answer_reaches_the_runs(tmp_path: Path) -> None:
    def told(**entries: str) -> str:
        file = tmp_path / "settings.toml"
        file.write_text(as_toml(plain_settings(tmp_path) | entries))
        [block] = [one for one in blocks_of(load_settings(file)) if isinstance(one, ServiceSettings)]
        return block.move_without_answer

    assert (told(), told(move_without_answer="move")) == ("nothing", "move")


@pytest.mark.parametrize(
    ("stands", "kept"), [({}, "BE"), ({"holidays_state": "BY"}, "BY"), ({"holidays_state": ""}, None)]
)
def test_public_holidays_are_those_of_a_state_or_none(tmp_path: Path, stands: dict[str, str], kept: str | None) -> None:
    content = plain_settings(tmp_path)
    content.pop("holidays_state", None)
    file = tmp_path / "settings.toml"
    file.write_text(as_toml(content | stands))
    [block] = [one for one in blocks_of(load_settings(file)) if isinstance(one, ServiceSettings)]
    calendar = ServiceCalendar(ServiceHours.of_terms(STANDARD, ZoneInfo("Europe/Berlin")), block.holidays_state)
    assert block.holidays_state == kept
    assert calendar.opens_on(date(2026, 12, 25)) is (kept is None)
    assert calendar.opens_on(date(2026, 1, 6)) is (kept != "BY")  # Epiphany


def test_how_far_a_full_pool_is_foreseen_reaches_the_runs(tmp_path: Path) -> None:
    def told(**entries: int) -> int:
        file = tmp_path / "settings.toml"
        file.write_text(as_toml(plain_settings(tmp_path) | entries))
        [block] = [one for one in blocks_of(load_settings(file)) if isinstance(one, ServiceSettings)]
        return block.room_ahead_days

    assert (told(), told(room_ahead_days=60)) == (STANDARD.room_ahead_days, 60)
    with pytest.raises(SettingsMissing, match="room_ahead_days: "):
        told(room_ahead_days=0)


@pytest.mark.parametrize(
    ("resolvers", "alone"),
    [
        ((), "the system's own"),
        (("192.0.2.1",), "192.0.2.1"),
        (("192.0.2.1", "192.0.2.1"), "192.0.2.1"),
        (("192.0.2.1", "198.51.100.1"), ""),
    ],
)
def test_one_resolver_alone_is_told(tmp_path: Path, resolvers: tuple[str, ...], alone: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(as_toml({"resolvers": list(resolvers)} | plain_settings(tmp_path)))
    told = advice(load_settings(file))
    assert [f"one resolver alone ({alone})" in one for one in told] == ([True] if alone else [])


def test_the_object_lock_ends_before_a_generation_is_dropped(tmp_path: Path) -> None:
    with pytest.raises(SettingsMissing, match=r"backup\.lock_days: "):
        load_settings(with_backup(tmp_path, lock_days=7 * STANDARD.backup_weeks_kept))


def test_backups_go_to_the_object_stores_endpoint_unless_another_is_named(tmp_path: Path) -> None:
    assert backup_store_of(load_settings(with_backup(tmp_path))).endpoint == "http://127.0.0.1:9"
    key = {"access_key": "w", "secret_key": "hush"}
    other = load_settings(with_backup(tmp_path, endpoint="https://s3.example.de", region="de", writers={"app-1": key}))
    store = backup_store_of(other)
    assert (store.endpoint, store.region) == ("https://s3.example.de", "de")
    assert store.credentials("app-1").secret_key == "hush"
    assert "hush" not in repr(store) + repr(store.credentials("app-1")) + repr(other)


@pytest.mark.parametrize(
    "url",
    [
        "http://service.phlymail.test",
        "http://192.0.2.1:4280",
        "http://127.0.0.1.phlymail.test",
        "http://localhost@phlymail.test",
        "ftp://127.0.0.1",
        "https://",
        "service.phlymail.test",
        "",
    ],
)
def test_another_public_url_is_refused_in_one_sentence(tmp_path: Path, url: str) -> None:
    file = with_public_url(tmp_path, url)
    with pytest.raises(SettingsMissing, match=r"web\.public_url: .*begins with https://\. Correct them\.$"):
        load_settings(file)


def with_board(folder: Path, **entries: object) -> Path:
    file = folder / "settings.toml"
    file.write_text(as_toml(plain_settings(folder) | {"board": entries}))
    return file


def test_the_board_is_at_a_door_of_its_own_on_this_machine_unless_set(tmp_path: Path) -> None:
    settings = load_settings(with_board(tmp_path))
    assert settings.board.url == "http://127.0.0.1:4281"
    assert settings.board.bind_port != settings.web.bind_port
    assert load_settings(with_board(tmp_path, bind_port=0)).board.url == ""
    proxied = with_board(tmp_path, bind_host="10.0.0.5", public_url="https://board.phlymail.test/")
    assert load_settings(proxied).board.url == "https://board.phlymail.test"


@pytest.mark.parametrize(("entries", "why"), [
    ({"bind_host": "192.0.2.1"}, "travel in the clear"),
    ({"bind_host": "10.0.0.5", "public_url": "http://127.0.0.1"}, "travel in the clear"),
    ({"public_url": "http://board.phlymail.test"}, "begins with https://"),
    ({"prefect_url": "javascript:alert(1)"}, "begins with https://"),
    ({"refresh_seconds": 1}, "greater than or equal to 15"),
])  # fmt: skip
def test_a_board_whose_login_or_links_could_be_misused_is_refused(
    tmp_path: Path, entries: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingsMissing, match=why):
        load_settings(with_board(tmp_path, **entries))


def test_the_board_s_port_is_not_the_receiver_s(tmp_path: Path) -> None:
    content = plain_settings(tmp_path)
    file = tmp_path / "settings.toml"
    file.write_text(as_toml(content | {"board": {"bind_port": content["web"]["bind_port"]}}))
    with pytest.raises(SettingsMissing, match="give the board another one"):
        load_settings(file)
