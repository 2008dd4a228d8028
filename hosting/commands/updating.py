"""An instance's files on their way to another release, each step as one command (phlymail.md section 5).

In the storage only the instance itself acts: root would follow the links that its processes can lay there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, as_user, script
from hosting.commands.replacing import put_folder

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from hosting.product.layout import InstanceLayout

# Hard links to the release, owned by root; without what must not be shipped to an instance that is open.
_TREE = """
exec 9>"$4"; flock -w 120 -E 75 9
src=$1 dst=$2 data=$3
[ -d "$dst" ] && { echo unchanged; exit; }
rm -rf "$dst.part"; mkdir -p "$(dirname "$dst")"; cp -al "$src" "$dst.part"
cd "$dst.part"; rm -rf storage choices.ini.php installer.php install runonce.php
ln -s "$data/storage" storage; ln -s "$data/choices.ini.php" choices.ini.php
mv -T "$dst.part" "$dst"; echo changed
"""

# What is shipped takes the place of what was shipped before; what the customer or the product wrote stays.
_SHIPPED = """
new=$1/storage old=$2/storage data=$3/storage r=unchanged
umask 077; cd "$new/config"
for f in *; do
  case $f in
    choices.ini.php|driver.*|config.choices.ini.php|config.allowed_ips.php|active_handlers.ini.php) continue ;;
    autoupdate.ini.php) continue ;;
  esac
  t=$data/config/$f
  [ -f "$f" ] && ! cmp -s "$f" "$t" || continue
  case $f in
    current.build|build.name|theme.engine) ;;
    *) [ ! -e "$t" ] || cmp -s "$old/config/$f" "$t" || continue ;;
  esac
  cp --no-preserve=mode,ownership "$f" "$t.part"; mv -fT "$t.part" "$t"; r=changed
done
cp -rn --no-preserve=mode,ownership "$new/." "$data/"
echo $r
"""

# PHP has to be able to delete the script, or it runs at every login (phlymail.md section 1).
_RUN_ONCE = """
src=$1 dst=$2 user=$3
cp -alf "$src/runonce.php" "$dst/"; chown "$user" "$dst"; echo changed
"""

_COPY_SETTINGS = """
umask 077; data=$1 copy=$2
mkdir -p "$copy/storage/tplcache" "$copy/storage/temp" "$copy/storage/user"
cp -r --no-preserve=ownership "$data/storage/config" "$copy/storage/"
cp --no-preserve=ownership "$data/choices.ini.php" "$copy/"
"""

# Keeping waits until what was written is on the disk: a gigabyte that is there already does not lengthen a stop.
_WRITE_OUT = 'sync -f "$1"; echo unchanged'

_KEEP = """
data=$1 kept=$2
[ ! -e "$kept/whole" ] || { echo unchanged; exit; }
mkdir -p -m 700 "$kept"
btrfs -q subvolume snapshot "$data" "$kept/data" 2>/dev/null ||
  btrfs subvolume snapshot "$data" "$kept/data" >/dev/null
: >"$kept/whole"; echo changed
"""

# While the customer works his own user reads what root writes: no link of his leads root astray. What he may not read,
# what goes meanwhile (23 and 24 of rsync(1)), and what the product writes in place come with the rest, in the stop.
_COPY_AHEAD = """
data=$1 kept=$2 user=$3
mkdir -p -m 700 "$kept"
rsync -aHW --numeric-ids --delete --exclude='*.php' --exclude='*.ini' --exclude='*.wpop' --exclude='*.phml' \\
  --exclude='*.tpl' --exclude='*.build' --exclude='*.name' \\
  -e "setpriv --reuid=$user --regid=$user --clear-groups" "env:$data/" "$kept/data/" ||
  case $? in 23|24) ;; *) exit 4 ;; esac
