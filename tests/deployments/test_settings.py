"""What the settings' file may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployments.console.settings_from_fleet import as_toml
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
