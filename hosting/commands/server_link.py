"""A way from one server to another for one move alone: a key made on the target, restricted on the source, removed.

The target asks, the source answers: what may be asked for stands in a file of the source (`_SERVE`), and the key is
good from the target's address only. Nothing of it passes the control machine but the public key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from hosting.policy.values import ServerFacts

PLACE = "/run/phm/move"
DATABASE_PORTS = 33_000
"""On the target's loopback; the instance's number is added. Instances' own users reach no inner address."""

# Dumps are read in one transaction; the position in the binary log is that transaction's own. A snapshot that is asked
# for before it is there is waited for: in the stop nothing has to be begun any more.
_SERVE = """\
#!/bin/sh
# What the other server of a move may ask for, and nothing else.
set -eu
name=$1
case "${SSH_ORIGINAL_COMMAND:-}" in
  dump) exec mariadb-dump --no-defaults --socket=/run/mysqld/mysqld.sock --user=root --single-transaction --quick \\
    --hex-blob --order-by-primary --skip-dump-date --default-character-set=utf8mb4 --master-data=2 --gtid "phm_$name" ;;
  "send "[0-9]|"send "[0-9][0-9]|"send "[0-9]*" from "[0-9]*)
    set -- ${SSH_ORIGINAL_COMMAND}
    cd "/srv/backup/$name-move"
    case "$2${4:-}" in *[!0-9]*) exit 9 ;; esac
    i=0; until [ -e "$2" ]; do i=$((i+1)); [ $i -lt 30000 ] || exit 75; sleep 0.02; done
    if [ -n "${4:-}" ]; then exec btrfs -q send -p "$4" "$2"; else exec btrfs -q send "$2"; fi ;;
  sessions) exec tar -C "/srv/scratch/$name" -cf - sessions ;;
  "rsync --server "*) exec rrsync -ro "/srv/instances/$name" ;;
  *) echo "not for this key" >&2; exit 9 ;;
esac
"""

_KEY = """
d=/run/phm/move/$1; umask 077; mkdir -p "$d"
[ -e "$d/key" ] || ssh-keygen -q -t ed25519 -N '' -C "phm-move-$1" -f "$d/key"
cat >"$d/known_hosts"
cat >"$d/config" <<END
Host source
HostName $2
Port $3
User $4
HostKeyAlias source
IdentityFile $d/key
IdentitiesOnly yes
UserKnownHostsFile $d/known_hosts
StrictHostKeyChecking yes
BatchMode yes
ConnectTimeout 5
ServerAliveInterval 5
ServerAliveCountMax 3
ExitOnForwardFailure yes
LogLevel ERROR
END
cat "$d/key.pub"
"""

_ADMIT = """
name=$1 from=$2 key=$3 size=$4
d=/run/phm/move/$name; umask 077; mkdir -p "$d" "$HOME/.ssh"
cat >"$d/serve.part"; [ "$(stat -c %s "$d/serve.part")" = "$size" ] || exit 75
mv -f "$d/serve.part" "$d/serve"
exec 9>/run/phm/authorized.lock; flock -w 20 -E 75 9
f=$HOME/.ssh/authorized_keys; touch "$f"
may="restrict,port-forwarding,permitopen=\\"127.0.0.1:3306\\",from=\\"$from\\""
line="$may,command=\\"/bin/sh $d/serve $name\\" $key"
if grep -qxF -- "$line" "$f"; then echo unchanged; exit; fi
{ grep -v " phm-move-$name\\$" "$f" || :; echo "$line"; } >"$f.phm-new"
mv -f "$f.phm-new" "$f"; echo changed
"""

_DISMISS = """
name=$1 f=$HOME/.ssh/authorized_keys r=unchanged
exec 9>/run/phm/authorized.lock; flock -w 20 -E 75 9
if grep -q " phm-move-$name\\$" "$f" 2>/dev/null; then
  umask 077; { grep -v " phm-move-$name\\$" "$f" || :; } >"$f.phm-new"; mv -f "$f.phm-new" "$f"; r=changed
fi
if systemctl -q is-active "phm-move-$name.service"; then systemctl stop "phm-move-$name.service"; r=changed; fi
if [ -e "/run/phm/move/$name" ]; then rm -rf "/run/phm/move/$name"; r=changed; fi
echo $r
"""

