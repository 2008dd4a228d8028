"""Names in an archive: every system takes them, none leads elsewhere, none is given twice (P41)."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.on_server.exporting.names import MOST_BYTES, Taken, folder_paths, safe_name
from tasks.on_server.exporting.stored_files import NotThere, StoredFiles

if TYPE_CHECKING:
    from pathlib import Path

ANY = st.text(max_size=300)


@given(ANY)
def test_any_name_is_one_that_every_system_takes(name: str) -> None:
    made = safe_name(name)
    assert made
    assert not set(made) & set('<>:"/\\|?*\0\n')
    assert len(made.encode()) <= MOST_BYTES + 1  # a reserved name gets a sign more
    assert made[-1] not in " ."
    assert made not in {".", ".."}
    assert made == safe_name(made)


@pytest.mark.parametrize(("name", "made"), [
    ("Übersicht 😀.pdf", "Übersicht 😀.pdf"), ("../../etc/passwd", "..-..-etc-passwd"), ("..", "unnamed"), ("", "unnamed"),
    ("aux", "_aux"), ("LPT1.txt", "_LPT1.txt"), ("auxiliary.txt", "auxiliary.txt"), ("a\u202egpj.exe", "agpj.exe"), (".htaccess", ".htaccess"),
    ("U\u0308ber", "Über"), ("a/b\\c", "a-b-c"), ("x" * 200 + ".docx", "x" * 115 + ".docx"), ("ends. . ", "ends"),
])  # fmt: skip
def test_a_name_stays_as_it_is_where_it_can(name: str, made: str) -> None:
    assert safe_name(name) == made


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "A"]), st.sampled_from(["x.txt", "X.TXT", "x", "Ü", "U\u0308", "x (2).txt", ".x"])
        ),
        max_size=30,
    )
)
def test_no_path_is_given_twice_not_even_in_another_case(asked: list[tuple[str, str]]) -> None:
    taken = Taken()
    given_ = [taken.free(folder, safe_name(name)) for folder, name in asked]
    keys = [unicodedata.normalize("NFC", path.casefold()) for path in given_]
    assert len(keys) == len(set(keys))


@given(
    st.dictionaries(
        st.integers(1, 12).map(str),
        st.tuples(st.integers(0, 14).map(str), st.sampled_from(["a", "A", "..", "b/c", ""])),
        max_size=12,
    )
)
def test_any_folders_have_paths_of_their_own_below_the_top_whatever_is_whose_parent(
    told: dict[str, tuple[str, str]],
) -> None:
    folders = [{"id": number, "parent": parent, "name": name} for number, (parent, name) in told.items()]
    paths = folder_paths(folders, "mail", Taken())
    assert set(paths) == set(told)
    assert len({path.casefold() for path in paths.values()}) == len(told)
    for number, (parent, _) in told.items():
        assert paths[number].startswith("mail/")
        assert ".." not in paths[number].split("/")
        if parent in told and parent != number and not paths[number].startswith(f"{paths[parent]}/"):
            assert in_circle(number, told)


def in_circle(number: str, told: dict[str, tuple[str, str]]) -> bool:
    at, seen = number, set[str]()
    while at in told and at not in seen:
        seen.add(at)
        at = told[at][0]
    return at in seen


def test_files_are_read_below_their_folder_alone(tmp_path: Path) -> None:
    root, other = tmp_path / "1", tmp_path / "2"
    (root / "files/a").mkdir(parents=True)
    other.mkdir()
    (other / "secret").write_bytes(b"other")
    (root / "files/a/own").write_bytes(b"own")
    (root / "files/link").symlink_to(other / "secret")
    (root / "files/folder").symlink_to(other)
    files = StoredFiles(str(root))
    with files.open("files", "a", "own") as file:
        assert file.read() == b"own"
    for parts in (("files", "../../2", "secret"), ("files", "link"), ("files", "folder", "secret"), ("files", ""), ("..", "2", "secret"),
                  ("files", "a"), ("files", "a\0b"), ("files", "\ud800"), ("files", "a/../a/own")):  # fmt: skip
        with pytest.raises(NotThere):
            files.open(*parts)
    assert list(files.not_asked("files")) == []  # links are asked for, and told of
