"""The readers as servers run them: one file, the standard library alone, without rights, in little memory."""

from __future__ import annotations

import ast
import bz2
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.import_readers import readers
from tests.on_server.archives import Z, zipped
from tests.on_server.test_dump_reader import HOSTILE
from tests.product.old_installations import OldOne, packed

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 2**20
NOBODY = 65534
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
"""The system's own, as on servers; that of the tests may be where nobody but us may look."""


class Server:
    """A folder in which the readers run as somebody without rights, where the tests may do that."""

    def __init__(self, root: Path) -> None:
        self.root, self.scratch, self.archive = root, root / "scratch", root / "old.zip"
        root.chmod(0o755)
        (root / "readers.pyz").write_bytes(readers())
        self.scratch.mkdir()
        self.user = NOBODY if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.scratch, NOBODY, NOBODY)

    def run(self, work: str, /, **request: Any) -> tuple[int, dict[str, Any], bytes]:
        request = {"folder": str(self.scratch), **request}
        done = subprocess.run(
            [PYTHON, "-I", str(self.root / "readers.pyz"), work], input=json.dumps(request).encode(), user=self.user, capture_output=True,
            timeout=60, check=False, cwd="/", env={},
        )  # fmt: skip
        said = done.stderr if work == "pass-on" else done.stdout
        assert said, done.stderr
        return done.returncode, json.loads(said.splitlines()[-1]), done.stdout

    def open(self, data: bytes, **request: Any) -> tuple[int, dict[str, Any]]:
        self.archive.write_bytes(data)
        whole = {"archive": str(self.archive), "name": "old.zip", "entries": 1000, "bytes": 64 * MIB, **request}
        return self.run("open", **whole)[:2]


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        yield Server(Path(folder))


def test_an_old_installation_is_read_by_one_program_step_by_step(server: Server) -> None:
    old = OldOne()
    code, answer = server.open(packed(old.files() | {"dump.sql": old.dump()}, "tar.gz"))
    assert (code, answer["result"]["formats"]) == (0, ["tar.gz"])
    _, answer, _ = server.run("look-at-tree")
    assert answer["result"]["dumps"] == {"dump.sql": len(old.dump())}
    assert "phlymail/choices.ini.php" in answer["result"]["texts"]
    _, answer, _ = server.run("look-at-dump", dump="dump.sql")
    assert "result" in answer, answer
    survey = answer["result"]
    assert survey["candidates"] == [["", "phlymail"]]
    code, answer, sql = server.run(
        "pass-on",
        dump="dump.sql",
        survey=survey,
        section="",
        prefix="phlymail",
        new_prefix="phlymail",
        tables=["user", "email_index"],
    )
    assert (code, answer["result"]["rows"]) == (0, {"phlymail_user": 3, "phlymail_email_index": 12})
    assert sql.count(b"CREATE TABLE") == 2


def test_a_refusal_is_told_by_code_and_nothing_stays(server: Server) -> None:
    code, answer = server.open(zipped(Z(b"a"), Z(b"../x")))
    assert (code, answer) == (3, {"refused": {"code": "leads_out", "facts": {"name": "../x"}}})
    assert list(server.scratch.iterdir()) == []


@pytest.mark.parametrize("encoding", ["utf-8", "cp850", "cp1252"])
def test_a_password_with_umlauts_opens_what_old_tools_have_packed(server: Server, encoding: str) -> None:
    files = (
        Z(b"a", b"x" * 900, password="Straßenbäume".encode(encoding)),
        Z(b"b", password="Straßenbäume".encode(encoding)),
    )
    code, told = server.open(zipped(*files), password="Straßenbäume")
    assert (code, told["result"]["files"], told["result"]["encrypted"]) == (0, 2, "all")


def test_a_password_that_fits_in_no_encoding_is_told_and_nothing_stays(server: Server) -> None:
    for password in ("Straßenbäume", "私"):
        code, told = server.open(zipped(Z(b"a", password=b"other")), password=password)
        assert (code, told["refused"]["code"]) in {(3, "wrong_password"), (3, "password_or_damage")}
        assert list(server.scratch.iterdir()) == []


def test_root_is_refused(server: Server) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be refused")
    server.user = None
    code, answer = server.open(zipped(Z(b"a")))
    assert code == 1
    assert "not as root" in answer["failed"]


def test_bombs_take_little_memory(server: Server) -> None:
    """The whole of it would not fit into what the reader may hold."""
    zeros = b"\0" * 80 * MIB
    packed_zeros = bz2.compress(zeros)
    for archive in (packed_zeros, zipped(Z(b"a", zeros))):
        code, answer = server.open(archive, memory=64 * MIB, bytes=1000 * MIB)
        assert (code, answer["refused"]["code"]) == (3, "ratio")


def test_a_dump_that_takes_more_memory_than_a_reader_gets_is_told_as_that(server: Server) -> None:
    """The kernel's bound stands behind our own ones, which are the same for all."""
    (server.scratch / "dump.sql").write_bytes(b"INSERT INTO a VALUES ('" + b"a" * 40 * MIB + b"');\n")
    code, answer, _ = server.run("look-at-dump", dump="dump.sql", memory=64 * MIB)
    assert (code, answer) == (1, {"failed": "more memory would be needed than a reader gets"})
    code, answer, _ = server.run("look-at-dump", dump="dump.sql")
    assert (code, "result" in answer) == (0, True)


def test_a_full_disk_is_told_as_that(server: Server) -> None:
    code, answer = server.open(zipped(Z(b"a", os.urandom(9 * MIB), method=0)), memory=96 * MIB, bytes=2 * MIB)
    assert (code, answer["refused"]["code"]) == (3, "too_many_bytes")
    server.archive.unlink()
    code, answer, _ = server.run("open", archive=str(server.archive), name="x", entries=1, bytes=1)
    assert (code, answer) == (1, {"failed": "No such file or directory"})


EACH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tasks.on_server.old_installation.dump_reader import survey
from tasks.on_server.old_installation.refusal import Refusal
def code_of(text):
    try:
        survey([text.encode("latin-1")])
    except Refusal as error:
        return error.code
    return ""
print(json.dumps([code_of(text) for text in json.load(sys.stdin)]))
"""


def test_the_servers_own_python_refuses_the_same_dumps(server: Server) -> None:
    """That of Debian 12 has another engine for patterns than later ones (its issue 106052)."""
    texts = [f"CREATE TABLE a (b int);\n{text}" if code != "no_tables" else text for code, text in HOSTILE.values()]
    command = [PYTHON, "-I", "-c", EACH, str(server.root / "readers.pyz")]
    told = subprocess.run(
        command,
        input=json.dumps([*texts, OldOne().dump().decode("latin-1")]).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(told.stdout) == [*(code for code, _ in HOSTILE.values()), ""]


def test_the_readers_need_nothing_but_the_standard_library() -> None:
    folder = Path(__file__).parents[2] / "tasks/on_server/old_installation"
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names if not name.startswith("tasks.on_server.old_installation")}
            assert tops <= sys.stdlib_module_names, file
