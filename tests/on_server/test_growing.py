"""A database that grows beyond what it may is ended while it grows, once (P38)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pymysql
import pytest

from tasks.on_server.growing import DISK_FULL, LOOK_SECONDS, TOO_LARGE, watched, why_to_end
from tests.inventory.databases import PrivateMariadb

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.mark.parametrize(
    ("most", "free", "why"), [(MIB, 0, TOO_LARGE), (4 * MIB, 0, ""), (4 * MIB, 1 << 60, DISK_FULL)]
)
def test_it_is_ended_by_its_files_and_by_what_is_left_of_the_disk(
    tmp_path: Path, most: int, free: int, why: str
) -> None:
    (tmp_path / "a.ibd").write_bytes(b"x" * 2 * MIB)
    assert why_to_end(tmp_path, most, free) == why


def test_it_is_ended_once_while_it_grows_and_left_alone_as_long_as_it_fits(tmp_path: Path) -> None:
    ended = threading.Event()
    with watched(tmp_path, MIB, 0, ended.set) as why:
        assert not ended.wait(3 * LOOK_SECONDS)
        (tmp_path / "a.ibd").write_bytes(b"x" * 2 * MIB)
        assert ended.wait(60)
    assert why == [TOO_LARGE]
    with watched(tmp_path / "not there yet", MIB, 0, ended.clear) as why:
        pass
    assert (why, ended.is_set()) == ([], True)


def test_what_the_server_does_for_the_drafts_user_is_ended_with_his_client() -> None:
    server = PrivateMariadb()
    try:
        server.statement("CREATE USER phm_x@localhost IDENTIFIED BY 'y'")
        his = pymysql.connect(unix_socket=f"{server.folder}/socket", user="phm_x", password="y")
        server.statement("KILL USER `phm_x`")  # as taking_in.end_loading says it
        with pytest.raises(pymysql.OperationalError), his.cursor() as cursor:
            cursor.execute("SELECT 1")
        server.statement("KILL USER `phm_x`")  # nobody is there: no failure
    finally:
        server.remove()
