"""What a server gets once, when it is enrolled: each as one command that says `changed` or `unchanged`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.commands.database_dialects import DIALECTS
from hosting.policy.flavours import Database, running_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS = (
    "/etc/phm /etc/phm/php /etc/apache2/phm /etc/apache2/phm/instances /etc/apache2/phm/names "
    "/etc/apache2/phm/name-certificates /var/www/phm-empty /var/log/phm "
    "/srv/instances /srv/releases /srv/code /srv/scratch /var/lib/mysql-files"
)

TMPFILES = """\
d /run/phm 0700 root root -
# What a request that broke off leaves behind; the folders themselves stay as they are.
e /srv/scratch/*/upload - - - 1d
e /srv/scratch/*/temp - - - 7d
"""
SSHD = """\
# Written by the hosting service: a dead peer is noticed after 15 s, and what it held is released.
ClientAliveInterval 5
ClientAliveCountMax 3
MaxSessions 200
MaxStartups 100:30:200
"""
PHP_FPM = """\
; Written by the hosting service: a reload lets requests end.
[global]
process_control_timeout = 20s
emergency_restart_threshold = 10
emergency_restart_interval = 1m
"""
LOGROTATE = (
    "/var/log/phm/*.log {\n    weekly\n    maxsize 20M\n    rotate 4\n"
    "    missingok\n    notifempty\n    compress\n    copytruncate\n}\n"
)
LOGS_TURNED = """\
# Written by the hosting service: a log that grows fast does not wait for the night.
17 * * * * root /usr/sbin/logrotate /etc/logrotate.d/phm
"""
MODULES = "ssl headers rewrite macro proxy proxy_fcgi proxy_http http2 setenvif alias mpm_event"

_APACHE = """
r=unchanged
for m in $1; do if [ ! -e "/etc/apache2/mods-enabled/$m.load" ]; then a2enmod -q "$m" >/dev/null; r=changed; fi; done
cd /etc/apache2/sites-enabled
for s in 000-default default-ssl; do if [ -e "$s.conf" ]; then a2dissite -q "$s" >/dev/null; r=changed; fi; done
if [ ! -e phm.conf ]; then ln -sf ../sites-available/phm.conf phm.conf; r=changed; fi
echo $r
"""

_QUOTA = """
if btrfs qgroup show /srv >/dev/null 2>&1; then echo unchanged; else btrfs quota enable /srv; echo changed; fi
"""

# Whether a file is newer than a stamp is asked of find(1): the shell's own test knows whole seconds only.
_UNIT = """
r=unchanged
unit=phm-outgoing.service stamp=/run/phm/outgoing.loaded
if ! systemctl -q is-enabled $unit 2>/dev/null; then systemctl daemon-reload; systemctl -q enable $unit; r=changed; fi
newer=$(find /etc/phm/outgoing.nft -newer $stamp 2>/dev/null || echo none)
if ! nft list table inet phm_outgoing >/dev/null 2>&1 || [ -n "$newer" ]; then
  systemctl daemon-reload; touch $stamp.new; systemctl reload-or-restart $unit; mv $stamp.new $stamp; r=changed
fi
echo $r
"""

# Rules that nft(8) does not take never come to stand where the next boot would look for them.
_RULES = """
file=/etc/phm/outgoing.nft new=/etc/phm/.outgoing.nft.phm-new
exec 9>/run/phm/outgoing.lock; flock -w 60 -E 75 9
umask 077; cat >"$new"
[ "$(stat -c %s "$new")" = "$1" ] || { rm -f "$new"; echo "the content came in part only" >&2; exit 75; }
if cmp -s "$new" "$file"; then rm -f "$new"
elif said=$(nft -c -f "$new" 2>&1); then chmod 644 "$new"; mv -fT "$new" "$file"
else rm -f "$new"; echo "$said" >&2; exit 3; fi
"""

_DATABASE = """
client=$1 unit=$2 question=$3 want=$4
have=$("$client" -NBe "$question")
[ "$have" = "$want" ] && { echo unchanged; exit; }
chown mysql:mysql /var/lib/mysql-files
systemctl restart "$unit"
echo changed
"""

_SSHD = """
sshd -t
conf=/etc/ssh/sshd_config.d/phm.conf stamp=/run/phm/sshd.loaded
if [ -e $stamp ] && [ -z "$(find $conf -newer $stamp)" ]; then echo unchanged; exit; fi
touch $stamp.new; systemctl reload ssh; mv $stamp.new $stamp; echo changed
"""

_TMPFILES = """
[ -d /run/phm ] && { echo unchanged; exit; }
systemd-tmpfiles --create /etc/tmpfiles.d/phm.conf; echo changed
"""

_FOLDERS = """
r=unchanged
for d in $1; do [ -d "$d" ] || { mkdir -p "$d"; chmod 755 "$d"; r=changed; }; done
[ "$(stat -c %a /srv/instances)" = 711 ] || { chmod 711 /srv/instances /srv/scratch; r=changed; }
[ "$(stat -c %U:%a /var/log/phm)" = root:755 ] || { chmod 755 /var/log/phm; r=changed; }
echo $r
"""


def ensure_service_folders() -> Command:
    """The service's folders; instances' parents can be passed through but not listed."""
    return script("service folders", _FOLDERS, FOLDERS)


def ensure_run_folder() -> Command:
    """The folder of locks and stamps, now and after each boot."""
    return script("run folder", _TMPFILES)


def ensure_sshd_loaded() -> Command:
    """Sshd has read its settings."""
    return script("sshd", _SSHD)


def ensure_apache_modules() -> Command:
    """Apache's modules on, Debian's example sites off, our site on; the caller reloads."""
    return script("apache modules", _APACHE, MODULES)


def ensure_btrfs_quota() -> Command:
    """The file system counts what each subvolume uses (FLEET.md II.5)."""
    return script("btrfs quota", _QUOTA)


def ensure_outgoing_rules() -> Command:
    """The rules for what instances may reach are loaded, now and after each boot."""
    return script("outgoing rules", _UNIT)


def ensure_outgoing_rules_are(content: str) -> Command:
    """These rules are loaded, now and after each boot; exit code 3: nft(8) refuses them, and the old ones stay."""
    written = content.encode()
    return script("outgoing rules", _RULES + _UNIT, str(len(written)), stdin=written)


def ask_database_settings(wanted: Mapping[str, str]) -> str:
    """The question for what a database runs with, in one row of one value."""
    return f'SELECT CONCAT_WS(",", {", ".join(f"@@{name}" for name in wanted)})'


def ensure_database_settings(number: int, database: Database = Database.MARIADB) -> Command:
    """The database runs with the settings that its file has; a restart is felt by all, so only where they differ."""
    dialect, wanted = DIALECTS[database], running_settings(database, number)
    words = (dialect.client, dialect.unit, ask_database_settings(wanted), ",".join(wanted.values()))
    return script(f"{database} settings", _DATABASE, *words, seconds=180)