_TUNNEL = """
name=$1 port=$2 u=phm-move-$1.service
if ! systemctl -q is-active "$u"; then
  systemctl reset-failed "$u" 2>/dev/null || :
  systemd-run --quiet --collect --unit="$u" -p Restart=always -p RestartSec=1 -p StartLimitIntervalSec=0 \\
    ssh -F "/run/phm/move/$name/config" -N -L "127.0.0.1:$port:127.0.0.1:3306" source
fi
i=0
until curl -s --max-time 2 "telnet://127.0.0.1:$port" </dev/null | head -c 1 | grep -q . ; do
  i=$((i+1)); [ $i -lt 40 ] || { echo "the source's database is not reached through the tunnel" >&2; exit 75; }
  sleep 0.25
done
echo changed
"""

# Nothing is synced: a snapshot is on the disk when it is made, and all that others wrote would have to be as well.
_HOLD = """
from=$1 to=$2
[ "$(stat -c %i "$from")" = 256 ]
mkdir -p -m 700 "$(dirname "$to")"
[ ! -e "$to" ] || btrfs subvolume delete "$to" >/dev/null
btrfs subvolume snapshot -r "$from" "$to" >/dev/null; echo changed
"""

_LET_GO = """
mkdir -p -m 700 "$(dirname "$1")"; touch "$1"; echo changed
"""

# Whoever is to say that he holds what is there at this moment waits for the one file, and writes the other.
_HOLD_MOMENT = """
touch "$1"; i=0
until [ -e "$2" ]; do
  i=$((i+1)); [ $i -lt 250 ] || { echo "nobody holds the database as it is now" >&2; exit 75; }
  sleep 0.02
done
echo changed
"""

_TAKES = """
have=$(btrfs property get -ts "$1" ro); [ "$have" != "ro=$2" ] || { echo unchanged; exit; }
btrfs property set -ts "$1" ro "$2"; echo changed
"""


def take_writes(folder: Path, *, taken: bool) -> Command:
    """A subvolume takes writes, or takes none from anybody."""
    return script("takes writes", _TAKES, str(folder), "false" if taken else "true")


def ensure_key(instance: str, source: ServerFacts, user: str) -> Command:
    """On the target: the move's key, and how it reaches the source, whose host key is pinned; its public half."""
    kind, encoded = source.host_key.split()[:2]
    words = (instance, source.address, str(source.ssh_port), user)
    return script("move key", _KEY, *words, stdin=f"source {kind} {encoded}\n".encode())


def admit(instance: str, target: ServerFacts, public_key: str) -> Command:
    """On the source: the key may ask for what the move needs, from the target's address alone."""
    served = _SERVE.encode()
    return script("admit", _ADMIT, instance, target.address, public_key, str(len(served)), stdin=served)


def dismiss(instance: str) -> Command:
    """On either server: no key, no tunnel, nothing of the way is left."""
    return script("dismiss", _DISMISS, instance)


def ensure_tunnel(instance: str, number: int) -> Command:
    """On the target: the source's database at a port of its own loopback."""
    return script("tunnel", _TUNNEL, instance, str(DATABASE_PORTS + number), seconds=90)


def hold(folder: Path, at: Path) -> Command:
    """On the source: the folder held as it is at this moment."""
    return script("hold", _HOLD, str(folder), str(at))


def let_go(sign: Path) -> Command:
    """On either server: whoever waits for this sign begins."""
    return script("let go", _LET_GO, str(sign))


def hold_moment(asked: Path, held: Path) -> Command:
    """On the target: who sums up its database holds it as it is at this moment; it may change afterwards."""
    return script("hold moment", _HOLD_MOMENT, str(asked), str(held))
