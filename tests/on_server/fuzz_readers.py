"""Readers of strangers' archives, dumps and settings, fed with what nobody thought of (P33 to P36).

    python -m tests.on_server.fuzz_readers [--seconds N] [--seed N] [archives|dumps|settings]

Each input is a lawful or a hostile one of the tests, changed a little. It is taken or refused by code within seconds;
nothing is written beside the scratch folder, nothing but statements of ours comes out of a dump, and PHP itself reads of a
settings file what we read. What breaks that is written to a file, which is named.
"""

from __future__ import annotations

import argparse
import base64
import bz2
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosting.product.conversion import choices_with, convert, settings_of
from hosting.product.old_settings import read_ini, read_old_driver
from hosting.product.settings import Relay, instance_choices
from tasks.on_server.old_installation.dump_reader import Wanted, pass_on, survey
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.sql_statements import Statements
from tests.on_server.test_dump_reader import HOSTILE as HOSTILE_SQL
from tests.on_server.test_dump_reader import TEXT
from tests.on_server.test_opening import HOSTILE, LAWFUL, Place, as_tar
from tests.product.old_installations import OldOne
from tests.product.old_trees_by_the_book import TREES
from tests.product.test_old_settings import SCRAPS as INI_SCRAPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLOW_SECONDS = 10.0
"""No input is so large that a reader may take longer."""

SEED_MOST = 2**17
"""Larger ones take too long to be changed often."""

EDGES = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"../",
    b"\n",
)
SQL_SCRAPS = (
    b"'", b'"', b"`", b"\\", b";", b"/*", b"*/", b"/*!50000 ", b"/*M!", b"--", b"-- \n", b"#", b"\n", b"\0", b"(", b")", b",",
    b"0x", b"_binary ", b"INSERT INTO `phlymail_user` VALUES (", b"SET NAMES latin1;", b"USE `x`;", b"\xc3", b"\xe2\x82\xac",
    b"\xc3\x83\xc2\xbc", b"DELIMITER ;;\n", b"LOAD_FILE('x')", b"\\! id\n", b"NULL", b"-1e5", b"''", b"\\'", b"@@version",
)  # fmt: skip
VALUE = rb"(?:NULL|DEFAULT|(?:_\w+\s*)?''|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|(?:_binary\s+)?0x[0-9A-F]+|[xbn]'')"
SAFE = re.compile(
    rb"SET NAMES \w+|SET TIME_ZONE = ''|(?:CREATE|ALTER) TABLE `phlymail_[\w$ -]+`[^@;\\]*|"
    rb"(?:INSERT|REPLACE) INTO `phlymail_[\w$ -]+` (?:\([`\w$, -]+\) )?VALUES(?:[\s(,]*" + VALUE + rb"[\s),]*)+",
    re.IGNORECASE,
)
PHP_LOOP = (
    "while (($line = fgets(STDIN)) !== false) { $found = @parse_ini_string(base64_decode($line), true);"
    'echo json_encode($found, JSON_INVALID_UTF8_SUBSTITUTE), "\\n"; }'
)  # fmt: skip
NEW = settings_of(BASE := instance_choices("de", Relay("relay.example", 25), "phlyLabs", online=False))


def changed(seed: bytes, other: bytes, dice: random.Random, scraps: tuple[bytes, ...] = EDGES) -> bytes:
    """An input with some changes: other bytes, more, fewer, a part twice, a part of another, cut off."""
    data = bytearray(seed)
    for _ in range(dice.randrange(1, 6)):
        at, size = dice.randrange(len(data) + 1), dice.randrange(1, 64)
        match dice.randrange(7):
            case 0:
                data[at : at + 1] = dice.randbytes(1)
            case 1:
                scrap = dice.choice(scraps)
                data[at : at + len(scrap)] = scrap
            case 2:
                data[at:at] = dice.choice(scraps)
            case 3:
                del data[at : at + size]
            case 4:
                data[at:at] = data[at : at + size * 8]
            case 5:
                there = dice.randrange(len(other) + 1)
                data[at:at] = other[there : there + size * 8]
            case _:
                if dice.random() < 0.2:  # now and then
                    del data[at:]
    return bytes(data)


