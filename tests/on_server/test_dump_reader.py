"""Dumps from outside: the product's tables come through anew, all that a dump doesn't need is refused by line (P33)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.on_server.old_installation.characters import Letters, mended, once
from tasks.on_server.old_installation.dump_reader import Survey, Wanted, pass_on, survey
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.sql_statements import Statements

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 30 if os.environ.get("PHM_HYPOTHESIS") == "search" else 1
USER = "CREATE TABLE `{p}_user` (\n  `uid` int(11) NOT NULL auto_increment,\n  `username` varbinary(64) NOT NULL default '',\n  `since` timestamp(14) NOT NULL,\n  PRIMARY KEY  (`uid`),\n  UNIQUE KEY `username` (`username`)\n) {end};\n"
OTHER = "CREATE TABLE {p}_{t} (\n  uid int(11) NOT NULL default '0',\n  subject varchar(255) collate latin1_german1_ci,\n  KEY uid (uid)\n) {end};\n"
KNOWN = ("user", "admin", "profiles", "email_folders", "email_index")


def dump(prefix: str = "phm", end: str = "TYPE=MyISAM", rows: str = "") -> str:
    """The product's tables as an old mysqldump writes them."""
    tables = "".join(OTHER.format(p=prefix, t=table, end=end) for table in KNOWN[1:])
    return f"-- MySQL dump 10.9\n{USER.format(p=prefix, end=end)}{tables}{rows}-- Dump completed\n"


def pieces(text: str | bytes, size: int = 7) -> Iterator[bytes]:
    data = text.encode() if isinstance(text, str) else text
    return (data[at : at + size] for at in range(0, len(data), size))


def found_in(text: str | bytes) -> Survey:
    return survey(pieces(text))


def passed(
    text: str | bytes, section: str = "", prefix: str = "phm", known: tuple[str, ...] = KNOWN
) -> tuple[str, dict[str, int]]:
    out: list[bytes] = []
    rows = pass_on(pieces(text), found_in(text), Wanted(section, prefix, "phlymail", known), out.append)
    return b"".join(out).decode(errors="surrogateescape"), dict(rows)


