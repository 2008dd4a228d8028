"""`python3 -I readers.pyz WORK <request`: what the readers do on a server, as a user without rights.

The answer is one JSON object on the standard output; of `pass-on`, whose output is SQL, it is the last line on the
standard error. It has one of the keys `result`, `refused` (code and facts: what came can't be taken) and `failed` (what
stood in the way here).
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from tasks.on_server.old_installation.bounds import MIB, Bounds
from tasks.on_server.old_installation.dump_reader import Wanted, pass_on, survey, survey_of
from tasks.on_server.old_installation.layout import lay_out
from tasks.on_server.old_installation.opening import open_archive
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.scratch import Scratch
from tasks.on_server.old_installation.sql_portions import Portions
from tasks.on_server.old_installation.tree_survey import survey_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 1024 * MIB
"""Address space of a reader, by the kernel's count; a hostile file ends its reader and nothing else."""

ENCODINGS = ("utf-8", "cp850", "cp1252")
"""Of passwords: today's tools, those of Windows' console, those of its windows."""

OTHER_PASSWORD = ("password_or_damage", "wrong_password")
"""What is said where the password may be another one; the first has read further."""

FILES = 64
PIECE = MIB
DONE, REFUSED, FAILED = 0, 3, 1
ROOT_WORDS = "the readers run as a user without rights, not as root"


def open_one(request: dict[str, Any]) -> dict[str, Any]:
    """Open the archive `archive` (called `name`) into the empty folder `folder`, within `entries` and `bytes`."""
    bounds, told = Bounds(entries=request["entries"], bytes=request["bytes"]), dict[str, Refusal]()
    archive = os.open(request["archive"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(archive, "rb") as file, Scratch(request["folder"]) as scratch:
        for password in passwords_of(request.get("password") or ""):
            try:
                return open_archive(file, request["name"], scratch, bounds, password).as_json()
            except Refusal as error:
                if error.code not in OTHER_PASSWORD:
                    raise
                told.setdefault(error.code, error)
    raise next(told[code] for code in OTHER_PASSWORD if code in told)


def passwords_of(text: str) -> list[bytes | None]:
    """What a password may be in bytes, the likeliest first: no archive says in which encoding it was typed."""
    found: list[bytes | None] = []
    for encoding in ENCODINGS:
        with suppress(UnicodeEncodeError):
            found.append(text.encode(encoding))
    return list(dict.fromkeys(found)) if text else [None]


def look_at_tree(request: dict[str, Any]) -> dict[str, Any]:
    """What lies in `folder`."""
    with Scratch(request["folder"]) as scratch:
        return survey_tree(scratch).as_json()


def look_at_dump(request: dict[str, Any]) -> dict[str, Any]:
    """What the dump `dump` (its path below `folder`) holds, and where the product's tables are."""
    with _dump(request) as file:
        found = survey(_pieces(file))
    return found.as_json() | {"candidates": found.candidates()}


def give_tables(request: dict[str, Any]) -> dict[str, Any]:
    """The wanted tables of a dump on the standard output; the rows of each.

    `survey` is what `look_at_dump` said; `section`, `prefix`, `new_prefix` and `tables` say what is wanted.
    Whoever reads it begins no transaction and ends none but where it says so.
    """
    wanted = Wanted(request["section"], request["prefix"], request["new_prefix"], frozenset(request["tables"]))
    out = Portions(sys.stdout.buffer)
    with _dump(request) as file:
        rows = pass_on(_pieces(file), survey_of(request["survey"]), wanted, out.write)
    out.end()
    return {"rows": dict(rows)}


def lay_out_anew(request: dict[str, Any]) -> dict[str, Any]:
    """What is taken over of the tree at `root` in `folder` lies in `storage`, too; `base` and `config` say where."""
    root, base, config = (_parts(request[key]) for key in ("root", "base", "config"))
    with Scratch(request["folder"]) as tree, Scratch(request["storage"]) as storage:
        return lay_out(tree, root, base, config, storage).as_json()


WORK = {
    "lay-out": lay_out_anew,
    "open": open_one,
    "look-at-tree": look_at_tree,
    "look-at-dump": look_at_dump,
    "pass-on": give_tables,
}


def main(work: str) -> int:
    """Do one work of the request on the standard input; the exit code."""
    out = sys.stderr if work == "pass-on" else sys.stdout
    if os.geteuid() == 0:
        print(json.dumps({"failed": ROOT_WORDS}), file=out)
        return FAILED
    request = json.load(sys.stdin)
    _confine(request)
    answer: dict[str, Any]
    try:
        answer, code = {"result": WORK[work](request)}, DONE
    except Refusal as error:
        answer, code = {"refused": {"code": error.code, "facts": error.facts}}, REFUSED
    except MemoryError:
        answer, code = {"failed": "more memory would be needed than a reader gets"}, FAILED
    except OSError as error:
        answer, code = {"failed": error.strerror or str(error)}, FAILED
    print(json.dumps(answer), file=out, flush=True)
    return code


def _confine(request: dict[str, Any]) -> None:
    """Bounds by the kernel, beside our own: memory, open files, the size of a file, no trace of a crash."""
    os.umask(0o077)
    for limit, most in (
        (resource.RLIMIT_AS, request.get("memory", MEMORY)),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, request.get("bytes", 0)),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)  # noqa: PLW2901  # never above what is given
        resource.setrlimit(limit, (most, most))


def _parts(path: str) -> tuple[str, ...]:
    """A path's parts."""
    return tuple(part for part in path.split("/") if part)


@contextmanager
def _dump(request: dict[str, Any]) -> Iterator[BinaryIO]:
    """The dump's file."""
    with Scratch(request["folder"]) as scratch, scratch.read(_parts(request["dump"])) as file:
        yield file


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file, piece by piece."""
    while piece := file.read(PIECE):
        yield piece


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
