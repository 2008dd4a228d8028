"""Apache, PHP-FPM and systemd: test, reload only what is needed, look after (FLEET.md section 8).

A file of a service is put in place under the lock `/run/phm/web.lock`; a file that fails the service's
own test is taken back before anything is reloaded. Whether a reload is needed is told by a stamp of the
last one, so that a run killed between the file and the reload is made good by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

_INSTALL = """
exec 9>/run/phm/web.lock; flock -w 120 -E 75 9
umask 077
file=$1 mode=$2 size=$3; shift 3
beside="$(dirname "$file")/.$(basename "$file")"; new=$beside.phm-new old=$beside.phm-old none=$beside.phm-none
[ ! -e "$old" ] || mv -fT "$old" "$file"
[ ! -e "$none" ] || rm -f "$file" "$none"
cat >"$new"; chmod "$mode" "$new"
[ "$(stat -c %s "$new")" = "$size" ] || { rm -f "$new"; echo "the content came in part only" >&2; exit 75; }
if [ -f "$file" ] && cmp -s "$new" "$file"; then rm -f "$new"; echo unchanged; exit; fi
if [ -f "$file" ]; then cp -p "$file" "$old"; else : >"$none"; fi
mv -fT "$new" "$file"
if ! said=$("$@" 2>&1); then
  if [ -f "$old" ]; then mv -fT "$old" "$file"; else rm -f "$file" "$none"; fi
  echo "$said" >&2; exit 3
fi
rm -f "$old" "$none"; touch "$file"; echo changed
"""

_RELOAD = """
unit=$1 stamp=/run/phm/$1.loaded; shift
exec 9>/run/phm/web.lock; flock -w 120 -E 75 9
newer=$(find "$@" ! -type d -newer "$stamp" -print -quit 2>/dev/null || echo none)
if [ -e "$stamp" ] && [ -z "$newer" ] && systemctl -q is-active "$unit"; then echo unchanged; exit; fi
touch "$stamp.new"
systemctl reload-or-restart "$unit"
i=0
until systemctl -q is-active "$unit"; do
  i=$((i+1)); [ $i -lt 50 ] || { echo "$unit is not active after its reload" >&2; exit 4; }
  sleep 0.1
done
mv -fT "$stamp.new" "$stamp"; echo changed
"""

_SOCKET = """
i=0
until [ -S "$1" ]; do
  i=$((i+1)); [ $i -lt 100 ] || { echo "nothing listens at $1" >&2; exit 4; }
  sleep 0.05
done
"""


@dataclass(frozen=True)
class Service:
    """A service whose files we write: its unit, its own test, and where its files are."""

    unit: str
    test: tuple[str, ...]
    folders: tuple[str, ...]


APACHE = Service(
    "apache2",
    ("apache2ctl", "configtest"),
    ("/etc/apache2/phm", "/etc/apache2/sites-available", "/etc/apache2/sites-enabled", "/etc/apache2/mods-enabled"),
)
PHP_FPM = Service("php8.2-fpm", ("php-fpm8.2", "-t"), ("/etc/php/8.2/fpm",))


def install(service: Service, file: Path, content: str, mode: str = "644") -> Command:
    """A configuration file in place, tested by the service itself; exit code 3: it failed, the old state is back."""
    written = content.encode()
    words = (str(file), mode, str(len(written)), *service.test)
    return script(f"{service.unit} configuration", _INSTALL, *words, stdin=written, seconds=180)


def reload(service: Service) -> Command:
    """The service has loaded its files as they are; reloads only where one is newer than the last reload."""
    return script(f"{service.unit} reload", _RELOAD, service.unit, *service.folders, seconds=180)


def wait_for_socket(socket: Path) -> Command:
    """Until a Unix socket is there, five seconds at most."""
    return script("socket", _SOCKET, str(socket))