sync -f "$kept"; echo changed
"""

_COPY_REST = """
data=$1 kept=$2
[ ! -e "$kept/whole" ] || { echo unchanged; exit; }
mkdir -p -m 700 "$kept"
rsync -aHW --numeric-ids --delete --fsync "$data/" "$kept/data/"
: >"$kept/whole"; echo changed
"""

# The folder appears whole. Whoever shows the name of a file in it passes: the proof from outside, before it opens; the
# other file is what the page says, and too short a name to be shown. A gate that is there already stays shut meanwhile.
_CLOSE = """
gate=$1; read -r token
rm -rf "$gate.new"; mkdir -m 711 "$gate.new"; : >"$gate.new/$token"
TZ=Europe/Berlin date -d "+$2 seconds" +%H:%M | tr -d '\n' >"$gate.new/until"; chmod 644 "$gate.new"/*
if [ -d "$gate" ]; then
  for f in "$gate"/*; do case $f in */until) ;; *) rm -f "$f" ;; esac; done
  mv -f "$gate.new"/* "$gate"; rmdir "$gate.new"
else mv -T "$gate.new" "$gate"
fi
echo changed
"""

_OPEN = """
gate=$1
[ -e "$gate" ] || { echo unchanged; exit; }
rm -rf "$gate.new"; mv -T "$gate" "$gate.new"; rm -rf "$gate.new"; echo changed
"""

_CRON_ENDED = 'exec 9<"$1"; flock -w "$2" -E 75 9; echo unchanged'

# Hard links of a release, and links to the storage, which are not followed.
_DROP_TREE = """
current=$1 tree=$2
[ -e "$tree" ] || { echo unchanged; exit; }
[ "$(readlink -f "$current")" != "$(readlink -f "$tree")" ] || { echo "the instance serves from $tree" >&2; exit 5; }
rm -rf --one-file-system "$tree"; echo changed
"""

# dash knows no pipefail: what the dump said is told beside the pipe.
_COPY_DATABASE = """
said=$({ { mariadb-dump --single-transaction --quick --hex-blob --skip-lock-tables \\
  --default-character-set=utf8mb4 "$1"; echo $? >&3; } |
  mariadb --init-command='SET SESSION sql_log_bin = 0' --default-character-set=utf8mb4 "$2"; } 3>&1)
[ "$said" = 0 ] || { echo "the dump ended with $said" >&2; exit 4; }
"""

_GONE = '[ ! -e "$1" ]'


def ensure_tree(unpacked: Path, tree: Path, data: Path, lock: Path) -> Command:
    """The code of a release for an instance, without installer and run-once script, beside the one that serves."""
    return script("tree", _TREE, str(unpacked), str(tree), str(data), str(lock), seconds=180)


def ship(new: Path, old: Path, data: Path, user: str) -> Command:
    """The shipped files of `storage/config`, as the new release has them; salt, access and settings stay.

    Args:
        new: the release as it was unpacked.
        old: the one before it: what differs from it, the customer has changed.
        data: the folder with `storage`.
        user: the instance's.
    """
    return as_user(script("shipped files", _SHIPPED, str(new), str(old), str(data)), user)


def drop_tree(tree: Path, current: Path) -> Command:
    """The code of a release for an instance is gone; refused where the link of that instance leads to it.

    Args:
        tree: as `ensure_tree` made it.
        current: the link that the instance serves from.
    """
    return script("drop tree", _DROP_TREE, str(current), str(tree), seconds=180)


def place_run_once(unpacked: Path, tree: Path, user: str) -> Command:
    """The run-once script in a tree, for the next request of `config.php`."""
    return script("run-once script", _RUN_ONCE, str(unpacked), str(tree), user)


def run_once_is_gone(tree: Path) -> Command:
    """Exit code 0 where the run-once script has run to its end."""
    return script("run-once script", _GONE, str(tree / "runonce.php"))


def copy_settings(data: Path, copy: Path, user: str) -> Command:
    """Settings and configuration in another folder, for a trial."""
    return as_user(script("copy settings", _COPY_SETTINGS, str(data), str(copy)), user)


def copy_database(database: str, copy: str, seconds: float) -> Command:
    """The tables of a database as they are at one moment, in an empty one; nothing of it in the binary log."""
    return script("copy database", _COPY_DATABASE, database, copy, seconds=seconds)


def write_out(layout: InstanceLayout) -> Command:
    """What was written to the file system of the data folder until now is on its disk."""
    return script("write out", _WRITE_OUT, str(layout.data), seconds=300)


def keep_files(layout: InstanceLayout) -> Command:
    """The data folder as it is now, as a snapshot."""
    return script("keep files", _KEEP, str(layout.data), str(layout.kept))


def copy_files_ahead(layout: InstanceLayout) -> Command:
    """The most of the data folder beside it, while the customer works: where there are no snapshots."""
    return script("copy files", _COPY_AHEAD, str(layout.data), str(layout.kept), layout.user, seconds=3600)


def copy_rest_of_files(layout: InstanceLayout) -> Command:
    """The data folder as it is now, as a copy; by what has changed since `copy_files_ahead`."""
    return script("keep files", _COPY_REST, str(layout.data), str(layout.kept))


def put_files_back(layout: InstanceLayout) -> Command:
    """The data folder as it was kept; what took its place lies beside, to be dropped."""
    return put_folder(layout.data, layout.kept / "data", layout.kept / "failed")


def close_gate(gate: Path, token: str, seconds: int = 60) -> Command:
    """From now on the site answers 503, except to who shows the token; its page says that it lasts so long at most."""
    return script("close", _CLOSE, str(gate), str(seconds), stdin=f"{token}\n".encode(), secrets=(token,))


def open_gate(gate: Path) -> Command:
    """The site serves again."""
    return script("open", _OPEN, str(gate))


def await_cron(scratch: Path, seconds: int) -> Command:
    """The instance's cron job has come to its end; exit code 75 where it goes on for longer."""
    return script("cron", _CRON_ENDED, str(scratch), str(seconds), seconds=seconds + 15)
