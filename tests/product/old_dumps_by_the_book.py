"""Dumps of old installations as the tools of their time wrote them, after the notes on the product alone (P33).

Nothing here was written with the importer at hand: where the two differ, one of them is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Value: TypeAlias = str | int | bytes | None


@dataclass(frozen=True)
class Table:
    """One table: its columns with their types, its keys as they stand in a dump, and its rows."""

    columns: dict[str, str]
    rows: tuple[tuple[Value, ...], ...] = ()
    keys: tuple[str, ...] = ()


Tables: TypeAlias = dict[str, Table]


def value(given: Value, charset: str) -> bytes:
    """Return a value as mysqldump writes it: escaped by backslashes, bytes as they are."""
    if given is None:
        return b"NULL"
    if isinstance(given, int):
        return str(given).encode()
    text = given if isinstance(given, bytes) else given.encode(charset)
    for plain, escaped in ((b"\\", b"\\\\"), (b"'", b"\\'"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\0", b"\\0")):
        text = text.replace(plain, escaped)
    return b"'" + text.replace(b'"', b'\\"').replace(b"\x1a", b"\\Z") + b"'"


def row(values: tuple[Value, ...], charset: str, between: bytes = b",") -> bytes:
    """Return the values of a row in brackets."""
    return b"(" + between.join(value(one, charset) for one in values) + b")"


def definition(name: str, table: Table, tail: str, *, with_keys: bool = True) -> bytes:
    """Return the statement that makes a table."""
    lines = [f"  `{column}` {kind}" for column, kind in table.columns.items()]
    lines += [f"  {key}" for key in table.keys] if with_keys else []
    body = ",\n".join(lines)
    return f"CREATE TABLE `{name}` (\n{body}\n) {tail};\n".encode()


def _plain_kinds(table: Table) -> Table:
    """Return the table as MySQL 8 tells it: without display widths of whole numbers."""
    columns = {
        name: kind.replace("bigint(20)", "bigint").replace("int(11)", "int").replace("int(4)", "int")
        for name, kind in table.columns.items()
    }
    return Table(columns, table.rows, table.keys)


def mysqldump_4_1(tables: Tables, prefix: str) -> bytes:
    """MySQL 4.1, a latin1 server whose clients sent UTF-8 without saying so: the bytes come out as they went in."""
    out = [
        b"-- MySQL dump 10.9\n--\n-- Host: localhost    Database: usr_web12_1\n",
        b"-- ------------------------------------------------------\n-- Server version\t4.1.22-log\n\n",
        b"/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n/*!40101 SET NAMES latin1 */;\n",
        b"/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;\n",
        b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n",
        b"/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n\n",
    ]
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        out.append(f"--\n-- Table structure for table `{full}`\n--\n\nDROP TABLE IF EXISTS `{full}`;\n".encode())
        out.append(definition(full, table, "ENGINE=MyISAM DEFAULT CHARSET=latin1"))
        out.append(f"\n/*!40000 ALTER TABLE `{full}` DISABLE KEYS */;\nLOCK TABLES `{full}` WRITE;\n".encode())
        if table.rows:
            rows = b",".join(row(one, "utf-8") for one in table.rows)
            out.append(f"INSERT INTO `{full}` VALUES ".encode() + rows + b";\n")
        out.append(f"UNLOCK TABLES;\n/*!40000 ALTER TABLE `{full}` ENABLE KEYS */;\n\n".encode())
    out.append(b"/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n\n")
    return b"".join(out)


def phpmyadmin_2(tables: Tables, prefix: str) -> bytes:
    """The export of an early phpMyAdmin, true latin1, DOS line ends: `TYPE=MyISAM`, one statement for each row."""
    out = [
        b"-- phpMyAdmin SQL Dump\n-- version 2.6.4-pl3\n-- http://www.phpmyadmin.net\n-- \n-- Host: localhost\n",
        b"-- Erstellungszeit: 11. M\xe4rz 2007 um 10:11\n-- Server Version: 4.0.27\n-- PHP-Version: 4.4.2\n-- \n",
        b"-- Datenbank: `d00341`\n-- \n\n",
    ]
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        bar = b"-- --------------------------------------------------------\n\n"
        out.append(bar + f"-- \n-- Tabellenstruktur f\xfcr Tabelle `{full}`\n-- \n\n".encode("latin-1"))
        out.append(definition(full, table, f"TYPE=MyISAM COMMENT='phlyMail' AUTO_INCREMENT={len(table.rows) + 1} "))
        out.append(f"\n-- \n-- Daten f\xfcr Tabelle `{full}`\n-- \n\n".encode("latin-1"))
        out += [f"INSERT INTO `{full}` VALUES ".encode() + row(one, "cp1252", b", ") + b";\n" for one in table.rows]
        out.append(b"\n")
    return b"".join(out).replace(b"\n", b"\r\n")


def mysqldump_databases(tables: Tables, prefix: str) -> bytes:
    """`mysqldump --databases` of MySQL 5.5: a shop's database first, ours after it, twice encoded text in it."""
    out = [
        b"-- MySQL dump 10.13  Distrib 5.5.62, for debian-linux-gnu (x86_64)\n--\n",
        b"-- Host: localhost    Database: \n-- ------------------------------------------------------\n",
        b"/*!40101 SET NAMES utf8 */;\n/*!40103 SET TIME_ZONE='+00:00' */;\n\n",
        b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `laden` /*!40100 DEFAULT CHARACTER SET latin1 */;\n\nUSE `laden`;\n",
        b"DROP TABLE IF EXISTS `artikel`;\nCREATE TABLE `artikel` (\n  `id` int(11) NOT NULL,\n  `name` text,\n",
        b"  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=latin1;\nLOCK TABLES `artikel` WRITE;\n",
        b"INSERT INTO `artikel` VALUES (1,'USE `mail`; DROP TABLE x'),(2,'b');\nUNLOCK TABLES;\n\n",
        b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `web-mail` /*!40100 DEFAULT CHARACTER SET utf8 */;\n\nUSE `web-mail`;\n",
    ]
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        out.append(
            f"DROP TABLE IF EXISTS `{full}`;\n/*!40101 SET @saved_cs_client = @@character_set_client */;\n".encode()
        )
        out.append(b"/*!40101 SET character_set_client = utf8 */;\n")
        out.append(definition(full, table, "ENGINE=InnoDB AUTO_INCREMENT=900 DEFAULT CHARSET=utf8"))
        out.append(
            f"/*!40101 SET character_set_client = @saved_cs_client */;\n\nLOCK TABLES `{full}` WRITE;\n".encode()
        )
        for one in table.rows:
            twice = tuple(text.encode().decode("latin-1") if isinstance(text, str) else text for text in one)
            out.append(f"INSERT INTO `{full}` VALUES ".encode() + row(twice, "utf-8") + b";\n")
        out.append(b"UNLOCK TABLES;\n")
    out.append(b"-- Dump completed on 2015-06-01  3:00:01\n")
    return b"".join(out)


