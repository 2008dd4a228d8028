"""What of an enrolment is there on a server, read without changing anything; the parser is pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.commands.database_dialects import DIALECTS
from hosting.commands.enrolment import FOLDERS, MODULES, ask_database_settings
from hosting.policy.enrolling import EnrolmentState
from hosting.policy.flavours import Database, running_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATE = """
for d in $1; do [ -d "$d" ] || echo "folder=$d"; done
for m in $2; do [ -e "/etc/apache2/mods-enabled/$m.load" ] || echo "module=$m"; done
for s in 000-default default-ssl; do [ ! -e "/etc/apache2/sites-enabled/$s.conf" ] || echo "example=$s"; done
[ ! -e /etc/apache2/sites-enabled/phm.conf ] || echo site=on
client=$3 question=$4; shift 4
for f in "$@"; do
  [ ! -f "$f" ] || echo "file=$(stat -c %U:%G:%a "$f") $(sha256sum <"$f" | cut -d ' ' -f 1) $f"
done
if btrfs qgroup show /srv >/dev/null 2>&1; then echo quota=on; fi
if nft list table inet phm_outgoing >/dev/null 2>&1; then echo rules=on; fi
echo "database=$("$client" -NBe "$question" 2>/dev/null || :)"
"""


def read_enrolment(paths: Iterable[str], database: Database = Database.MARIADB) -> Command:
    """What is there of the service's folders, files, modules and settings."""
    question = ask_database_settings(running_settings(database, 0))
    return script("enrolment state", _STATE, FOLDERS, MODULES, DIALECTS[database].client, question, *paths)


def parse_enrolment(out: str) -> EnrolmentState:
    """The answer as a value."""
    found: dict[str, list[str]] = {}
    for line in out.splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key, []).append(value)
    files = (line.split(" ", 2) for line in found.get("file", ()))
    return EnrolmentState(
        files={path: (owner, checksum) for owner, checksum, path in files},
        missing_folders=tuple(found.get("folder", ())),
        modules_off=tuple(found.get("module", ())),
        example_sites=tuple(found.get("example", ())),
        site_on="site" in found,
        quota_on="quota" in found,
        rules_loaded="rules" in found,
        database=found.get("database", [""])[0],
    )
