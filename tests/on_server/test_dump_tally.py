"""What is counted of a dump while it passes by, and which dumps are refused with which words (P19)."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.on_server.dump_tally import Tally, objections

HEAD = """/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: phm_a
-- ------------------------------------------------------
-- Server version\t10.11.19-MariaDB

"""
USER = """--
-- Table structure for table `phlymail_user`
--

DROP TABLE IF EXISTS `phlymail_user`;
CREATE TABLE `phlymail_user` (
  `uid` bigint(20) NOT NULL AUTO_INCREMENT,
  `note` text DEFAULT NULL COMMENT 'INSERT INTO `nothing` VALUES',
  PRIMARY KEY (`uid`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;

--
-- Dumping data for table `phlymail_user`
--

LOCK TABLES `phlymail_user` WRITE;
INSERT INTO `phlymail_user` VALUES
(1,'a\\nb);'),
(2,'(2,'),
(3,'-- Dump completed');
UNLOCK TABLES;
"""
EMPTY = """--
-- Table structure for table `phlymail_groups`
--
CREATE TABLE `phlymail_groups` (
  `gid` int(11) NOT NULL
) ENGINE=InnoDB;
"""
END = "\n-- Dump completed\n"
WHOLE = HEAD + USER + EMPTY + END
ROWS = {"phlymail_user": 3, "phlymail_groups": 0}


def tally(text: str, piece: int = 1 << 16) -> Tally:
    made, raw = Tally(), text.encode()
    for start in range(0, len(raw), piece):
        made.add(raw[start : start + piece])
    made.end()
    return made


def test_rows_sums_and_end_are_found() -> None:
    found = tally(WHOLE)
    rows = b"(1,'a\\nb);'),\n(2,'(2,'),\n(3,'-- Dump completed');\n"
    assert found.database == "phm_a"
    assert found.ended
    assert found.bytes == len(WHOLE.encode())
    assert {name: table.rows for name, table in found.tables.items()} == ROWS
    assert found.tables["phlymail_user"].as_json()["sha256"] == hashlib.sha256(rows).hexdigest()
    assert objections(found, "phm_a", ROWS, 0) == []


@given(st.integers(min_value=1, max_value=len(WHOLE)))
def test_pieces_of_any_size_give_the_same(piece: int) -> None:
    whole, pieces = tally(WHOLE), tally(WHOLE, piece)
    assert {name: one.as_json() for name, one in pieces.tables.items()} == {
        name: one.as_json() for name, one in whole.tables.items()
    }
    assert (pieces.bytes, pieces.ended, pieces.database) == (whole.bytes, whole.ended, whole.database)


def test_the_next_number_of_a_table_is_no_part_of_its_definition() -> None:
    other = tally(WHOLE.replace("AUTO_INCREMENT=4", "AUTO_INCREMENT=99"))
    assert other.tables["phlymail_user"].definition == tally(WHOLE).tables["phlymail_user"].definition
    changed = tally(WHOLE.replace("bigint(20)", "int(11)"))
    assert changed.tables["phlymail_user"].definition != tally(WHOLE).tables["phlymail_user"].definition


@pytest.mark.parametrize(
    ("text", "rows", "code", "words"),
    [
        ("", ROWS, 0, ["the dump is empty"]),
        ("", ROWS, 2, ["mariadb-dump ended with exit code 2: Got error: 2013", "the dump is empty"]),
        (
            WHOLE[: WHOLE.index("(3,")],
            ROWS,
            0,
            [
                "the dump ends without its end mark after 711 bytes: it was cut off",
                "the dump lacks 1 table: phlymail_groups",
                "the dump holds another number of rows than the database in 1 table: phlymail_user (2 of 3)",
            ],
        ),
        (HEAD + USER + END, ROWS, 0, ["the dump lacks 1 table: phlymail_groups"]),
        (
            WHOLE,
            {"phlymail_user": 3},
            0,
            ["the dump holds 1 table: phlymail_groups that the database did not have"],
        ),
        (WHOLE.replace("phm_a", "phm_b"), ROWS, 0, ["the dump is of the database phm_b, not of phm_a"]),
        (WHOLE, ROWS, 3, ["mariadb-dump ended with exit code 3: Got error: 2013"]),
        (
            WHOLE,
            {**ROWS, "phlymail_groups": 1},
            0,
            ["the dump holds another number of rows than the database in 1 table: phlymail_groups (0 of 1)"],
        ),
    ],
)
def test_what_is_not_whole_is_refused_with_every_reason(
    text: str, rows: dict[str, int], code: int, words: list[str]
) -> None:
    said = "Got error: 2013" if code else ""
    assert objections(tally(text), "phm_a", rows, code, said) == words
