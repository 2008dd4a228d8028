"""What a move sends to servers: one database and no other, one key for a few words."""

from __future__ import annotations

import pytest

from hosting.commands import replication, server_link
from hosting.policy.states import ServerState
from hosting.policy.values import ServerFacts, ServerName

SERVER = ServerFacts(
    ServerName("app1"), "app1.phlymail.test", "192.0.2.1", 2222, "ssh-ed25519 AAAA app1", "DE", dedicated=True,
    state=ServerState.ACTIVE, room_gib=100,
)  # fmt: skip


def test_an_underscore_in_the_filter_stands_for_itself_alone() -> None:
    assert replication.filter_pattern("phm_k3v9q2") == r"phm\_k3v9q2.%"
    assert r'phm_move.replicate_wild_do_table = "phm\\_k3v9q2.%"' in replication.filter_file("phm_k3v9q2")


def test_the_filter_is_set_before_anything_is_taken_in() -> None:
    told = [one.sql for one in replication.start_replicating("phm_a", "1-1-7", 33_001, "phm_move_a", "secret")]
    assert [one.split()[0] for one in told] == ["SET", "CHANGE", "SET", "START"]
    assert "replicate_wild_do_table" in told[2]
    assert not any("secret" in one for one in told)


@pytest.mark.parametrize("gtid", ["", "1-1", "1-1-7; DROP DATABASE x", "'"])
def test_what_is_no_position_is_refused(gtid: str) -> None:
    with pytest.raises(ValueError, match="is no position"):
        replication.start_replicating("phm_a", gtid, 33_001, "phm_move_a", "secret")
    if gtid:
        with pytest.raises(ValueError, match="is no position"):
            replication.start_again(gtid)


def test_each_table_has_a_row_of_sums_that_sees_pairs_of_equal_rows() -> None:
    told = replication.sums("phm_a", {"b": ["x"], "a": ["x", "y"]}).sql
    assert told.index("'a'") < told.index("'b'")
    assert told.count("COUNT(*)") == told.count("BIT_XOR(") == told.count("SUM(") == 2
    assert "ISNULL(`y`)" in told


def test_the_key_is_good_from_one_address_for_one_port_and_a_few_words() -> None:
    command = server_link.admit("k3v9q2", SERVER, "ssh-ed25519 BBBB phm-move-k3v9q2")
    assert command.argv[-3:-1] == ("192.0.2.1", "ssh-ed25519 BBBB phm-move-k3v9q2")
    text = command.argv[2]
    for part in ("restrict,", 'permitopen=\\"127.0.0.1:3306\\"', 'from=\\"$from\\"', 'command=\\"/bin/sh $d/serve'):
        assert part in text
    assert b"not for this key" in command.stdin


def test_the_source_is_known_by_its_pinned_key_alone() -> None:
    command = server_link.ensure_key("k3v9q2", SERVER, "root")
    assert command.stdin == b"source ssh-ed25519 AAAA\n"
    assert command.argv[-4:] == ("k3v9q2", "192.0.2.1", "2222", "root")
    assert "StrictHostKeyChecking yes" in command.argv[2]