def archives(dice: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    """Archives, and what is looked at with each."""
    makers = [*LAWFUL.values(), *(make for _, make in HOSTILE.values())]
    made: dict[int, bytes] = {}

    def seed() -> bytes:
        while True:
            at = dice.randrange(len(makers))
            if at not in made:
                made[at] = makers[at]()
            if 0 < len(made[at]) < SEED_MOST:
                return made[at]

    tars = [as_tar()[:60_000], as_tar()]
    while True:
        if dice.random() < 0.3:  # a tar is changed before it is packed
            data = dice.choice((gzip.compress, bz2.compress))(changed(dice.choice(tars), dice.choice(tars), dice))
        else:
            data = changed(seed(), seed(), dice)
        yield data, lambda data=data: opened_or_refused(data)  # type: ignore[misc]


def opened_or_refused(data: bytes) -> None:
    """It opens to plain files below the scratch folder, or leaves nothing."""
    with tempfile.TemporaryDirectory(prefix="phm-fuzz-") as folder:
        place = Place(Path(folder))
        try:
            place.open(data, password=b"p")
        except Refusal:
            assert list(place.scratch.iterdir()) == [], "something is left"
        modes = {path.lstat().st_mode & 0o177777 for path in place.scratch.rglob("*")}
        assert modes <= {0o100600, 0o040700}, f"modes {modes}"
        assert place.around() == place.before, "something beside it changed"


def dumps(dice: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    """Dumps of both generators and hostile statements, and what is looked at with each."""
    seeds = [old.files()[old.dump_at] for old in TREES] + [
        OldOne(users=2).dump(),
        OldOne("Lite", 3, encoding="twice").dump(),
    ]
    statements = [text.encode() for _, text in HOSTILE_SQL.values()]
    while True:
        scraps = (*SQL_SCRAPS, dice.choice(statements))
        data = changed(dice.choice(seeds), dice.choice(seeds), dice, scraps)
        yield data, lambda data=data: passed_on_or_refused(data)  # type: ignore[misc]


def passed_on_or_refused(data: bytes) -> None:
    """Only statements of ours come out, by another cut of them."""
    cut = 1 + len(data) // 7
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    out: list[bytes] = []
    try:
        found = survey(pieces)
        for section, prefix in found.candidates()[:1]:
            names = [name.removeprefix(f"{prefix}_") for name in found.sections[section]]
            pass_on(pieces, found, Wanted(section, prefix, "phlymail", names), out.append)
    except Refusal:
        return
    for statement in Statements([b"".join(out)]):
        bare = TEXT.sub(b"''", statement.text)
        assert SAFE.fullmatch(bare), f"came out: {bare[:200]!r}"


def settings(dice: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    """Settings files, and what is looked at with each."""
    seeds = [text for old in TREES for path, text in old.files().items() if path.endswith((".ini.php", ".conf.php"))]
    seeds += [OldOne().choices().encode(), OldOne("Lite", 3).choices().encode()]
    scraps = tuple(text.encode() for text in INI_SCRAPS.elements)  # type: ignore[attr-defined]  # hypothesis has it
    with php() as read:
        while True:
            data = changed(dice.choice(seeds), dice.choice(seeds), dice, scraps)
            yield data, lambda data=data: read_as_php_does(data, read)  # type: ignore[misc]


@contextmanager
def php() -> Iterator[Callable[[bytes], Any]]:
    """PHP's own reader, one process for all."""
    with subprocess.Popen(["php", "-n", "-r", PHP_LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def read(data: bytes) -> Any:
            assert process.stdin
            assert process.stdout
            process.stdin.write(base64.b64encode(data) + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        try:
            yield read
        finally:
            process.kill()


def read_as_php_does(data: bytes, read: Callable[[bytes], Any]) -> None:
    """Each value that is sure is the one that PHP reads; what comes of it can be written, and is read again."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    read_old_driver(text)
    ours = read_ini(text)
    written = choices_with(BASE, convert(ours, NEW))
    assert not read_ini(written).unreadable, "what was written can't be read"
    assert read(written.encode()) is not False, "PHP can't read what was written"
    if ours.unreadable:
        return
    theirs = read(text.encode())
    assert theirs is not False, "PHP can't read it"
    flat = flattened(theirs or {})
    assert {key: flat.get(key) for key in ours.values} == dict(ours.values), "PHP reads something else"


def flattened(found: dict[str, Any]) -> dict[tuple[str, str], str]:
    """By section and key."""
    flat: dict[tuple[str, str], str] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            flat |= {(str(name), str(key)): inner for key, inner in value.items()}
        elif not isinstance(value, list):
            flat["", str(name)] = value
    return flat


READERS = {"archives": archives, "dumps": dumps, "settings": settings}


def fuzz(reader: str, seconds: float, seed: int) -> int:
    """Feed a reader for so long; how many inputs there were.

    Raises:
        AssertionError: of the first input that it does not stand, with the file in which that lies.
    """
    dice, count, end = random.Random(seed), 0, time.monotonic() + seconds
    for data, look in READERS[reader](dice):
        if time.monotonic() > end:
            break
        began = time.monotonic()
        try:
            look()
            assert time.monotonic() - began < SLOW_SECONDS, "it took too long"
        except Exception as error:
            with tempfile.NamedTemporaryFile(prefix=f"phm-fuzz-{reader}-", delete=False) as file:
                file.write(data)
            message = f"{reader}, seed {seed}, input {count}, {file.name}: {error!r}"
            raise AssertionError(message) from error
        count += 1
    return count


def main() -> None:
    """All of them, or one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("readers", nargs="*", default=list(READERS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    wish = parser.parse_args()
    for reader in wish.readers:
        count = fuzz(reader, wish.seconds / len(wish.readers), wish.seed)
        sys.stdout.write(f"{reader}: {count} inputs, seed {wish.seed}\n")


if __name__ == "__main__":
    main()
