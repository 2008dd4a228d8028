"""The product's settings files: written as PHP's INI reader reads them (phlymail.md sections 1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hosting.errors import Refused
from hosting.policy.limits import LIMITS
from hosting.product.layout import TABLE_PREFIX

FIRST_LINE = ";<?php die(); ?>"
"""A file asked for over the web shows nothing."""

UNWRITABLE = frozenset('"\\\n\r\0${}')
"""What the product neither escapes nor can read back in a value."""

LANGUAGES = {"de": "de_Sie", "en": "en"}
"""A customer's language as the product names its message files."""

CONFIG_LANGUAGES = {"de": "de", "en": "en"}
"""The same for the administration ("Config")."""

PATHS = {
    "base": ".",
    "frontend": "frontend",
    "admin": "config",
    "lib": "shared/lib",
    "conf": "storage/config",
    "msggw": "shared/msggw",
    "theme": "frontend/themes",
    "message": "shared/messages",
    "driver": "shared/drivers",
    "extauth": "shared/extauth",
    "handler": "handlers",
    "storage": "storage",
    "userbase": "storage/user",
    "logging": "storage/logging",
    "tplcache": "storage/tplcache/",
    "au_tmp": "storage/autoupdate",
    "temp": "storage/temp",
}
"""The standard set; written out so that no other value can come to count (the product honours any)."""


NOWHERE, NO_PORT = "127.0.0.1", 9
"""Where nobody listens."""

COPY = {
    "online_status": 1,
    "fix_smtp_host": NOWHERE,
    "fix_smtp_port": NO_PORT,
    "fix_smtp_user": "",
    "fix_smtp_pass": "",
    "fix_smtp_security": "none",
}
"""What a copy of an instance has in its section `core` in place of the instance's."""

PRODUCT_STATE = "fulltextsearch"
"""The section that the product's own job writes into our settings file."""


class UnwritableValue(Refused):
    """A value that the product's INI form can't hold."""


@dataclass(frozen=True)
class Relay:
    """The mail relay that instances send by."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    security: str = "none"


def ini(values: Mapping[str, Mapping[str, object] | object]) -> str:
    """A settings file of the product: sections of keys, or keys alone.

    Raises:
        UnwritableValue: a value with a character that the product does not escape.
    """
    lines = [FIRST_LINE]
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"[{name}]", *(_line(key, inner) for key, inner in value.items())]
        else:
            lines.append(_line(name, value))
    return "\n".join(lines) + "\n"


def _line(key: str, value: object) -> str:
    """One line; digits stand bare, all else in quotes."""
    text = str(int(value) if isinstance(value, bool) else value)
    if bad := sorted(UNWRITABLE & set(text)):
        message = f"The setting {key} holds {bad!r}, which the product's settings files can't hold."
        raise UnwritableValue(message, "Choose a value without it.")
    return f"{key} = {text}" if text.isascii() and text.isdigit() else f'{key} = "{text}"'


def instance_choices(language: str, relay: Relay, provider: str, *, online: bool) -> str:
    """The settings file that wins over all others (`storage/config/choices.ini.php`), safe by construction.

    Args:
        language: the customer's, "de" or "en".
        relay: the mail relay.
        provider: the name that the product shows as its provider.
        online: whether users may log in.
    """
    return ini(
        {
            "core": {
                "debugging_level": "disabled",
                "database": "mysql",
                "language": LANGUAGES[language],
                "theme_name": "Yokohama",
                "timezone": "Europe/Berlin",
                "send_method": "smtp",
                "sendmail": "/usr/sbin/sendmail -t",
                "fix_smtp_host": relay.host,
                "fix_smtp_port": relay.port,
                "fix_smtp_user": relay.user,
                "fix_smtp_pass": relay.password,
                "fix_smtp_security": relay.security,
                "fix_smtp_allowselfsigned": 0,
                "gzip_frontend": 0,
                "gzip_config": 0,
                "sms_feature_active": 0,
                "provider_name": provider,
                "online_status": online,
            },
            "auth": {
                "countonfail": 5,
                "waitonfail": 2,
                "lockonfail": 10,
                "force_ssl": 1,
                "session_cookie": 1,
                "tie_session_ip": 0,
                "show_register": 0,
            },
            "path": PATHS,
            "logging": {"facility": "filesystem", "basename": "%Y/%m/%d.log", "log_sysauth": 0, "log_sql": 0},
            "antijunk": {"use_feature": 0},
        }
    )


def with_product_state(want: str, have: str) -> str:
    """The settings wanted, with what the product itself notes in the same file: whether its full-text index is built.

    Its nightly job saves the file anew, in other words for the same values; then the file stays as it is.

    Args:
        want: a settings file as `ini` writes it.
        have: the file on the server, "" if there is none.
    """
    wanted, there = _values(want), _values(have)
    noted = {key: value for key, value in there.items() if key[0] == PRODUCT_STATE and value in {"0", "1"}}
    if there == wanted | noted:
        return have
    lines = [_line(key, value) for (_, key), value in noted.items()]
    return want + "\n".join([f"[{PRODUCT_STATE}]", *lines, ""]) if lines else want


def with_database(have: str, database: str, password: str) -> str:
    """The product's access to its database (`driver.mysql.ini.php`), for another database and its user of that name."""
    access = {key: value for (_, key), value in _values(have).items()}
    return ini(access | {"user": database, "pass": password, "database": database})


