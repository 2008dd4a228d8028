"""A tree is brought up to date by what has changed alone: the same as if all had been looked at (P24)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.on_server import file_tree, move_in, tree_update
from tasks.on_server.job import Progress

DUMP = rb"""snapshot        ./3                             uuid=e37d8c4d transid=8 parent_uuid=9209923f parent_transid=7
rename          ./3/old                         dest=./3/new
unlink          ./3/user/1/files/b\ c
utimes          ./3/new/sub/x                   atime=2026-11-26T20:37:15+0000 mtime=2026-11-26T20:37:15+0000
mkfile          ./3/o266-8-0
rename          ./3/o266-8-0                    dest=./3/user/1/files/Gr\303\274\303\237e\ \n\\\303\274.txt
update_extent   ./3/user/1/files/Gr\303\274\303\237e\ \n\\\303\274.txt offset=0 len=1
symlink         ./3/o267-8-0                    dest=/etc/group
link            ./3/old/zz                      dest=old/z
utimes          ./3/                            atime=2026-11-26T20:37:15+0000 mtime=2026-11-26T20:37:15+0000
"""
"""As btrfs-progs 6.2 told it of a real folder."""


def test_the_paths_are_those_that_btrfs_tells_however_they_are_written() -> None:
    assert tree_update.parse_dump(DUMP) == {
        "old", "new", "user/1/files/b c", "new/sub/x", "o266-8-0", "user/1/files/Grüße \n\\ü.txt", "o267-8-0", "old/zz",
    }  # fmt: skip


@pytest.mark.parametrize("sign", [rb"\1", rb"\37.", rb"\177"])
def test_a_sign_that_is_told_in_doubt_makes_all_be_looked_at(sign: bytes) -> None:
    with pytest.raises(tree_update.Unclear):
        tree_update.parse_dump(b"unlink          ./3/a" + sign + b"23\n")


def test_a_path_that_nobody_knows_was_not_understood(tmp_path: Path) -> None:
    with pytest.raises(tree_update.Unclear):
        tree_update.bring_up_to_date(str(tmp_path), {}, tree_update.Total(), {"never/there"})
    tree_update.bring_up_to_date(str(tmp_path), {}, tree_update.Total(), {"o266-8-0"})  # renamed before the end


NAMES = st.sampled_from(["a", "b", "ü c", "d"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["write", "folder", "drop", "rename", "mode", "link"]), PATHS, PATHS), max_size=12
)


def does(root: Path, deed: tuple[str, str, str]) -> set[str]:
    """Does it if it can be done; the paths that it touched."""
    what, one, other = deed
    path = root / one
    try:
        match what:
            case "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{one} {other} {time.monotonic_ns()}")
            case "folder":
                path.mkdir(parents=True, exist_ok=True)
            case "drop":
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            case "rename":
                path.rename(root / other)
            case "mode":
                path.chmod(0o750 if path.is_dir() else 0o640)
            case _:
                path.symlink_to("/nowhere/at/all")  # what is written or set through it goes nowhere
    except OSError:
        return set()
    parents = {str(up) for up in [*Path(one).parents, *Path(other).parents] if str(up) != "."}
    return {path for path in {one, other, *parents} if path}


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(before=DEEDS, after=DEEDS)
def test_whatever_was_done_both_ways_find_the_same_as_who_looks_at_all(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[str, str, str]], after: list[tuple[str, str, str]]
) -> None:
    root = tmp_path_factory.mktemp("data")
    for deed in before:
        does(root, deed)
    known = file_tree.tree(str(root))
    touched: set[str] = set()
    since = time.time() - 0.05
    for deed in after:
        touched |= does(root, deed)
    wanted = file_tree.tree(str(root))
    seen = tree_update.changed_since(str(root), known, tree_update.children_of(known), since)
    for paths in (seen, {path for path in touched if path in known or os.path.lexists(root / path)}):
        entries, total = dict(known), tree_update.total_of(known)
        tree_update.bring_up_to_date(str(root), entries, total, paths)
        assert {path: entry[:4] for path, entry in entries.items() if entry[0] != "d"} == {
            path: entry[:4] for path, entry in wanted.items() if entry[0] != "d"
        }
        assert set(entries) == set(wanted)
        assert total == tree_update.total_of(wanted)


def test_the_last_round_of_a_folder_without_snapshots_reads_and_looks_at_what_has_changed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, kept, sign = tmp_path / "data", tmp_path / "work/tree", tmp_path / "go"
    (data / "inbox").mkdir(parents=True)
    for number in range(300):
        (data / f"inbox/{number}").write_text("mail")
    request = {
        "folder": str(data),
        "kept": str(kept),
        "awaited": str(data),
        "before": "",
        "changing": True,
        "last": False,
    }
    monkeypatch.setattr(file_tree, "SETTLED_NS", 0)
    move_in.tree(request, Progress(tmp_path))
    old = max(one.stat().st_ctime for one in (data / "inbox").iterdir()) + 0.001
    tick = tmp_path / "tick"
    tick.touch()
    while tick.stat().st_ctime <= old + 0.001:  # a file system's clock goes on in steps of some milliseconds
        tick.touch()
    (data / "inbox/7").write_text("another")
    (data / "inbox/new").write_text("new")
    (data / "inbox/9").unlink()
    looked: list[str] = []
    entry_of = file_tree.entry_of

    def watched(root: str, path: str, found: os.stat_result, known: list[object] | None) -> list[object]:
        looked.append(path)
        return entry_of(root, path, found, known)

    sign.touch()
    later = (kept.parent / "tree.since").read_text()
    assert float(later) < time.time()
    os.utime(data)
    for number in range(300):  # they are old: not of the last seconds
        assert (data / f"inbox/{number}").exists() or number == 9
    (kept.parent / "tree.since").write_text(str(old))
    monkeypatch.setattr(file_tree, "entry_of", watched)
    found = move_in.tree({**request, "awaited": str(sign), "changing": False, "last": True}, Progress(tmp_path))
    monkeypatch.setattr(file_tree, "entry_of", entry_of)
    assert set(looked) == {"inbox", "inbox/7", "inbox/new"}
    assert found == tree_update.total_of(file_tree.tree(str(data))).told()
