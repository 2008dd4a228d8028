"""What a server is, read in one command; the parser is pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from hosting.commands.command import Command, script
from hosting.commands.database_dialects import DIALECTS
from hosting.commands.packages import units_of
from hosting.commands.php_flavours import PHP_FLAVOURS
from hosting.policy.flavours import PROVEN

if TYPE_CHECKING:
    from hosting.policy.flavours import Flavours

PROGRAMS = (
    "apache2ctl", "php", "cgi-fcgi", "socat", "curl", "unzip", "flock",
    "nft", "rsync", "restic", "logrotate", "cron", "pgrep", "prlimit",
)  # fmt: skip
"""What the service's steps call on a server, whatever its PHP and database are."""

PHP_MODULES = (
    "mysqli",
    "mbstring",
    "gd",
    "curl",
    "xml",
    "dom",
    "zip",
    "iconv",
    "openssl",
    "fileinfo",
    "session",
    "json",
    "zlib",
    "simplexml",
)
"""What the product needs of PHP (phlymail.md section 7)."""

_FACTS = """
echo "debian=$(cat /etc/debian_version)"; echo "kernel=$(uname -r)"; echo "time=$(date +%s.%N)"
echo "machine=$(cat /etc/machine-id)"
mkdir -p /srv; echo "data_filesystem=$(stat -f -c %T /srv)"
sed -n 's/^nameserver[[:space:]]*/resolver=/p' /etc/resolv.conf
echo "data_bytes=$(df -B1 --output=size /srv | tail -n 1 | tr -d ' ')"
echo "database_bytes=$(df -B1 --output=size /var/lib/mysql | tail -n 1 | tr -d ' ')"
units=$1; shift
for p in "$@"; do command -v "$p" >/dev/null && echo "program=$p"; done
php -m | tr '[:upper:]' '[:lower:]' | sed 's/^/php_module=/'
echo "php=$(php -r 'echo PHP_VERSION;')"
for u in $units; do echo "unit.$u=$(systemctl is-active $u || true)"; done
mariadb -NBe "SELECT CONCAT('mariadb=', VERSION()) UNION ALL SELECT CONCAT('log_bin=', @@log_bin) \\
  UNION ALL SELECT CONCAT('binlog_format=', @@binlog_format) UNION ALL SELECT CONCAT('server_id=', @@server_id) \\
  UNION ALL SELECT CONCAT('gtid_domain_id=', @@gtid_domain_id) UNION ALL SELECT CONCAT('sql_mode=', @@sql_mode)" || true
mariadb -NBe "SHOW GLOBAL VARIABLES LIKE 'skip_slave_start'" 2>/dev/null | sed 's/\\t/=/' || true
[ -e /proc/mdstat ] && sed -n 's/^\\(md[0-9]*\\) : \\(.*\\)/raid=\\1 \\2/p' /proc/mdstat
true
"""


def programs_of(flavours: Flavours = PROVEN) -> tuple[str, ...]:
    """What the service's steps call on a server of these flavours."""
    return (*PROGRAMS, PHP_FLAVOURS[flavours.php].program, *DIALECTS[flavours.database].programs)


def read_facts(flavours: Flavours = PROVEN) -> Command:
    """Everything that enrolment wants to know of a server of these flavours."""
    return script("facts", _FACTS, " ".join(units_of(flavours)), *programs_of(flavours), seconds=60)


def read_resolvers() -> Command:
    """Whom the server's programs ask for names."""
    return script("resolvers", "sed -n 's/^nameserver[[:space:]]*/resolver=/p' /etc/resolv.conf")


def parse_facts(out: str) -> dict[str, Any]:
    """The facts as a dictionary; what can come several times is a list, units are a dictionary."""
    facts: dict[str, Any] = {"programs": [], "php_modules": [], "units": {}, "raid": [], "resolvers": []}
    for line in out.splitlines():
        key, _, value = line.partition("=")
        match key:
            case "program":
                facts["programs"].append(value)
            case "php_module":
                facts["php_modules"].append(value)
            case "raid":
                facts["raid"].append(value)
            case "resolver":
                facts["resolvers"] += _addresses(value)
            case "data_bytes" | "database_bytes" | "server_id" | "gtid_domain_id":
                facts[key] = int(value or 0)
            case "time":
                facts[key] = float(value)
            case _ if key.startswith("unit."):
                facts["units"][key.removeprefix("unit.")] = value
            case _ if key:
                facts[key] = value
    return facts


def _addresses(value: str) -> list[str]:
    """What is an address, as one; what is none, or is one on a link of the server's own, is left out."""
    try:
        address = ip_address(value.strip())
    except ValueError:
        return []
    return [] if getattr(address, "scope_id", None) else [str(address)]