def of_a_copy(have: str) -> str:
    """A settings file as a copy of its instance gets it: users may log in, and mail is sent to nobody."""
    section, kept = "", []
    for line in have.splitlines() or [FIRST_LINE]:
        section = line.strip("[] ") if line.startswith("[") else section
        if section != "core" or line.partition("=")[0].strip() not in COPY:
            kept.append(line)
    at = kept.index("[core]") + 1 if "[core]" in kept else len(kept)
    head = [] if "[core]" in kept else ["[core]"]
    own = [*head, *(_line(key, value) for key, value in COPY.items())]
    return "\n".join([*kept[:at], *own, *kept[at:], ""])


def _values(text: str) -> dict[tuple[str, str], str]:
    """Section and key to value, as the product's own writer and ours form them."""
    section, values = "", {}
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif "=" in line and not line.startswith(";"):
            key, _, value = line.partition("=")
            values[section, key.strip()] = value.strip().strip('"')
    return values


def neutral_autoupdate() -> str:
    """The product's own update made harmless: it would download code without a signature."""
    nowhere = {"host": NOWHERE, "port": NO_PORT, "ssl": 0, "path": "/", "name": "off"}
    return ini({"0": nowhere, "1": nowhere})


def config_choices(language: str, taken: Mapping[str, str] | None = None) -> str:
    """The administration's settings: language, and no lock on addresses.

    Args:
        language: the customer's.
        taken: what was taken over of an old installation's, and counts instead.
    """
    return ini({"language": CONFIG_LANGUAGES[language], "scheme": "default", "allow_ip": 0} | dict(taken or {}))


def installer_form(language: str, database: str, password: str, admin: str, admin_password: str) -> dict[str, str]:
    """The installer's form (phlymail.md section 2)."""
    return {
        "save": "1",
        "language": LANGUAGES[language],
        "language_conf": CONFIG_LANGUAGES[language],
        "skin": "Yokohama",
        "database": "mysql",
        "WP_DB[host]": "localhost:/run/mysqld/mysqld.sock",
        "WP_DB[user]": database,
        "WP_DB[pass]": password,
        "WP_DB[database]": database,
        "WP_DB[prefix]": TABLE_PREFIX,
        "admin_name": admin,
        "admin_pw_1": admin_password,
        "admin_pw_2": admin_password,
    }


ERRORS_LOGGED = "22519"
"""E_ALL without notices and deprecations: of those the product makes dozens a request on PHP 8."""


DISABLED = (
    "system", "shell_exec", "exec", "passthru", "popen", "proc_open", "pcntl_exec",
    "dl", "symlink", "link", "putenv", "mail",
)  # fmt: skip
"""What would lead PHP out of its folders; the product needs none of it: mail goes by SMTP (phlymail.md section 3)."""


def php_values(code_root: str, data: str, scratch: str, log: str) -> dict[str, str]:
    """What PHP may and may not do for one instance; the same for the web and for cron (phlymail.md sections 0, 3)."""
    return {
        "open_basedir": f"{code_root}:{data}:{scratch}:/dev/urandom",
        "disable_functions": ",".join(DISABLED),
        "session.save_path": f"{scratch}/sessions",
        "session.gc_probability": "1",
        "session.gc_divisor": "100",
        "session.gc_maxlifetime": "7200",
        "upload_tmp_dir": f"{scratch}/upload",
        "sys_temp_dir": f"{scratch}/temp",
        "error_log": log,
        "error_reporting": ERRORS_LOGGED,
        "memory_limit": f"{LIMITS.memory_mib}M",
        "post_max_size": f"{LIMITS.post_mib}M",
        "upload_max_filesize": f"{LIMITS.upload_mib}M",
        "max_execution_time": str(LIMITS.script_seconds),
        "default_charset": "UTF-8",
        "zend.exception_ignore_args": "1",  # the log would name what functions were called with
    }
