"""A server's packages: what is installed, what apt would do, whether a boot is due; the parsers are pure (P14).

Sources: apt-get(8) for `-s`, whose lines are `Inst name [old] (new Label:version/archive, … [arch])` and
`Remv name [old]`; proc(5) for what is mapped and deleted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.commands.database_dialects import DIALECTS
from hosting.commands.php_flavours import PHP_FLAVOURS
from hosting.policy.flavours import PROVEN
from hosting.policy.server_updates import Change, Scope, SystemFacts, Transaction

if TYPE_CHECKING:
    from hosting.policy.flavours import Flavours


def units_of(flavours: Flavours) -> tuple[str, ...]:
    """What has to run on a server of ours, whatever is updated."""
    return ("apache2", PHP_FLAVOURS[flavours.php].unit, DIALECTS[flavours.database].unit, "cron", "ssh")


UNITS = units_of(PROVEN)
"""The same on a server that has what is proven."""

INSTALLED = re.compile(r"^Inst (\S+)(?: \[(\S+)\])? \((\S+) ([^\[)]*)", re.MULTILINE)
REMOVED = re.compile(r"^Remv (\S+)", re.MULTILINE)
KEPT_BACK = re.compile(r"^The following packages have been kept back:\n((?:  .*\n)+)", re.MULTILINE)
GOOD = ("ii", "hi", "rc", "un", "pn")
"""States of packages in which nothing is half done (dpkg-query(1))."""

APT = "env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get"

# A program that was replaced while it runs is `(deleted)` in its maps; its unit is the last part of its cgroup. Who is
# logged in runs in a session and is none.
_FACTS = """
. /etc/os-release; echo "distribution=$ID ${VERSION_ID:-}"; echo "kernel=$(uname -r)"
echo "kernel_installed=$(ls /boot 2>/dev/null | sed -n 's/^vmlinuz-//p' | sort -V | tail -n 1)"
if [ -e /run/reboot-required ]; then echo "reboot_required=yes"; fi
echo "boot=$(cat /proc/sys/kernel/random/boot_id)"; echo "up=$(ps -o etimes= -p 1)"
apt-mark showhold | sed 's/^/held=/'
dpkg-query -W -f='package=${db:Status-Abbrev} ${Package} ${Version}\\n'
for p in /proc/[0-9]*; do
  if grep -qsE ' (/usr)?/(bin|sbin|lib|lib64|libexec)/[^ ]* \\(deleted\\)$' "$p/maps"; then
    sed -n 's|.*/\\([^/]*\\.service\\|init\\.scope\\)$|stale=\\1|p' "$p/cgroup" 2>/dev/null | tail -n 1
  fi
done | grep -v '^stale=user@' | sort -u
"""

# An archive that does not answer, or somebody else's look at it just now, may heal: 75 is told as such.
_REFRESH = f"""
said=$({APT} -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o APT::Update::Error-Mode=any update 2>&1) && exit
echo "$said" >&2
case $said in *"Failed to fetch"*|*"Could not get lock"*) exit 75 ;; esac
exit 100
"""

_SIMULATE = f"""
{APT} -s -q -o Debug::NoLocking=1 -o APT::Get::Show-User-Simulation-Note=0 "$@"
"""

_UNITS = """
for u in "$@"; do echo "$u=$(systemctl is-active "$u" || :)"; done
"""

_RESTART = """
exec 9>/run/phm/web.lock; flock -w 120 -E 75 9
for u in "$@"; do systemctl reset-failed "$u" 2>/dev/null || :; systemctl restart "$u" || :; done
"""

_ENSURE_RUNNING = """
exec 9>/run/phm/web.lock; flock -w 120 -E 75 9
r=unchanged
for u in "$@"; do
  if systemctl -q is-active "$u"; then continue; fi
  systemctl reset-failed "$u" 2>/dev/null || :; systemctl start "$u" || :; r=changed
