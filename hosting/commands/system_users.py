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

# A group that a killed userdel left behind goes too.
_GONE = """
exec 9>/run/phm/users.lock; flock -w 60 -E 75 9
r=unchanged
if getent passwd "$1" >/dev/null; then
  userdel "$1" 2>/dev/null || { [ $? = 8 ] && exit 75; exit 4; }
  r=changed
fi
if getent group "$1" >/dev/null; then groupdel "$1"; r=changed; fi
echo $r
"""


def ensure_user(user: str, uid: int, home: str) -> Command:
    """A user with its own group of the same number, without a shell; exit code 3 where one of that name differs."""
    return script("useradd", _USER, user, str(uid), home)


def ensure_no_user(user: str) -> Command:
    """No user and group of this name; what they own stays (userdel(8): exit code 8, a process still runs)."""
    return script("userdel", _GONE, user)