def mysql_8(tables: Tables, prefix: str) -> bytes:
    """MySQL 8: utf8mb4, a collation that MariaDB doesn't know, whole numbers without widths, GTID lines."""
    out = [
        b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n",
        b"/*!50503 SET NAMES utf8mb4 */;\nSET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\n",
        b"SET @@SESSION.SQL_LOG_BIN= 0;\nSET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '';\n\n",
    ]
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        tail = "ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"
        out.append(f"DROP TABLE IF EXISTS `{full}`;\n/*!50503 SET character_set_client = utf8mb4 */;\n".encode())
        out.append(definition(full, _plain_kinds(table), tail) + f"LOCK TABLES `{full}` WRITE;\n".encode())
        names = ", ".join(f"`{column}`" for column in table.columns)
        if table.rows:
            rows = b",\n".join(row(one, "utf-8") for one in table.rows)
            out.append(f"INSERT  IGNORE INTO `{full}` ({names}) VALUES ".encode() + rows + b";\n")
        out.append(b"UNLOCK TABLES;\n")
    out.append(b"SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;\n-- Dump completed on 2024-01-01  0:00:00\n")
    return b"".join(out)


def phpmyadmin_5(tables: Tables, prefix: str) -> bytes:
    """phpMyAdmin 5: keys and counters come in ALTER statements after all rows, binary columns as hexadecimal numbers."""
    out = [
        b"-- phpMyAdmin SQL Dump\n-- version 5.2.1\n\n",
        b'SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";\nSTART TRANSACTION;\nSET time_zone = "+00:00";\n\n',
        b"/*!40101 SET NAMES utf8mb4 */;\n\n--\n-- Datenbank: `usrdb_7`\n--\n\n",
    ]
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        bare = {column: kind.replace(" AUTO_INCREMENT", "") for column, kind in table.columns.items()}
        tail = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci"
        out.append(definition(full, Table(bare), tail))
        binary = [kind.startswith("varbinary") for kind in table.columns.values()]
        for one in table.rows:
            cells = b", ".join(
                b"0x" + cell.encode().hex().encode()
                if hexed and isinstance(cell, str) and cell
                else value(cell, "utf-8")
                for cell, hexed in zip(one, binary, strict=True)
            )
            names = ", ".join(f"`{column}`" for column in table.columns)
            out.append(f"INSERT INTO `{full}` ({names}) VALUES\n(".encode() + cells + b");\n")
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        first, kind = next(iter(table.columns.items()))
        if table.keys:
            added = ",\n  ADD ".join(table.keys)
            out.append(f"ALTER TABLE `{full}`\n  ADD {added};\n".encode())
            out.append(f"ALTER TABLE `{full}`\n  MODIFY `{first}` {kind}, AUTO_INCREMENT=90;\n".encode())
    out.append(b"COMMIT;\n\n/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n")
    return b"".join(out)


