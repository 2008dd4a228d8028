"""What restic's words mean: a full disk, a refused key and damage are told as such; all else may heal."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from tasks.on_server.dump_stream import is_broken_off
from tasks.on_server.restic import ResticSaid, ending
from tasks.on_server.restore_point import not_taken


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Save(<data/1f>): Put: connection refused", "store"),
        ("Fatal: unable to create lock in backend: repository is already locked by PID 7", "store"),
        ("ignoring error for /x: write /x: no space left on device", "disk full"),
        ("Fatal: unable to open config file: Stat: Access Denied.", "denied"),
        ("Stat: The Access Key Id you provided does not exist in our records.", "denied"),
        ("Fatal: ciphertext verification failed", "damaged"),
        ("LoadIndex: load <index/4c>: invalid data returned", "damaged"),
        ("Fatal: wrong password or no key found", "damaged"),
        ("Stat: The specified key does not exist.", "damaged"),
        ("Fatal: Unmarshal: invalid character 'p' looking for beginning of value", "damaged"),  # a key
        ("Fatal: config cannot be loaded: trying to decrypt invalid data: ciphertext too small", "damaged"),
    ],
)
def test_a_word_of_restics_has_one_meaning(said: str, kind: str) -> None:
    assert ResticSaid(ending("backup", 1, said.encode())).kind == kind


def test_hints_where_a_repository_could_be_are_no_part_of_the_sentence() -> None:
    said = b"Fatal: unable to open config file: Stat: Access Denied.\nIs there a repository at the following location?\ns3:https://x/y\n"
    assert ending("cat", 1, said) == (
        "restic cat ended with exit code 1: Fatal: unable to open config file: Stat: Access Denied"
    )
    assert ending("cat", -9, b"") == "restic cat ended with exit code -9: it said nothing"


def test_a_restore_tells_what_was_wrong_at_first_and_names_no_file() -> None:
    said = b"ignoring error for /srv/a: ciphertext verification failed\n"
    said += (
        b"ignoring error for /srv/a: UtimesNano: no such file or directory\n" * 50 + b"Fatal: There were 51 errors\n"
    )
    assert ending("restore", 1, said) == "restic restore ended with exit code 1: ciphertext verification failed"
    assert ResticSaid(ending("restore", 1, said)).kind == "damaged"


@pytest.mark.parametrize(
    ("code", "said", "again"),
    [
        (-9, "", True),
        (3, "mariadb-dump: Error 2013: Lost connection to server during query when dumping table `a` at row: 4", True),
        (2, "mariadb-dump: Got error: 2002: \"Can't connect to local server through socket\" when trying to connect", True),
        (3, "mariadb-dump: Error 1412: Table definition has changed, please retry transaction", True),
        (2, "mariadb-dump: unknown option '--nonsense'", False),
        (0, "", False),
    ],
)  # fmt: skip
def test_a_dump_that_was_broken_off_is_tried_again(code: int, said: str, again: bool) -> None:
    assert is_broken_off(code, said) is again


@pytest.mark.parametrize(
    ("said", "free_mib", "kind"),
    [
        ("ERROR 1114 (HY000) at line 30: The table 'mails' is full", 900, "disk full"),
        ("ERROR 2013 (HY000) at line 30: Lost connection to server during query", 900, "database"),
        ("ERROR 2013 (HY000) at line 30: Lost connection to server during query", 3, "disk full"),
    ],
)
def test_a_full_disk_of_mariadb_stays_full(
    monkeypatch: pytest.MonkeyPatch, said: str, free_mib: int, kind: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free_mib * 2**20))
    assert not_taken(said).kind == kind
