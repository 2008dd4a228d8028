"""Unix users (useradd(8))."""

from __future__ import annotations

from hosting.commands.command import Command, script

# useradd is not atomic over its files: a killed one may leave the group alone, or a user that shadow(5) lacks.
_USER = """
user=$1 uid=$2 home=$3
if getent passwd "$user" >/dev/null && ! getent shadow "$user" >/dev/null; then pwconv; fi
if e=$(getent passwd "$user"); then
  g=$(getent group "$user" | cut -d: -f3)
  [ "$(echo "$e" | cut -d: -f3,4,6,7):$g" = "$uid:$uid:$home:/usr/sbin/nologin:$uid" ] && { echo unchanged; exit; }
  echo "$user has other numbers or another home than the inventory says: $e" >&2; exit 3
fi
exec 9>/run/phm/users.lock; flock -w 60 -E 75 9
if g=$(getent group "$user"); then [ "$(echo "$g" | cut -d: -f3)" = "$uid" ]; else groupadd -g "$uid" "$user"; fi
useradd -u "$uid" -g "$uid" -d "$home" -M -s /usr/sbin/nologin -c "phlyMail instance" "$user"
echo changed
"""


def ensure_user(user: str, uid: int, home: str) -> Command:
    """A user with its own group of the same number, without a shell; exit code 3 where one of that name differs."""
    return script("useradd", _USER, user, str(uid), home)
