"""What a server has of an instance, found by its name wherever it lies, told as counts, bytes and a hash (P41)."""

from __future__ import annotations

from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.commands.mariadb import Statement
from hosting.policy.leaving import Listing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ROOTS = (
    "/srv/instances", "/srv/code", "/srv/scratch", "/srv/backup", "/srv/imports", "/srv/exports",
    "/etc/apache2/phm/instances", "/etc/php/8.2/fpm/pool.d", "/etc/cron.d", "/etc/phm/php", "/var/log/phm",
    "/run/phm", "/run/phm/jobs",
)  # fmt: skip
"""The folders in which something that is called after an instance may lie, directly below."""

SITES_OF_NAMES, CERTIFICATES_OF_NAMES = "/etc/apache2/phm/names", "/etc/apache2/phm/name-certificates"
"""Where something may lie that is called after one of its names: by that name's number."""

# A name stands alone, with a sign before and after it that no name has: phm-k3v9q2.conf, k3v9q2_1, k3v9q2-aside-….
_FIND = r"""
name=$1 numbers=$2 sites=$3 certificates=$4; shift 4
for root in "$@"; do
  [ -d "$root" ] || continue
  find "$root" -mindepth 1 -maxdepth 1 -regextype posix-extended -regex ".*/([^/]*[^a-z0-9/])?$name([^a-z0-9/][^/]*)?"
done
if [ -n "$numbers" ] && [ -d "$sites" ]; then
  find "$sites" -mindepth 1 -maxdepth 1 -regextype posix-extended -regex ".*[.]($numbers)[.]conf"
fi
if [ -n "$numbers" ] && [ -d "$certificates" ]; then
  own=".*/([.]phm-new[.])?($numbers)([.][^/]*)?"
  find "$certificates" -mindepth 1 -maxdepth 1 -regextype posix-extended -regex "$own"
fi
if getent passwd "phm-$name" >/dev/null; then echo "user phm-$name"; fi
"""

# Sockets and fifos have no size of their own; of a folder only that it is there counts.
_TALLY = r"""
list() {
  for p in "$@"; do
    if [ -e "$p" ] || [ -L "$p" ]; then find "$p" \( -type f -printf '%p\t%s\n' \) -o -printf '%p\t0\n'
    else printf '%s\t0\n' "$p"; fi
  done | LC_ALL=C sort
}
list "$@" | awk -F '\t' '{ n++; b += $NF } END { printf "%d %.0f ", n, b }'
list "$@" | sha256sum | cut -d ' ' -f 1
"""

# useradd(8) and its like keep each file of theirs as it was before, beside it.
_FORGET = """
exec 9>/run/phm/users.lock; flock -w 60 -E 75 9
r=unchanged
for f in passwd shadow group gshadow subuid subgid; do
  if grep -qsF -- "$1:" "/etc/$f-" && ! grep -qsF -- "$1:" "/etc/$f"; then
    cp -p "/etc/$f" "/etc/.$f.phm-new"; mv -fT "/etc/.$f.phm-new" "/etc/$f-"; r=changed
  fi
done
echo $r
"""


def find_traces(name: str, numbers: Collection[int] = ()) -> Command:
    """Everything on a server that is called after an instance, a line each: paths, and its Unix user.

    Args:
        name: of the instance.
        numbers: of the names that it ever had: their sites, certificates and keys are found, too.
    """
    either = "|".join(map(str, sorted(numbers)))
    words = (name, either, SITES_OF_NAMES, CERTIFICATES_OF_NAMES, *ROOTS)
    return script("find traces", _FIND, *words, seconds=300)


def parse_traces(out: str) -> tuple[list[Path], list[str]]:
    """The paths, and what else there is, by its name."""
    lines = [line for line in out.splitlines() if line]
    return [Path(line) for line in lines if line.startswith("/")], [line for line in lines if not line.startswith("/")]


def tally(paths: Sequence[Path], others: Sequence[str]) -> Command:
    """The listing of all that lies below these paths, made on the server: no name of a file leaves it."""
    return script("tally", _TALLY, *map(str, paths), *others, seconds=3600)


def parse_tally(out: str) -> Listing:
    """What `tally` told."""
    count, size, digest = out.split()
    return Listing(int(count), int(size), digest)


def forget_user(user: str) -> Command:
    """The files that keep users as they were before the last change know a user no longer."""
    return script("forget user", _FORGET, user)


def find_databases(database: str) -> Statement:
    """The databases that are called after an instance's, its copies' and what restores and imports laid aside."""
    like = database.replace("_", r"\_") + r"\_%"
    return Statement(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s OR SCHEMA_NAME LIKE %s ORDER BY 1",
        (database, like),
    )


def find_users(database: str) -> Statement:
    """The database users that are called so."""
    like = database.replace("_", r"\_") + r"\_%"
    return Statement(
        "SELECT User, Host FROM mysql.user WHERE User = %s OR User LIKE %s ORDER BY 1, 2", (database, like)
    )


def tables_in(database: str) -> Statement:
    """The tables of a database with the bytes of data and indexes."""
    return Statement(
        "SELECT TABLE_NAME, COALESCE(DATA_LENGTH + INDEX_LENGTH, 0) FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = %s ORDER BY 1",
        (database,),
    )