def refused(text: str | bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        found_in(text)
    return caught.value


def test_statements_are_cut_where_servers_cut_them() -> None:
    text = (
        "# first; comment\n-- second; 'comment\nSET NAMES utf8; /* a ; ' */ INSERT INTO a VALUES ('it''s; \\'', \"x\\\";\", 5--1);\n"
        "/*!40101 SET @a = ';' */;\n;/*!50003 DROP TABLE `a;b`*/ ;--\nLAST /* */ ONE"
    )
    for size in (1, 2, 3, 5, 1000):
        statements = [(s.text, s.line) for s in Statements(pieces(text, size))]
        assert statements == [
            (b"SET NAMES utf8", 3), (b"INSERT INTO a VALUES ('it''s; \\'', \"x\\\";\", 5--1)", 3),
            (b"SET @a = ';'", 4), (b"DROP TABLE `a;b`", 5), (b"LAST   ONE", 6),
        ]  # fmt: skip


@pytest.mark.parametrize(
    "line", [r"/*!999999\- enable the sandbox mode */", r"/*M!999999\- enable the sandbox mode */"]
)
def test_mariadbs_sandbox_line_is_passed_over(line: str) -> None:
    assert found_in(f"{line}\n{dump()}").candidates() == [("", "phm")]


def test_old_definitions_become_todays() -> None:
    text, _ = passed(dump())
    assert text.count("ENGINE=InnoDB DEFAULT CHARSET=utf8;") == 5
    assert "CREATE TABLE `phlymail_user` (\n  `uid` INT(11) NOT NULL AUTO_INCREMENT," in text
    assert "`since` TIMESTAMP NOT NULL" in text
    assert "PRIMARY KEY (`uid`),\n  UNIQUE KEY `username` (`username`)" in text
    assert not re.search("MyISAM|TYPE=|latin1|/\\*|--", text)


def test_what_a_table_was_is_told() -> None:
    found = found_in(dump(rows="INSERT INTO `phm_user` VALUES (1,'anna',NULL),(2,'b;\\'--',NULL);\n"))
    table = found.sections[""]["phm_user"]
    assert (table.engine, table.rows, table.columns) == ("MyISAM", 2, ["uid", "username", "since"])
    assert (found.ended, found.made_by) == (True, "MySQL dump 10.9")


def test_counters_and_four_byte_letters_stay() -> None:
    text, _ = passed(dump(end="ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci"))
    assert "ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4;" in text


def test_rows_come_through_to_the_byte() -> None:
    values = "(1,'Grüße \\n \\' '' ; -- /* x',0x00FF),(2,_binary 'a\\0b',x'00'),(-3,\"dq\",1.5e+10)"
    text, rows = passed(dump(rows=f"INSERT INTO `phm_user` (`uid`, username, since) VALUES {values};\n"))
    assert f"INSERT INTO `phlymail_user` (`uid`, `username`, `since`) VALUES {values};\n" in text
    assert rows == {"phlymail_user": 3}


def test_rows_count_with_what_their_table_adds_to_them() -> None:
    """Short rows of a table of long defaults and fixed widths take as much as long ones."""
    default = "x" * 253
    table = (
        f"CREATE TABLE a (id int, b varchar(300) NOT NULL DEFAULT '{default}', c char(200), d binary(99), e text);\n"
    )
    rows = "INSERT INTO a (id) VALUES " + ",".join(["(1)"] * 1000) + ";\n"
    found = found_in(table + rows).sections[""]["a"]
    assert (found.rows, found.width) == (1000, 4 + 255 + 200 + 99)
    assert found.bytes == len(rows) - len("INSERT INTO a (id) VALUES;\n") + 1000 * found.width


def test_a_text_keeps_no_default_but_nothing() -> None:
    table = "CREATE TABLE phm_x (a text NOT NULL DEFAULT 'y', b longblob DEFAULT NULL, c varchar(9) DEFAULT 'z');\n"
    text, _ = passed(dump(rows=table), known=(*KNOWN, "x"))
    assert "`a` TEXT NOT NULL,\n  `b` LONGBLOB DEFAULT NULL,\n  `c` VARCHAR(9) DEFAULT 'z'" in text


def test_columns_are_called_in_small_letters_whatever_the_dump_says() -> None:
    """What acts is looked for by a column's name afterwards."""
    table = "CREATE TABLE phm_filters (`ID` int, Script_Name text, UNIQUE KEY `K` (`ID`,Script_Name(9)));\n"
    rows = (
        "INSERT INTO phm_filters (`ID`, SCRIPT_name) VALUES (1,'Evil.php');\n"
        "ALTER TABLE phm_filters MODIFY `ID` int, ADD KEY `A` (SCRIPT_NAME(3));\n"
    )
    text, _ = passed(dump(rows=table + rows), known=(*KNOWN, "filters"))
    of_it = text[text.index("`phlymail_filters`") :]
    assert "(`id`, `script_name`) VALUES (1,'Evil.php')" in of_it
    assert not re.search("ID|SCRIPT|Script", of_it)


def test_phpmyadmins_keys_at_the_end_come_through() -> None:
    end = (
        "ALTER TABLE `phm_user`\n  ADD KEY `s` (`since`), ADD FULLTEXT KEY `f` (`username`(10));\n"
        "ALTER TABLE `phm_user`\n  MODIFY `uid` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=7;\n"
        "/*!40000 ALTER TABLE `phm_user` DISABLE KEYS */;\nCOMMIT;\n"
    )
    text, _ = passed(dump(rows=end))
    assert "ALTER TABLE `phlymail_user`\n  ADD KEY `s` (`since`),\n  ADD FULLTEXT KEY `f` (`username`(10));\n" in text
    assert "MODIFY `uid` INT(11) NOT NULL AUTO_INCREMENT,\n  AUTO_INCREMENT=7;\n" in text
    assert "DISABLE" not in text


def test_one_section_of_several_is_passed_on_and_foreign_prefixes_stay_behind() -> None:
    shop = "CREATE TABLE `oxuser` (`id` int);\nINSERT INTO oxuser VALUES (1);\n"
    both = (
        f"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */;\nUSE `shop`;\n{shop}"
        f"CREATE DATABASE `mail`;\nUSE `mail`;\n{dump()}{shop}CREATE TABLE phm_plugin (a int);\nDROP TABLE IF EXISTS phm_user;"
    )
    found = found_in(both)
    assert found.candidates() == [("mail", "phm")]
    assert dict(found.left_out) == {"create database": 2, "use": 2, "drop table": 1}
    text, _ = passed(both, section="mail")
    assert set(re.findall("TABLE `(\\w+)`", text)) == {f"phlymail_{table}" for table in KNOWN}


def test_two_installations_in_one_file_are_two_candidates() -> None:
    assert found_in(dump("a") + dump("b")).candidates() == [("", "a"), ("", "b")]


def test_an_underlined_prefix_is_found_as_a_whole() -> None:
    assert found_in(dump("web_1_phm")).candidates() == [("", "web_1_phm")]


def test_encoding_and_time_zone_are_said_before_what_needs_them() -> None:
    rows = "SET NAMES latin1;\nSET @OLD=@@TIME_ZONE, TIME_ZONE='+00:00';\nINSERT INTO phm_admin VALUES (1,'\xfc');\n"
    text = dump().encode() + rows.encode("latin1")
    out, _ = passed(text)
    assert "SET NAMES latin1;\nSET TIME_ZONE = '+00:00';\nINSERT INTO `phlymail_admin`" in out


@pytest.mark.parametrize("said", ["SET NAMES latin1;", "/*!40101 SET NAMES utf8 */;", ""])
def test_utf8_is_loaded_as_utf8_whatever_the_dump_says(said: str) -> None:
    out, _ = passed(f"{said}\n" + dump(rows="INSERT INTO phm_admin VALUES (1,'Grüße €😀');\n"))
    assert "SET NAMES utf8mb4;" in out
    assert "latin1" not in out
    assert "'Grüße €😀'" in out


def twice(text: str) -> str:
    """Encoded twice, as MySQL's latin1 does it."""
    return "".join(bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in text.encode())


def test_texts_encoded_twice_are_mended_table_by_table() -> None:
    whole = "Grüße aus Köln, 5 € 😀 Á"
    rows = f"SET NAMES utf8;\nINSERT INTO phm_admin VALUES (1,'{twice(whole)}');\nINSERT INTO phm_profiles VALUES (1,'{whole}');\n"
    found = found_in(dump(rows=rows))
    assert found.sections[""]["phm_admin"].letters.is_twice
    out, _ = passed(dump(rows=rows))
    assert out.count(f"'{whole}'") == 2


def test_a_table_that_is_only_partly_encoded_twice_stays_and_is_told() -> None:
    rows = f"INSERT INTO phm_admin VALUES (1,'{twice('ü')}'),(2,'ü'),(3,'ä'),(4,'ö');\n"
    found = found_in(dump(rows=rows)).sections[""]
    assert {name for name, table in found.items() if table.in_part} == {"phm_admin"}
    assert twice("ü") in passed(dump(rows=rows))[0]


def test_a_picture_beside_texts_stays_as_it_is_and_hides_nothing() -> None:
    """The product keeps pictures of contacts beside their names; old programs dump them as they are."""
    picture = b"\xff\xd8 " + "ü ".encode() * 50 + twice("ü").encode() + b" \xff"
    values = f"(1,'{twice('Müller')}'),(2,'\\\\\\0".encode() + picture + b"'),(3,_binary '" + picture + b"')"
    out = passed(b"SET NAMES utf8;\n" + with_rows(values))[0].encode(errors="surrogateescape")
    assert "'Müller'".encode() in out
    assert out.count(picture) == 2
    values = "(1,'Müller'),(2,'\\0".encode() + picture + b"')"
    assert "SET NAMES utf8mb4" in passed(b"SET NAMES latin1;\n" + with_rows(values))[0]


def with_rows(values: bytes) -> bytes:
    """A dump with rows that are bytes."""
    return dump(rows="@").encode().replace(b"@", b"INSERT INTO phm_admin VALUES " + values + b";\n")


def test_of_an_installation_that_wrote_twice_a_table_with_bytes_beside_texts_is_mended_too() -> None:
    whole = "Grüße aus Köln"
    rows = f"SET NAMES utf8;\nINSERT INTO phm_admin VALUES {','.join(f'({n},{twice(whole)!r})' for n in range(30))};\n"
    rows += f"INSERT INTO phm_profiles VALUES (1,'{twice('Büro')}'),(2,'Grüße'),(3,'Köln'),(4,'Straße');\n"
    out, _ = passed(dump(rows=rows))
    assert not any(table.in_part for table in found_in(dump(rows=rows)).sections[""].values())
    assert all(text in out for text in ("(1,'Büro')", "'Grüße'", "'Köln'", "'Straße'"))


@given(st.text(st.characters(min_codepoint=0xA0, exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_what_is_encoded_twice_is_found_and_mended(text: str) -> None:
    letters = Letters()
    letters.look_at(twice(text).encode())
    assert once(twice(text).encode()) == text.encode()
    assert (letters.is_twice, mended(twice(text).encode())) == (True, text.encode())


TOOLS = {
    "mysqldump 8": "/*!50503 SET NAMES utf8mb4 */;\nSET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\n"
    "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5';\n/*!50503 SET character_set_client = utf8mb4 */;",
    "MariaDB 11": "/*M!999999\\- enable the sandbox mode */\n/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;",
    "phpMyAdmin 5": 'SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";\nSTART TRANSACTION;\nSET time_zone = "+00:00";\n/*!40101 SET NAMES utf8mb4 */;',
    "phpMyAdmin 2": "# phpMyAdmin SQL Dump\n# Datenbank: `mail`\n# --------------------------------------------------------\n",
    "HeidiSQL": "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n/*!40101 SET SQL_MODE=IFNULL(@OLD_LOCAL_SQL_MODE, '') */;\n"
    "/*!40014 SET FOREIGN_KEY_CHECKS=IFNULL(@OLD_FOREIGN_KEY_CHECKS, 1) */;",
    "Adminer": "-- Adminer 4.8.1 MySQL 5.5 dump\n\nSET NAMES utf8;\nSET time_zone = '+00:00';\nSET foreign_key_checks = 0;\nSET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';",
    "mysqldump 4.0": "-- MySQL dump 9.11\n--\n-- Host: localhost    Database: mail\n-- ------------------------------------------------------\n-- Server version\t4.0.27",
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
def test_what_tools_write_around_their_tables_is_taken(tool: str) -> None:
    assert found_in(f"{TOOLS[tool]}\n{dump()}").candidates() == [("", "phm")]


ROWS = "INSERT INTO phm_user VALUES "
HOSTILE = {
    "LOAD DATA": ("load_data", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE x;"),
    "INTO OUTFILE": ("into_file", "SELECT '<?php' INTO OUTFILE '/var/www/x.php';"),
    "INTO DUMPFILE": ("into_file", "SELECT 1 /* */ INTO /**/ DUMPFILE 'x';"),
    "LOAD_FILE in a question": ("into_file", "SELECT LOAD_FILE('/etc/passwd');"),
    "LOAD_FILE in a row": ("row_form", f"{ROWS}(1,LOAD_FILE('/etc/passwd'));"),
    "a question in a row": ("row_form", f"{ROWS}(1,(SELECT 1));"),
    "a variable in a row": ("row_form", f"{ROWS}(1,@@version);"),
    "a sum in a row": ("row_form", f"{ROWS}(1+1);"),
    "rows of a question": ("insert_form", "INSERT INTO a SELECT * FROM mysql.user;"),
    "rows and more": ("insert_form", f"{ROWS}(1) ON DUPLICATE KEY UPDATE a=SLEEP(9);"),
    "rows by SET": ("insert_form", "INSERT INTO a SET b=1;"),
    "rows for another database": ("qualified_name", "INSERT INTO mysql.user VALUES (1);"),
    "a table of another database": ("qualified_name", "CREATE TABLE `mysql`.`user` (a int);"),
    "a trigger": ("made", "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a=1;"),
    "a trigger, as mysqldump writes it": ("made", "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a=1 */;"),
    "a procedure": ("made", "CREATE DEFINER=`root`@`localhost` PROCEDURE p() SELECT 1;"),
    "a function": ("made", "CREATE FUNCTION sys_exec RETURNS INT SONAME 'udf.so';"),
    "an event": ("made", "CREATE EVENT e ON SCHEDULE EVERY 1 MINUTE DO SET @a=1;"),
    "a view": ("made", "/*!50001 CREATE VIEW v AS SELECT 1 */;"),
    "another's rights": ("definer", "ALTER DEFINER=`root`@`%` EVENT e ENABLE;"),
    "a delimiter": ("delimiter", "DELIMITER ;;"),
    "a shell": ("client_command", "\\! rm -rf /"),
    "a file of commands": ("client_command", "\\. /etc/passwd"),
    "source": ("client_command", "source /etc/passwd\n;"),
    "system": ("client_command", "system id\n;"),
    "tee": ("client_command", "tee /tmp/x\n;"),
    "GRANT": ("rights", "GRANT ALL ON *.* TO x;"),
    "a user": ("statement", "CREATE USER x IDENTIFIED BY 'y';"),
    "DROP DATABASE": ("statement", "DROP DATABASE mysql;"),
    "UPDATE": ("statement", "UPDATE mysql.user SET a=1;"),
    "DELETE": ("statement", "DELETE FROM phm_user;"),
    "PREPARE": ("statement", "PREPARE s FROM 'x';"),
    "INSTALL": ("statement", "INSTALL PLUGIN x SONAME 'y.so';"),
    "a comment that is executed": ("statement", "/*!50000 SHUTDOWN */;"),
    "a comment that MariaDB executes": ("statement", "/*M!100100 KILL 5 */;"),
    "hidden in a row's comment": ("row_form", f"{ROWS}(1/*! ,LOAD_FILE('x')*/);"),
    "DATA DIRECTORY": ("table_form", "CREATE TABLE a (b int) DATA DIRECTORY='/var/www';"),
    "a table elsewhere": ("engine", "CREATE TABLE a (b int) ENGINE=FEDERATED CONNECTION='mysql://x';"),
    "CONNECT": ("engine", "CREATE TABLE a (b int) ENGINE=CONNECT TABLE_TYPE=CSV FILE_NAME='/etc/passwd';"),
    "a union of tables": ("engine", "CREATE TABLE a (b int) ENGINE=MERGE UNION=(mysql.user);"),
    "a table of a question": ("table_form", "CREATE TABLE a (b int) SELECT * FROM mysql.user;"),
    "a table like another": ("table_form", "CREATE TABLE a LIKE mysql.user;"),
    "a generated column": ("table_form", "CREATE TABLE a (b int, c int AS (SLEEP(9)));"),
    "a default that is called": ("table_form", "CREATE TABLE a (b char(9) DEFAULT (LOAD_FILE('x')));"),
    "a long default": ("table_form", f"CREATE TABLE a (b varchar(9000) DEFAULT '{'x' * 300}');"),
    "a long default of a text": ("table_form", f"CREATE TABLE a (b longtext DEFAULT '{'x' * 300}');"),
    "a long number as a default": ("table_form", f"CREATE TABLE a (b varchar(9000) DEFAULT {'1' * 300});"),
    "a number that is none": ("table_form", f"CREATE TABLE a (b timestamp({'9' * 5000}));"),
    "too many columns": ("table_form", f"CREATE TABLE a ({','.join(f'c{number} int' for number in range(1018))});"),
    "a check": ("table_form", "CREATE TABLE a (b int, CHECK (b > SLEEP(9)));"),
    "a foreign key": ("table_form", "CREATE TABLE a (b int, FOREIGN KEY (b) REFERENCES mysql.user (a));"),
    "parts": ("table_form", "CREATE TABLE a (b int) PARTITION BY HASH (b);"),
    "a table that is exchanged": ("table_form", "ALTER TABLE a RENAME TO mysql.user;"),
    "a table's file": ("table_form", "ALTER TABLE a IMPORT TABLESPACE;"),
    "a name with a path": ("odd_name", "CREATE TABLE `../a` (b int);"),
    "a name with a quote": ("odd_name", "INSERT INTO `a'b` VALUES (1);"),
    "USE of a path": ("odd_name", "USE `../../x`;"),
    "SET GLOBAL": ("setting", "SET GLOBAL general_log_file='/var/www/x.php';"),
    "SET @@GLOBAL": ("setting", "SET @@GLOBAL.general_log=1;"),
    "SET PASSWORD": ("setting", "SET PASSWORD = 'x';"),
    "SET after a comma": ("setting", "SET NAMES utf8, GLOBAL general_log=1;"),
    "SET by a question": ("setting", "SET @a = (SELECT 1);"),
    "SET STATEMENT": ("setting", "SET STATEMENT max_statement_time=0 FOR DROP DATABASE mysql;"),
    "ANSI_QUOTES": ("sql_mode", "SET sql_mode='ANSI_QUOTES';"),
    "NO_BACKSLASH_ESCAPES": ("sql_mode", "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES';"),
    "an encoding with quotes in letters": ("encoding", "SET NAMES gbk;"),
    "the same for the client": ("encoding", "SET character_set_client = sjis;"),
    "a comment in a comment": ("odd_comment", "/*!50000 SELECT /* x */ 1 */;"),
    "the end of no comment": ("odd_comment", "SELECT 1 */;"),
    "NUL": ("dump_not_text", "SELECT \0 1;"),
    "cut off in a text": ("dump_cut_off", f"{ROWS}(1,'abc"),
    "cut off in a comment": ("dump_cut_off", "/* abc"),
    "cut off in a comment that is executed": ("dump_cut_off", "/*!40101 SET NAMES utf8"),
    "cut off between two statements": ("dump_cut_off", "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE */;"),
    "cut off between rows": ("row_form", f"{ROWS}(1),"),
    "no table": ("no_tables", "SET NAMES utf8;"),
}  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE)
def test_what_no_dump_needs_is_refused_with_its_line(label: str) -> None:
    code, text = HOSTILE[label]
    before = "" if code == "no_tables" else "-- a dump\nCREATE TABLE a\n (b int);\n"
    refusal = refused(f"{before}{text}\n")
    assert refusal.code == code
    assert refusal.facts.get("line") in {4, 5} or code == "no_tables"


HEADS = {
    "mysqldump": ("/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n/*!40103 SET TIME_ZONE='+00:00' */;\n", "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n"),
    "MariaDB": ("/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;\n", "-- Dump completed on 2024-01-01\n"),
    "phpMyAdmin": ("/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n", "/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n"),
    "HeidiSQL": ("/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;\n", "/*!40014 SET FOREIGN_KEY_CHECKS=IFNULL(@OLD_FOREIGN_KEY_CHECKS, 1) */;\n"),
}  # fmt: skip


@pytest.mark.parametrize("tool", HEADS)
def test_a_dump_that_is_broken_off_between_two_statements_is_no_whole_one(tool: str) -> None:
    """The disk was full, or the time was over: what is there reads well, and most of the mails may be missing."""
    head, tail = HEADS[tool]
    tables = dump().removesuffix("-- Dump completed\n")
    assert found_in(head + tables + tail).candidates() == [("", "phm")]
    assert refused(head + tables).code == "dump_cut_off"
    twice = head + tables + tail + head + dump("b").removesuffix("-- Dump completed\n")
    assert refused(twice).facts == {"line": twice.count("\n") + 1}


NEIGHBOURS = {
    "a foreign key": "CREATE TABLE shop_order (id int, KEY k (id), CONSTRAINT c FOREIGN KEY (id) REFERENCES shop_user (id) ON DELETE CASCADE) ENGINE=InnoDB;",
    "a type of today": "CREATE TABLE `wp_meta` (id int, data json DEFAULT NULL, at geometry);",
    "a bit": "CREATE TABLE shop_flag (done bit(1) DEFAULT b'0');",
    "parts": "CREATE TABLE shop_log (id int) PARTITION BY HASH (id);",
    "an engine": "CREATE TABLE shop_all (id int) ENGINE=MRG_MyISAM UNION=(shop_a,shop_b);",
    "rows": "CREATE TABLE shop_a (id int);\nINSERT IGNORE INTO shop_a VALUES (ST_GeomFromText('POINT(1 1)'));",
    "keys at the end": "CREATE TABLE shop_b (id int);\nALTER TABLE `shop_b` ADD CONSTRAINT `c` FOREIGN KEY (`id`) REFERENCES `shop_a` (`id`);",
}  # fmt: skip


@pytest.mark.parametrize("what", NEIGHBOURS)
def test_a_neighbour_in_the_same_export_may_be_described_in_any_way(what: str) -> None:
    """Hosters' customers have one database for all; nothing of the shop beside is loaded."""
    rows = "INSERT INTO phm_user VALUES (1,'anna','2008-01-01');\n"
    text = f"{NEIGHBOURS[what]}\n{dump(rows=rows)}"
    assert found_in(text).candidates() == [("", "phm")]
    out, count = passed(text)
    assert "shop" not in out
    assert "wp_" not in out
    assert count == {"phlymail_user": 1}
    ours = NEIGHBOURS[what].replace("shop_", "phm_x").replace("wp_", "phm_x")
    refusal = refused(f"{dump()}{ours}\n")
    assert refusal.code in {"table_form", "engine", "row_form"}
    assert refused(f"CREATE TABLE a (b int);\n{NEIGHBOURS[what]}\n").code == refusal.code


def test_another_statement_is_refused_whosever_it_is() -> None:
    for label in ("a view", "a trigger", "GRANT", "rows for another database", "a table of another database"):
        code, text = HOSTILE[label]
        assert refused(f"{dump()}{text}\n").code == code


def test_other_unicode_is_told() -> None:
    assert refused(dump().encode("utf-16")).code == "dump_not_text"
    assert found_in(b"\xef\xbb\xbf" + dump().encode()).candidates() == [("", "phm")]


def test_a_statement_without_an_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.on_server.old_installation.sql_statements.STATEMENT_MOST", 1000)
    assert refused("INSERT INTO a VALUES " + "(1)," * 900).code == "statement_too_long"
    assert refused("INSERT INTO a VALUES ('" + "a" * 3000).code == "statement_too_long"


def test_a_dump_that_was_exchanged_meanwhile_is_told() -> None:
    found = found_in(dump())
    del found.sections[""]["phm_user"]
    with pytest.raises(Refusal, match="dump_changed"):
        pass_on(pieces(dump()), found, Wanted("", "phm", "phlymail", KNOWN), lambda _: None)


SCRAPS = st.sampled_from(
    ["CREATE TABLE phm_user (", "`uid` int(11)", ");", "INSERT INTO phm_user VALUES (1,'", "')", ";", "/*!40101 ", "*/", "--",
     " -- x\n", "#", "\\", "'", '"', "`", "SET NAMES utf8;", "USE a;", "\0", "ü", "Ã¼", ",", "(", "\n", "DELIMITER ;;", "/*", "LOAD_FILE("]
)  # fmt: skip
SAFE = re.compile(
    rb"SET NAMES \w+|SET TIME_ZONE = ''|(?:CREATE|ALTER) TABLE `phlymail_\w+`[^@;\\]*|"
    rb"INSERT INTO `phlymail_\w+` (?:\([`\w, ]+\) )?VALUES(?:[\s(,]*(?:''|-?\d+|NULL)[\s),]*)+",
)
TEXT = re.compile(rb"'(?:[^'\\]|\\.|'')*'", re.DOTALL)


@settings(max_examples=150 * MANY)
@given(st.lists(SCRAPS | st.text(max_size=5), max_size=12), st.integers(1, 9))
def test_whatever_a_dump_holds_only_our_own_statements_come_out(scraps: list[str], size: int) -> None:
    """What another lexer would see in what is passed on are the same statements, all of a kind that we make."""
    text = (dump() + "".join(scraps)).encode(errors="replace")
    out: list[bytes] = []
    try:
        found = survey(pieces(text, size))
        pass_on(pieces(text, size), found, Wanted("", "phm", "phlymail", KNOWN), out.append)
    except Refusal:
        return
    for statement in Statements([b"".join(out)]):
        assert SAFE.fullmatch(TEXT.sub(b"''", statement.text)), statement
