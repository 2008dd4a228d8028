"""What the settings' file may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blocks.service_settings import ServiceSettings
from deployments.connections import backup_store_of, blocks_of
from deployments.console.settings_from_fleet import as_toml
from hosting.policy.terms import STANDARD
from hosting.settings import SettingsMissing, load_settings
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
