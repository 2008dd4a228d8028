"""What the reader of dumps passes on, loaded into a real database: all rows, every letter, today's tables (P33)."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from tasks.on_server.old_installation.dump_reader import Wanted, pass_on, survey
from tasks.on_server.old_installation.sql_portions import Portions
from tests.inventory.databases import PrivateMariadb
from tests.product.old_installations import OldOne

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SUBJECTS = [
    "Grüße aus Köln",
    "5 € für Müller",
    'It\'s; \\ -- /* no comment */ `x` "y"',
    "Zeile\nZeile\r\n\0\x1a\t%_",
    "",
    "Ã¼ meint ü",
    "x" * 255,
]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    server = PrivateMariadb()
    try:
        server.statement("SET GLOBAL sql_mode = 'NO_ENGINE_SUBSTITUTION'")  # as the product needs it
        yield server
    finally:
        server.remove()


def loaded(server: PrivateMariadb, old: OldOne, dump: bytes = b"") -> tuple[str, Mapping[str, int]]:
    """The database that it went into, and the rows that were passed on."""
    dump = dump or old.dump()
    found = survey([dump])
    ((section, prefix),) = found.candidates()
    out = io.BytesIO()
    portions = Portions(out, most=1000)
    rows = pass_on([dump], found, Wanted(section, prefix, "phlymail", tuple(old.tables())), portions.write)
    portions.end()
    url = server.fresh()
    name = url.partition("?")[0].rpartition("/")[2]
    done = subprocess.run(
        ["mariadb", "--no-defaults", "--batch", "--disable-local-infile", "--init-command=SET autocommit=0", f"--socket={server.folder}/socket", "-u", "root",
         name], input=out.getvalue(),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return url.replace("mariadb://", "mariadb+pymysql://") + "&charset=utf8mb4", rows


def asked(url: str, question: str) -> Sequence[tuple[object, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(question))]
    engine.dispose()
    return found


@pytest.mark.parametrize(
    "old",
    [
        OldOne(subjects=SUBJECTS, mails=7), OldOne("Lite", 3, encoding="latin1", users=2, subjects=SUBJECTS[:5], mails=5, engine="TYPE=MyISAM"),
        OldOne("MessageCenter", 3, prefix="a_b", several=True, encoding="twice", subjects=SUBJECTS[:5], mails=5),
        OldOne(subjects=["😀 Grüße"], mails=1, engine="ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4"),
    ],
    ids=["utf8", "latin1", "twice", "four bytes"],
)  # fmt: skip
def test_all_rows_and_letters_arrive_in_todays_tables(mariadb: PrivateMariadb, old: OldOne) -> None:
    url, rows = loaded(mariadb, old)
    subjects = [row[0] for row in asked(url, "SELECT hsubject FROM phlymail_email_index WHERE uid = 1 ORDER BY idx")]
    assert subjects == old.subjects
    assert (
        rows["phlymail_email_index"]
        == asked(url, "SELECT COUNT(*) FROM phlymail_email_index")[0][0]
        == old.users * old.mails
    )
    names = [bytes(row[0]) for row in asked(url, "SELECT username FROM phlymail_user ORDER BY uid")]
    assert names == [name.encode() for name in old.names] or old.encoding == "latin1"  # bytes, whatever they meant
    tables = asked(
        url, "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    assert len(tables) == len(old.tables())
    assert {(engine, str(collation).partition("_")[0]) for _, engine, collation in tables} <= {
        ("InnoDB", "utf8mb3"),
        ("InnoDB", "utf8mb4"),
    }


@pytest.mark.parametrize(
    "options",
    [
        [], ["--databases"], ["--skip-extended-insert"], ["--complete-insert", "--hex-blob"], ["--skip-opt", "--skip-comments"],
        ["--default-character-set=latin1"], ["--skip-set-charset"], ["--quote-names=0"], ["--replace", "--skip-add-locks", "--no-autocommit"], ["--tz-utc=0"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_the_real_program_dumps_comes_back_the_same(mariadb: PrivateMariadb, options: list[str]) -> None:
    old = OldOne(subjects=[*SUBJECTS[:5], "ß"], mails=6)
    first, _ = loaded(mariadb, old)
    name = first.partition("?")[0].rpartition("/")[2]
    flags = [*options, name] if "--databases" in options else [name, *options]
    dumped = subprocess.run(
        ["mariadb-dump", "--no-defaults", f"--socket={mariadb.folder}/socket", "-u", "root", *flags],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    second, rows = loaded(mariadb, old, dumped)
    assert rows["phlymail_email_index"] == old.users * old.mails
    for table in ("user", "email_index", "calendar_groups", "admin"):
        question = f"CHECKSUM TABLE phlymail_{table}"
        assert asked(second, question)[0][1] == asked(first, question)[0][1], table


def test_what_could_be_a_clients_command_stays_a_text(mariadb: PrivateMariadb) -> None:
    commands = [
        "\\! touch /tmp/phm-x",
        "a\n\\! id\nb",
        "a\ndelimiter x\nb",
        "a\nsource /etc/passwd\nb",
        "a';\nDROP TABLE x;--",
        "*/ x /*!",
    ]
    url, _ = loaded(mariadb, OldOne(subjects=commands, mails=len(commands)))
    assert [
        row[0] for row in asked(url, "SELECT hsubject FROM phlymail_email_index WHERE uid = 1 ORDER BY idx")
    ] == commands
