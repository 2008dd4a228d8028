"""Apache, PHP-FPM and systemd: test, reload only what is needed, look after (FLEET.md section 8).

A file of a service comes into force under the lock `/run/phm/web.lock`: put in place, tested by the service itself,
loaded, and asked for an answer by TLS where the service has a name. What fails is taken back before anybody else
comes to the lock; what a killed run left unproven is taken back by the next. Whether a reload is needed is told by
a stamp of the last one, so that a run killed between the file and the reload is made good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

# Apache's own test does not open certificates, and its reload returns before they are opened: it has come through
# when it has a new child, and only then the request tells something. Whether the certificate is good is asked from
# outside; one that has expired must not take other customers' sites back.
_COMMON = """
unit=$1 host=$2 test=$3 stamp=/run/phm/$1.loaded; shift 3
exec 9>/run/phm/web.lock; flock -w 120 -E 75 9
umask 077
children() { pgrep -P "$(systemctl show -P MainPID "$unit")" || :; }
renewed() { for p in $(children); do case " $before " in *" $p "*) ;; *) return 0 ;; esac; done; return 1; }
asked() { curl -sko /dev/null --max-time 5 --noproxy '*' --resolve "$host:443:127.0.0.1" "https://$host/"; }
serves() {
  end=$(($(date +%s) + 20))
  while [ "$(date +%s)" -lt "$end" ]; do
    case $(systemctl is-active "$unit" || :) in
      failed|inactive) return 1 ;;
      active) if [ -z "$host" ] || { renewed && asked; }; then return 0; fi ;;
    esac
    sleep 0.02
  done
  return 1
}
load() { before=$(echo $(children)); systemctl reload-or-restart "$unit" && serves; }
why() {
  if [ -z "$host" ]; then journalctl -qu "$unit" -n 2 -o cat; else
    tail -qn 4 /var/log/apache2/error.log /var/log/apache2/phm-error.log 2>/dev/null |
      sed -n 's/.*:emerg\\] .*\\(AH[0-9]*: \\)/\\1/p' | tail -n 2
  fi
}
take_back() {
  find "$@" -name '.*.phm-old' -o -name '.*.phm-none' | while read -r left; do
    whole=$(basename "$left"); whole=${whole#.}; whole=$(dirname "$left")/${whole%.phm-*}
    case $left in *.phm-old) mv -fT "$left" "$whole" ;; *) rm -f "$whole" "$left" ;; esac
    echo "$whole"
  done
}
loaded() {
  newer=$(find "$@" ! -type d -newer "$stamp" -print -quit 2>/dev/null || echo none)
  [ -e "$stamp" ] && [ -z "$newer" ] && systemctl -q is-active "$unit"
}
ensure_loaded() {
  touch "$stamp.new"
  if load; then mv -fT "$stamp.new" "$stamp"; return; fi
  said=$(why || :); rm -f "$stamp"; back=$(take_back "$@")
  systemctl reset-failed "$unit" 2>/dev/null || :
  if ! load; then now="it does not serve as it was before either"
  elif [ -n "$back" ]; then now="it serves again as before"
  else mv -fT "$stamp.new" "$stamp"; return; fi
  echo "$unit did not serve after its reload: ${said:-no answer in time}" >&2; echo "$now" >&2; exit 4
}
"""

_INSTALL = (
    _COMMON
    + """
file=$1 mode=$2 size=$3; shift 3
beside="$(dirname "$file")/.$(basename "$file")"; new=$beside.phm-new old=$beside.phm-old none=$beside.phm-none
[ -z "$(take_back "$@")" ] || rm -f "$stamp"
cat >"$new"; chmod "$mode" "$new"
[ "$(stat -c %s "$new")" = "$size" ] || { rm -f "$new"; echo "the content came in part only" >&2; exit 75; }
if [ -f "$file" ] && cmp -s "$new" "$file"; then
  rm -f "$new"
  if loaded "$@"; then echo unchanged; exit; fi
else
  if [ -f "$file" ]; then cp -p "$file" "$old"; else : >"$none"; fi
  mv -fT "$new" "$file"
  if ! said=$($test 2>&1); then take_back "$@" >/dev/null; echo "$said" >&2; exit 3; fi
fi
ensure_loaded "$@"; rm -f "$old" "$none"; echo changed
"""
)

_RELOAD = (
    _COMMON
    + """
[ -z "$(take_back "$@")" ] || rm -f "$stamp"
if loaded "$@"; then echo unchanged; exit; fi
if ! said=$($test 2>&1); then echo "$said" >&2; exit 3; fi
ensure_loaded "$@"; echo changed
"""
)

# The stamp goes first: whoever is killed before the reload leaves none, and the next one loads.
_UNINSTALL = (
    _COMMON
    + """
file=$1; shift
[ -z "$(take_back "$@")" ] || rm -f "$stamp"
if [ -e "$file" ]; then rm -f "$stamp"; rm -f "$file"; fi
if loaded "$@"; then echo unchanged; exit; fi
if ! said=$($test 2>&1); then echo "$said" >&2; exit 3; fi
ensure_loaded "$@"; echo changed
"""
)

_SOCKET = """
i=0
until [ -S "$1" ]; do
  i=$((i+1)); [ $i -lt 100 ] || { echo "nothing listens at $1" >&2; exit 4; }
  sleep 0.05
done
"""

SECONDS = 240
"""For the lock (120), the loading, and twice the wait for an answer (20)."""


@dataclass(frozen=True)
class Service:
    """A service whose files we write: its unit, its own test, and where its files are."""

    unit: str
    test: str
    folders: tuple[str, ...]


APACHE = Service(
    "apache2",
    "apache2ctl configtest",
    ("/etc/apache2/phm", "/etc/apache2/sites-available", "/etc/apache2/sites-enabled", "/etc/apache2/mods-enabled"),
)
PHP_FPM = Service("php8.2-fpm", "php-fpm8.2 -t", ("/etc/php/8.2/fpm",))


def install(service: Service, file: Path, content: str, mode: str = "644", *, host: str = "") -> Command:
    """A configuration file in force: tested by the service, loaded, and proven; taken back where that fails.

    Args:
        service: whose file it is.
        file: where it lies.
        content: what it says.
        mode: octal, without a leading zero.
        host: a name that the service has to answer for by TLS, on the host itself; none for a service without one.

    Exit code 3: the service's own test refuses it, and nothing was reloaded. Exit code 4: the service did not serve
    with it, and was loaded again without it.
    """
    written = content.encode()
    words = (service.unit, host, service.test, str(file), mode, str(len(written)), *service.folders)
    return script(f"{service.unit} configuration", _INSTALL, *words, stdin=written, seconds=SECONDS)


def reload(service: Service, *, host: str = "") -> Command:
    """The service has loaded its files as they are; tested before, asked after, only where one is newer than the last.

    Exit codes as `install`.
    """
    words = (service.unit, host, service.test, *service.folders)
    return script(f"{service.unit} reload", _RELOAD, *words, seconds=SECONDS)


def uninstall(service: Service, file: Path, *, host: str = "") -> Command:
    """A configuration file gone, and the service without it; arguments and exit codes as `install`."""
    words = (service.unit, host, service.test, str(file), *service.folders)
    return script(f"{service.unit} configuration", _UNINSTALL, *words, seconds=SECONDS)


def wait_for_socket(socket: Path) -> Command:
    """Until a Unix socket is there, five seconds at most."""
    return script("socket", _SOCKET, str(socket))