done
echo $r
"""

# It goes down after the answer is on its way.
_REBOOT = """
systemd-run --quiet --collect --on-active=2 systemctl reboot
"""

_HOLD = """
apt-mark hold "$@" >/dev/null
"""


def read_system() -> Command:
    """Everything that a server's update is decided on."""
    return script("facts of packages", _FACTS, seconds=120)


def parse_system(out: str) -> SystemFacts:
    """What `read_system` told."""
    lines = [line.partition("=")[::2] for line in out.splitlines()]
    one = dict(lines)
    packages, half_done = {}, []
    for value in (value for key, value in lines if key == "package"):
        state, name, version = [*value.split(), ""][:3]
        if state[:2] in {"ii", "hi"}:
            packages[name] = version
        if state[:2] not in GOOD:
            half_done.append(name)
    return SystemFacts(
        distribution=one.get("distribution", "").strip(),
        kernel=one.get("kernel", ""),
        kernel_installed=one.get("kernel_installed", ""),
        reboot_required="reboot_required" in one,
        boot=one.get("boot", ""),
        packages=packages,
        held=frozenset(value for key, value in lines if key == "held"),
        half_done=tuple(half_done),
        stale_units=tuple(value for key, value in lines if key == "stale"),
        up_seconds=float(one.get("up", "").strip() or 0),
    )


def refresh_lists() -> Command:
    """What the archives offer, asked anew; an archive that does not answer may heal, what else fails may not."""
    return script("package lists", _REFRESH, seconds=300)


def simulate_all(*, ignore_holds: bool = False) -> Command:
    """What apt would do if everything were updated; held packages only where it is said.

    Its exit code is 100 where apt finds no way.
    """
    return script("preview", _SIMULATE, *_holds(ignore_holds), "full-upgrade", seconds=120)


def simulate_some(versions: dict[str, str], *, ignore_holds: bool = False) -> Command:
    """What apt would do if these packages got these versions, with all that this needs."""
    wanted = [f"{name}={version}" for name, version in versions.items()]
    return script("preview", _SIMULATE, *_holds(ignore_holds), "--only-upgrade", "install", *wanted, seconds=120)


def parse_transaction(out: str) -> Transaction:
    """What apt said that it would do."""
    changes = tuple(
        Change(name, old or "", new, tuple(one.strip() for one in archives.split(",") if one.strip()))
        for name, old, new, archives in INSTALLED.findall(out)
    )
    kept = KEPT_BACK.search(out)
    return Transaction(changes, tuple(REMOVED.findall(out)), tuple(kept[1].split()) if kept else ())


def wanted_versions(offered: Transaction, scope: Scope) -> dict[str, str]:
    """The versions that an update is after: all that are offered, or those of the security archive."""
    return {one.name: one.new for one in offered.changes if one.old and (scope is Scope.FULL or one.is_security)}


def read_units(*units: str) -> Command:
    """Whether units run."""
    return script("units", _UNITS, *units)


def parse_units(out: str) -> dict[str, str]:
    """What is wrong with each unit; "" where it runs."""
    states = (line.partition("=")[::2] for line in out.splitlines())
    return {unit: "" if state == "active" else f"{unit} is {state}." for unit, state in states}


def restart_units(*units: str) -> Command:
    """Units run what is on the disk; one that does not come back is told by `read_units`."""
    return script("restart", _RESTART, *units, seconds=240)


def ensure_units_run(*units: str) -> Command:
    """Units that don't run are started; one that does not come up is told by `read_units`."""
    return script("start", _ENSURE_RUNNING, *units, seconds=240)


def reboot() -> Command:
    """The server goes down and comes back."""
    return script("reboot", _REBOOT)


def read_boot() -> Command:
    """The id of the present boot."""
    return script("boot", "cat /proc/sys/kernel/random/boot_id", seconds=20)


def hold_packages(*names: str) -> Command:
    """Packages stay as they are until somebody says otherwise."""
    return script("hold", _HOLD, *names, seconds=60)


def _holds(ignore: bool) -> tuple[str, ...]:
    """The option that looks past holds."""
    return ("--ignore-hold",) if ignore else ()
