"""Files, folders and links on a server, each as one command that says `changed` or `unchanged`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

# A file appears whole under its name or not at all: a connection that ends early looks like the end of the content,
# so that its size is told beforehand. What a killed run left beside it is overwritten by the next.
_FILE = """
umask 077
t="$(dirname "$1")/.$(basename "$1").phm-new"
rm -rf -- "$t"
cat >"$t"
[ "$(stat -c %s "$t")" = "$4" ] || { rm -f "$t"; echo "the content came in part only" >&2; exit 75; }
chmod "$3" "$t"; chown "$2" "$t"
if [ -f "$1" ] && [ ! -L "$1" ] && cmp -s "$t" "$1" && [ "$(stat -c %U:%G:%a "$1")" = "$2:$3" ]
then rm -f "$t"; echo unchanged
else mv -fT "$t" "$1"; echo changed
fi
"""

_LOG = """
[ -f "$1" ] && [ "$(stat -c %U:%G:%a "$1")" = "$2:$3" ] && { echo unchanged; exit; }
umask 077; touch "$1"; chown "$2" "$1"; chmod "$3" "$1"; echo changed
"""

_FOLDERS = """
r=unchanged
while [ $# -gt 0 ]; do
  d=$1; o=$2; m=$3; shift 3
  if [ ! -d "$d" ]; then mkdir -p "$d"; r=changed; fi
  if [ "$(stat -c %U:%G:%a "$d")" != "$o:$m" ]; then chown "$o" "$d"; chmod "$m" "$d"; r=changed; fi
done
echo $r
"""

_LINK = """
if [ "$(readlink "$1" 2>/dev/null)" = "$2" ]; then echo unchanged; exit; fi
ln -sfn "$2" "$1.phm-new"; mv -fT "$1.phm-new" "$1"; echo changed
"""

_GONE = """
r=unchanged
for p in "$@"; do if [ -e "$p" ] || [ -L "$p" ]; then rm -f "$p"; r=changed; fi; done
echo $r
"""


def ensure_file(
    path: Path, content: str, owner: str = "root:root", mode: str = "644", secrets: tuple[str, ...] = ()
) -> Command:
    """A file with exactly this content, owner and mode (octal without a leading zero)."""
    written = content.encode()
    return script("file", _FILE, str(path), owner, mode, str(len(written)), stdin=written, secrets=secrets)


def ensure_log(path: Path, owner: str, mode: str) -> Command:
    """A log file of this owner and mode; what is in it stays."""
    return script("log", _LOG, str(path), owner, mode)


def ensure_folders(*folders: tuple[Path, str, str]) -> Command:
    """Folders with owner and mode, made in the order given."""
    return script("folders", _FOLDERS, *(str(part) for folder in folders for part in folder))


def ensure_link(path: Path, target: str) -> Command:
    """A symbolic link, switched in one step."""
    return script("link", _LINK, str(path), target)


def ensure_gone(*paths: Path) -> Command:
    """Files that must not be there."""
    return script("gone", _GONE, *map(str, paths))


def read_file(path: Path) -> Command:
    """A file's content."""
    return Command("read", ("cat", "--", str(path)))


def read_if_there(path: Path, secrets: tuple[str, ...] = ()) -> Command:
    """A file's content, a quarter of a MiB at most; nothing where there is no such file."""
    return script("read", '[ ! -f "$1" ] || head -c 262144 -- "$1"', str(path), secrets=secrets)
