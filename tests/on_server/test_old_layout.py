"""Of an old tree users' data is taken over, by an allow-list; no program, cache or setting is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.on_server.old_installation.layout import lay_out, new_place
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.scratch import Scratch
from tests.product.old_installations import OldOne

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = ("storage",), ("storage", "user")
CONFIG = ("shared", "config")


@pytest.mark.parametrize(
    ("path", "base", "place"),
    [
        ("storage/7/email/inbox/a.1", OLD, "storage/user/7/email/inbox/a.1"),
        ("storage/user/7/email/42/a.1", NEW, "storage/user/7/email/42/a.1"),
        ("storage/user/7/files/1199145600.47a", NEW, "storage/user/7/files/1199145600.47a"),
        ("storage/user/7/contacts/3", NEW, "storage/user/7/contacts/3"),
        ("shared/config/global.MOTD.wpop", OLD, "storage/config/global.MOTD.wpop"),
    ],
)
def test_users_data_lies_where_the_product_looks_for_it(path: str, base: tuple[str, ...], place: str) -> None:
    assert new_place(tuple(path.split("/")), base, CONFIG) == tuple(place.split("/"))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("storage/user/7/files/shell.php", "program"), ("storage/user/7/files/a.PHTML", "program"), ("storage/user/7/files/.htaccess", "program"),
        ("storage/user/7/files/a.php5", "program"), ("storage/user/7/files/.user.ini", "program"), ("storage/user/7/core/x", "temporary"),
        ("storage/user/7/email/.tmp/x", "temporary"), ("storage/user/7/other/x", "other"), ("storage/user/07/email/x", "other"),
        ("storage/user/x/email/a", "other"), ("storage/tplcache/a", "cache"), ("storage/temp/a", "temporary"), ("storage/filter_scripts/a.php", "program"),
        ("storage/autoupdate/a", "program"), ("storage/x.php", "program"), ("storage/x", "other"), ("shared/config/choices.ini.php", "settings"),
        ("index.php", "code"), ("handlers/shop/api.php", "code"), ("storage", "code"),
    ],
)  # fmt: skip
def test_all_else_stays_and_is_told_why(path: str, why: str) -> None:
    assert new_place(tuple(path.split("/")), NEW, CONFIG) == why


@pytest.mark.parametrize("series", [3, 4])
def test_an_old_tree_is_laid_out_anew_to_the_byte(tmp_path: Path, series: int) -> None:
    old = OldOne(
        series=series, extra={"storage/filter_scripts/evil.php": b"<?php", "storage/user/1/files/evil.php": b"<?php"}
    )
    with Scratch(str(tmp_path)) as scratch:
        for path, content in old.files().items():
            scratch.write(tuple(path.split("/")), [content])
        base = tuple(old.base.split("/"))
        found = lay_out(scratch, ("phlymail",), base, tuple(old.config.rstrip("/").split("/")), ("new",))
    wanted = {
        path.removeprefix("phlymail/").replace(old.base, "storage/user", 1): content
        for path, content in old.files().items()
        if "/email/inbox/" in path or "/files/1199" in path
    }
    taken = {
        str(path.relative_to(tmp_path / "new")): path.read_bytes()
        for path in (tmp_path / "new").rglob("*")
        if path.is_file()
    }
    assert taken == wanted
    assert found.files == len(wanted) == old.users * (old.mails + 1)
    assert "storage/filter_scripts/evil.php" in found.named


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with Scratch(str(tmp_path)) as scratch:
        scratch.write(("a",), [b"1"])
        scratch.write(("b", "c"), [b"2"])
        with pytest.raises(Refusal, match="file_and_folder"):
            scratch.move(("a",), ("b", "c"))
    assert (tmp_path / "b/c").read_bytes() == b"2"
    assert (tmp_path / "a").read_bytes() == b"1"
