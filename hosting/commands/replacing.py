"""One folder or database in the place of another: the old one lies aside first, and each step can be repeated.

Whoever was killed between two moves finds from what is there how far he had come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, as_user, script
from hosting.commands.mariadb import Statement, name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import PurePosixPath as Path

_FOLDER = """
cur=$1 new=$2 old=$3
if [ ! -e "$new" ]; then
  [ -e "$cur" ] || { echo "neither the folder nor what should replace it is there" >&2; exit 5; }
  [ -e "$old" ] || [ -e "$old.none" ] || { echo "what should replace the folder is not there" >&2; exit 5; }
  echo unchanged; exit
fi
mkdir -p -m 700 "$(dirname "$old")"
if [ -e "$cur" ]; then
  [ ! -e "$old" ] || { echo "$old is there already" >&2; exit 5; }
  mv -T "$cur" "$old"
elif [ ! -e "$old" ]; then touch "$old.none"
fi
mv -T "$new" "$cur"; sync -f "$cur"; echo changed
"""

# An instance's processes end by themselves or are ended. FPM starts a new one for each request that waits in its queue,
# and lets it live on for seconds: that one is told as well.
_PROCESSES = """
r=unchanged i=0
while pkill -TERM -u "$1"; do
  r=changed i=$((i+1)); [ $i -lt 40 ] || { pkill -KILL -u "$1" || :; sleep 0.2; break; }
  sleep 0.05
done
echo $r
"""

# Those that run now: FPM begins a new one for each request that waits, and would for ever if that were ended too.
_PROCESSES_OF_NOW = """
pids=$(pgrep -u "$1") || { echo unchanged; exit; }
kill -KILL $pids 2>/dev/null || :
i=0
for p in $pids; do
  while [ -e "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" 2>/dev/null; do
    i=$((i+1)); [ $i -lt 100 ] || { echo "its processes do not end" >&2; exit 4; }
    sleep 0.02
  done
done
echo changed
"""

_DROP = """
r=unchanged
for d in "$@"; do
  [ -e "$d" ] || continue
  find "$d" -xdev -depth -inum 256 -type d -exec btrfs -q subvolume delete {} + 2>/dev/null || :
  if [ -d "$d" ] && [ "$(stat -c %i "$d")" = 256 ]; then btrfs subvolume delete "$d" >/dev/null 2>&1 || :; fi
  rm -rf --one-file-system "$d"; r=changed
done
echo $r
"""

_CLEAN = """
cd /; for d in "$@"; do find "$d" -mindepth 1 -delete; done
"""

# Root reads what was brought back, the instance writes it: links in its folders lead nobody else astray.
_MERGE = """
src=$1 dst=$2 path=$3 user=$4 kept=$5
umask 077; mkdir -p "$(dirname "$kept")"
as_instance() { setpriv --reuid="$user" --regid="$user" --clear-groups "$@"; }
if [ ! -e "$kept" ]; then
  : >"$kept.part"
  if as_instance test -e "$dst/$path"; then as_instance tar -C "$dst" -cf - -- "$path" >"$kept.part"; fi
  mv "$kept.part" "$kept"
fi
tar -C "$src" -cf - -- "$path" |
  as_instance tar -C "$dst" --no-same-owner --unlink-first --recursive-unlink -xf - -- "$path"
echo changed
"""

# The same numbers on every server are an instance's; a copy of it has its own.
_HAND_OVER = """
chown -hR --from=":$2" ":$3" "$1"; chown -hR --from="$2" "$3" "$1"; echo changed
"""


def is_there(path: Path) -> Command:
    """Exit code 0 where something is at the path."""
    return Command("look", ("test", "-e", str(path)))


def put_folder(current: Path, new: Path, aside: Path) -> Command:
    """The new folder in the place of the current one, which lies aside then; exit code 5: not as it should be."""
    return script("put folder", _FOLDER, str(current), str(new), str(aside))


def hand_over(folder: Path, old: int, new: int) -> Command:
    """All that a user and group of one number own in a folder is another number's."""
    return script("hand over", _HAND_OVER, str(folder), str(old), str(new), seconds=3600)


def end_processes(user: str) -> Command:
    """No process of a user runs."""
    return script("end processes", _PROCESSES, user)


def end_processes_of_now(user: str) -> Command:
    """None of a user's processes of this moment goes on; those that begin later are others."""
    return script("end processes", _PROCESSES_OF_NOW, user)


def drop_folders(*folders: Path) -> Command:
    """Folders of the service's own gone, subvolumes in them too."""
    return script("drop folders", _DROP, *map(str, folders), seconds=900)


def empty_folders(user: str, *folders: Path) -> Command:
    """An instance's caches emptied, by itself."""
    return as_user(script("empty folders", _CLEAN, *map(str, folders), seconds=300), user)


def merge_path(source: Path, target: Path, path: str, user: str, kept: Path) -> Command:
    """One path of a restored folder over the same path of an instance's; what it replaces is kept as a tar file."""
    return script("put path", _MERGE, str(source), str(target), path, user, str(kept), seconds=3600)


def tables_of(database: str) -> Statement:
    """The names of a database's tables; none where there is no such database."""
    return Statement("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", (database,))


def moves_out(here: Collection[str], new: Collection[str], old: Collection[str], wanted: Collection[str]) -> list[str]:
    """The tables of a database that still have to go aside: those of the old state.

    Args:
        here: tables in the place.
        new: tables that wait to come in.
        old: tables that lie aside.
        wanted: all tables of the new state, whether they wait or are in already.
    """
    return sorted(table for table in here if table not in old and (table in new or table not in wanted))


def rename_tables(source: str, target: str, tables: Sequence[str]) -> Statement:
    """Tables moved from one database into another, in one statement."""

    def quoted(table: str) -> str:
        return f"`{table.replace('`', '``')}`"

    moves = ", ".join(f"{name(source)}.{quoted(one)} TO {name(target)}.{quoted(one)}" for one in tables)
    return Statement(f"RENAME TABLE {moves}")
