from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleet import sources
from fleet.errors import CannotRunHere

if TYPE_CHECKING:
    from pathlib import Path

STANZAS = """\
Types: deb
# a comment
URIs: http://debian.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://third.example/deb
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/third.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""

LINES = """\
# deb http://old.example/debian bookworm main
deb http://debian.example/debian bookworm main contrib # and more
deb-src http://debian.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/third.gpg] https://third.example/deb stable main
deb [ signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://debian.example/security bookworm-security main
"""

KEY = f"[signed-by={sources.KEYRING}]"


def test_only_debians_own_stanzas_count() -> None:
    assert sources.from_stanzas(STANZAS) == [
        f"deb {KEY} http://debian.example/debian bookworm main",
        f"deb {KEY} http://debian.example/debian bookworm-updates main",
    ]


def test_lines_without_a_key_count_in_the_main_file_only() -> None:
    security = f"deb {KEY} http://debian.example/security bookworm-security main"
    plain = f"deb {KEY} http://debian.example/debian bookworm main contrib"
    assert sources.from_lines(LINES, trusted=True) == [plain, security]
    assert sources.from_lines(LINES, trusted=False) == [security]


def test_both_forms_are_read_and_another_release_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(STANZAS)
    (tmp_path / "sources.list").write_text("deb http://debian.example/debian trixie main\n")
    assert len(sources.debian_lines("bookworm", tmp_path)) == 2


def test_a_machine_without_debians_sources_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match=r"no source of Debian bookworm\. .*PHM_FLEET_SOURCES"):
        sources.debian_lines("bookworm", tmp_path)


def test_a_chosen_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tmp_path / "mine.list"
    chosen.write_text("deb http://debian.example/debian bookworm main\n")
    monkeypatch.setenv(sources.OVERRIDE, str(chosen))
    assert sources.debian_lines("bookworm", tmp_path / "none") == [
        f"deb {KEY} http://debian.example/debian bookworm main"
    ]
