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
        ("storage/7/email/inbox/a.1", OLD, "user/7/email/inbox/a.1"),
        ("storage/user/7/email/42/a.1", NEW, "user/7/email/42/a.1"),
        ("storage/user/7/files/1199145600.47a", NEW, "user/7/files/1199145600.47a"),
        ("storage/user/7/contacts/3", NEW, "user/7/contacts/3"),
        ("shared/config/global.MOTD.wpop", OLD, "config/global.MOTD.wpop"),
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
    tree, new = tmp_path / "tree", tmp_path / "new"
    tree.mkdir()
    new.mkdir()
    with Scratch(str(tree)) as scratch, Scratch(str(new)) as storage:
        for path, content in old.files().items():
            scratch.write(tuple(path.split("/")), [content])
        base, config = tuple(old.base.split("/")), tuple(old.config.rstrip("/").split("/"))
        found = lay_out(scratch, ("phlymail",), base, config, storage)
        assert lay_out(scratch, ("phlymail",), base, config, storage) == found  # a run that was cut off begins anew
    wanted = {
        path.removeprefix("phlymail/").replace(old.base, "user", 1): content
        for path, content in old.files().items()
        if "/email/inbox/" in path or "/files/1199" in path
    }
    taken = {str(path.relative_to(new)): path.read_bytes() for path in new.rglob("*") if path.is_file()}
    assert taken == wanted
    assert {path.stat().st_mode & 0o777 for path in new.rglob("*") if path.is_file()} == {0o600}
    assert found.files == len(wanted) == old.users * (old.mails + 1)
    assert "storage/filter_scripts/evil.php" in found.named


def test_what_lies_where_a_file_is_copied_to_is_replaced_and_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    for name in ("tree", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "new/link").symlink_to(outside)
    (tmp_path / "new/folder").mkdir()
    with Scratch(str(tmp_path / "tree")) as tree, Scratch(str(tmp_path / "new")) as new:
        tree.write(("a",), [b"old", b"er"])
        tree.copy(("a",), new, ("link",))
        with pytest.raises(Refusal, match="file_and_folder"):
            tree.copy(("a",), new, ("folder",))
        with pytest.raises(Refusal, match="file_and_folder"):
            tree.copy(("a",), new, ("link", "b"))
    assert (outside.read_bytes(), (tmp_path / "new/link").read_bytes()) == (b"mine", b"older")
    assert not (tmp_path / "new/link").is_symlink()
    assert (tmp_path / "tree/a").read_bytes() == b"older"