def mariadb_11(tables: Tables, prefix: str) -> bytes:
    """A late MariaDB: the sandbox line first, `current_timestamp()`, foreign tables under another prefix beside ours."""
    out = [
        b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.4.2-MariaDB, for Linux (x86_64)\n",
        b"/*!40101 SET NAMES utf8mb4 */;\n/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;\n",
        b"DROP TABLE IF EXISTS `wp_options`;\n",
        b"CREATE TABLE `wp_options` (\n  `option_id` bigint(20) NOT NULL,\n  `at` timestamp NULL DEFAULT current_timestamp(),\n",
        b"  PRIMARY KEY (`option_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;\n",
        b"INSERT INTO `wp_options` VALUES\n(1,NULL);\n",
    ]
    for name, table in tables.items():
        full = f"{prefix}_{name}"
        tail = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci"
        out.append(f"DROP TABLE IF EXISTS `{full}`;\n".encode() + definition(full, table, tail))
        out.append(f"LOCK TABLES `{full}` WRITE;\nset autocommit=0;\n".encode())
        if table.rows:
            rows = b",\n".join(row(one, "utf-8") for one in table.rows)
            out.append(f"INSERT INTO `{full}` VALUES\n".encode() + rows + b";\n")
        out.append(b"UNLOCK TABLES;\ncommit;\n")
    out.append(b"/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;\n-- Dump completed on 2025-02-02\n")
    return b"".join(out)


WRITERS: dict[str, Callable[[Tables, str], bytes]] = {
    "mysqldump 4.1": mysqldump_4_1,
    "phpMyAdmin 2": phpmyadmin_2,
    "mysqldump --databases": mysqldump_databases,
    "MySQL 8": mysql_8,
    "phpMyAdmin 5": phpmyadmin_5,
    "MariaDB 11": mariadb_11,
}
